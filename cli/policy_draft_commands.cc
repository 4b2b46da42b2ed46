// sealtrain policy: init, fmt, check-schema.
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/cli/new_file.h"
#include "sealtrain/cli/policy_files.h"
#include "sealtrain/policy/draft.h"
#include "sealtrain/policy/policy_format.h"
#include "sealtrain/policy/schema_evolution.h"

namespace sealtrain::cli {
namespace {

struct DraftArgs {
  SchemaArgs schema;
  std::vector<std::string> approvers;
  std::string out;
  policy::DraftOptions options;
};

absl::Status RunPolicyInit(Context& context, const DraftArgs& args) {
  ST_ASSIGN_OR_RETURN(const std::shared_ptr<const policy::Schema> schema,
                      args.schema.Load(context));
  policy::DraftOptions options = args.options;
  if (options.author.empty()) options.author = context.principal();
  for (const std::string& approver : args.approvers) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(approver, absl::MaxSplits('=', 1));
    options.approvers.push_back({.name = parts.first, .public_key = parts.second});
  }
  ST_ASSIGN_OR_RETURN(const std::string page, policy::DraftPolicy(*schema, options));
  if (!args.out.empty()) ST_RETURN_IF_ERROR(WriteNewFile(args.out, AsBytes(page)));
  context.Print({{"file", args.out}, {"text", page}},
                args.out.empty() ? page : absl::StrCat("Written: ", args.out));
  return absl::OkStatus();
}

struct FormatArgs {
  std::string file;
  bool write = false;
  bool check = false;
};

absl::Status RunFormat(Context& context, const FormatArgs& args) {
  ST_ASSIGN_OR_RETURN(const std::string text, ReadPolicy(args.file));
  ST_ASSIGN_OR_RETURN(const std::string page, policy::FormatPolicy(text, args.file));
  const bool is_canonical = page == text;
  if (args.write && !is_canonical) {
    // Behind a link, and as open to others as it was: they are to approve it.
    const std::string path = CanonicalPath(args.file);
    std::error_code ignored;
    const std::filesystem::perms mode = std::filesystem::status(path, ignored).permissions();
    ST_RETURN_IF_ERROR(WriteFileDurably(Env::Posix(), path, AsBytes(page)));
    std::filesystem::permissions(path, mode, ignored);
  }
  nlohmann::json object = {{"file", args.file}, {"canonical", is_canonical}};
  std::string shown = page;
  if (args.check || args.write) {
    shown =
        absl::StrCat(Printable(args.file), is_canonical ? ": is laid out so already"
                                           : args.write ? ": written anew; approvals of it are void"
                                                        : ": is not in the canonical layout");
  } else {
    object["text"] = page;
  }
  context.Print(object, shown);
  if (args.check && !is_canonical) context.exit_code = kCheckFailed;
  return absl::OkStatus();
}

struct SchemaChangeArgs {
  std::string before;
  std::string after;
  std::string message;
};

absl::Status RunCheckSchema(Context& context, const SchemaChangeArgs& args) {
  ST_ASSIGN_OR_RETURN(const std::shared_ptr<const policy::Schema> before,
                      LoadSchema(args.before, args.message));
  ST_ASSIGN_OR_RETURN(const std::shared_ptr<const policy::Schema> after,
                      LoadSchema(args.after, args.message));
  const std::vector<policy::SchemaFault> faults = policy::CompareSchemas(*before, *after);
  nlohmann::json list = nlohmann::json::array();
  std::string page;
  for (const policy::SchemaFault& fault : faults) {
    list.push_back({{"column", fault.column}, {"message", fault.message}});
    absl::StrAppend(&page, Printable(args.after), ": column \"", Printable(fault.column),
                    "\": ", fault.message, "\n");
  }
  if (faults.empty())
    page = absl::StrCat(Printable(args.after), ": may take the place of ", Printable(args.before));
  context.Print({{"before", args.before}, {"after", args.after}, {"faults", list}}, page);
  if (!faults.empty()) context.exit_code = kCheckFailed;
  return absl::OkStatus();
}

}  // namespace

void AddPolicyDraftCommands(CLI::App& policy, Context& context) {
  auto draft = std::make_shared<DraftArgs>();
  CLI::App* command = policy.add_subcommand(
      "init",
      "Draft a first policy that allows nothing and lists every data class of a schema\n\n"
      "Example:\n"
      "  sealtrain policy init --schema mail.proto --message Mail --id mail-abuse \\\n"
      "      --dataset 'mails/*' --approver ada=$(sealtrain policy keygen --out ada.key)");
  draft->schema.AddOptions(command);
  command->get_option("--schema")->required();
  command->get_option("--message")->required();
  command->add_option("--id", draft->options.id, "Name of the policy")->required();
  command->add_option("--dataset", draft->options.dataset, "Exact name, PREFIX/* or *")->required();
  command->add_option("--approver", draft->approvers, "NAME=PUBLICKEY; may be repeated")
      ->required();
  command->add_option("--purpose", draft->options.purpose,
                      "What for (default: what the schema's record was collected for)");
  command->add_option("--author", draft->options.author,
                      "Who writes it and may not approve it (default: --principal)");
  command->add_option("--out", draft->out, "New file (default: stdout)");
  command->callback([&context, draft] {
    context.run = [&context, draft] { return RunPolicyInit(context, *draft); };
  });

  auto format = std::make_shared<FormatArgs>();
  command = policy.add_subcommand("fmt",
                                  "Print a file in the canonical layout, comments kept\n\n"
                                  "Example:\n"
                                  "  sealtrain policy fmt --check mail.textproto");
  command->add_option("FILE", format->file, "Policy set in text format")->required();
  CLI::Option* write =
      command->add_flag("--write", format->write, "Write it back, which voids approvals");
  command->add_flag("--check", format->check, "Only say whether it is: exit code 0 or 1")
      ->excludes(write);
  command->callback([&context, format] {
    context.run = [&context, format] { return RunFormat(context, *format); };
  });

  auto change = std::make_shared<SchemaChangeArgs>();
  command = policy.add_subcommand(
      "check-schema",
      "Whether a new version of a record type keeps what the old one promised\n\n"
      "Example:\n"
      "  sealtrain policy check-schema mail-1.proto mail-2.proto --message Mail");
  command->add_option("BEFORE", change->before, ".proto file of the older version")->required();
  command->add_option("AFTER", change->after, ".proto file of the newer version")->required();
  command->add_option("--message", change->message, "The record's message in both")->required();
  command->callback([&context, change] {
    context.run = [&context, change] { return RunCheckSchema(context, *change); };
  });
}

}  // namespace sealtrain::cli
