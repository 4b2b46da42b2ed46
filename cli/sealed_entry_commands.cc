// sealtrain audit: what entries of the audit log seal.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/command_line.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/cli/new_file.h"

namespace sealtrain::cli {
namespace {

struct SealedEntryArgs {
  std::uint64_t index = 0;
  std::string purpose;
  std::string why;
  std::string out;
  std::string entry;
};

custody::EntryRequest RequestOf(const Context& context, const SealedEntryArgs& args) {
  return {.principal = context.principal(),
          .purpose = args.purpose,
          .index = args.index,
          .why = args.why};
}

absl::Status RunReveal(Context& context, const SealedEntryArgs& args) {
  if (args.out.empty() != args.entry.empty()) {
    return context.UsageError("--out and --entry go together: a proof is checked with both");
  }
  if (!args.out.empty() && args.out == args.entry) {
    return context.UsageError("--out and --entry are one file");
  }
  // Before custody tells the log that it gave the text out.
  for (const std::string& file : {args.out, args.entry}) {
    if (!file.empty() && Env::Posix().Exists(file)) {
      return absl::AlreadyExistsError(absl::StrCat(file, " exists"));
    }
  }
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const custody::RevealedEntry revealed,
                      custodian->RevealEntry(RequestOf(context, args)));
  if (!args.out.empty()) {
    ST_RETURN_IF_ERROR(WriteNewFile(args.entry, AsBytes(revealed.entry)));
    ST_RETURN_IF_ERROR(WriteNewFile(args.out, AsBytes(revealed.proof)));
  }
  const audit::OpenedText& opened = revealed.opened;
  Rows table = {{"entry", absl::StrCat(args.index)}, {opened.field, Printable(opened.text)}};
  nlohmann::json object = {{"index", args.index}, {"field", opened.field}, {"text", opened.text}};
  if (!args.out.empty()) {
    table.push_back({"proof", Printable(args.out)});
    object["proof_file"] = args.out;
    object["entry_file"] = args.entry;
  }
  context.Print(object, Table(table));
  return absl::OkStatus();
}

absl::Status RunRedact(Context& context, const SealedEntryArgs& args) {
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_RETURN_IF_ERROR(custodian->RedactEntry(RequestOf(context, args)));
  context.Print({{"index", args.index}, {"redacted", true}},
                absl::StrCat("What entry ", args.index,
                             " sealed is destroyed. The log and its proofs are as they were."));
  return absl::OkStatus();
}

void AddCommonOptions(CLI::App& command, SealedEntryArgs& args) {
  command.add_option("N", args.index, "The entry's index, as sealtrain-audit shows it")
      ->required()
      ->check(kIndex);
  command.add_option("--purpose", args.purpose, "What for, as the policy names it")->required();
  AddWhyOption(command, args.why);
}

}  // namespace

void AddSealedEntryCommands(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand(
      "audit",
      "Open or destroy what entries of the audit log seal (a --why). Everything else of the\n"
      "log is for sealtrain-audit, which has no keys.\n\n"
      "Examples:\n"
      "  sealtrain --principal user:ada audit reveal 17 --purpose safety\n"
      "  sealtrain --principal user:ada audit redact 17 --purpose safety");
  group->require_subcommand(1);

  auto args = std::make_shared<SealedEntryArgs>();
  CLI::App* reveal = group->add_subcommand(
      "reveal",
      "Open what an entry seals, and prove it to others\n\n"
      "Examples:\n"
      "  sealtrain audit reveal 17 --purpose safety\n"
      "  sealtrain audit reveal 17 --purpose safety --out 17.tlog-proof --entry 17.entry\n"
      "  sealtrain-audit check 17.tlog-proof --entry 17.entry --vkey \"$(cat log.vkey)\"\n\n"
      "Takes a permit for READ_AUDIT on the entry's data set. The log tells of it.");
  AddCommonOptions(*reveal, *args);
  reveal->add_option("--out", args->out, "New file for a proof that has the text in it");
  reveal->add_option("--entry", args->entry, "New file for the entry's bytes, to check against");
  reveal->callback(
      [&context, args] { context.run = [&context, args] { return RunReveal(context, *args); }; });

  args = std::make_shared<SealedEntryArgs>();
  CLI::App* redact = group->add_subcommand(
      "redact",
      "Destroy what an entry seals\n\n"
      "Examples:\n"
      "  sealtrain --principal user:ada access request --action ERASE --entry 17 \\\n"
      "      --dataset mails --purpose safety --until 2027-01-31T00:00:00Z --out r.textproto\n"
      "  sealtrain access approve r.textproto --name bob --key bob.key\n"
      "  sealtrain access approve r.textproto --name eve --key eve.key\n"
      "  sealtrain access submit r.textproto\n"
      "  sealtrain --principal user:ada audit redact 17 --purpose safety\n\n"
      "Takes a permit for ERASE on the entry's data set and two approvals of that entry's\n"
      "redaction. The log stays as it is, with all its proofs, and tells of it. Copies of the\n"
      "key store that were made before still hold the text, under the passphrase of then.");
  AddCommonOptions(*redact, *args);
  redact->callback(
      [&context, args] { context.run = [&context, args] { return RunRedact(context, *args); }; });
}

}  // namespace sealtrain::cli
