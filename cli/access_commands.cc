// sealtrain access: request, approve, submit.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/opening.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/approval_files.h"
#include "sealtrain/cli/command_line.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/cli/new_file.h"
#include "sealtrain/cli/policy_files.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/custody/access_request.pb.h"
#include "sealtrain/custody/policy_approval.h"

namespace sealtrain::cli {
namespace {

struct AccessRequestArgs {
  std::vector<std::string> actions;
  std::string dataset;
  std::string purpose;
  std::string model;
  std::optional<std::uint64_t> entry;
  std::string why;
  std::string until;
  std::string out;
};

// The uid, in hex, of an entry of the home's audit log that seals something about `dataset`.
absl::StatusOr<std::string> EntryUid(Context& context, std::uint64_t index,
                                     const std::string& dataset) {
  ST_ASSIGN_OR_RETURN(const std::string home, context.Home());
  ST_ASSIGN_OR_RETURN(const auto log,
                      audit::LogReader::Open(Env::Posix(), JoinPath(home, "audit")));
  audit::Event event;
  ST_RETURN_IF_ERROR(log->ForEach(index, index + 1, [&event](const audit::Entry& entry) {
    event = entry.event;
    return true;
  }));
  if (!audit::SealsAnything(event) || event.object().dataset() != dataset) {
    return context.UsageError(
        absl::StrCat("--entry: entry ", index, " seals nothing about ", dataset));
  }
  return HexEncode(AsBytes(event.uid()));
}

absl::Status RunAccessRequest(Context& context, const AccessRequestArgs& args) {
  custody::AccessRequest request;
  request.set_principal(context.principal());
  for (const std::string& name : args.actions) {
    ST_ASSIGN_OR_RETURN(const policy::Action action, ParseAction(context, name));
    request.add_action(action);
  }
  request.set_dataset(args.dataset);
  request.set_purpose(args.purpose);
  request.set_model(args.model);
  if (!args.why.empty()) {
    const absl::Status sealable = audit::CheckSealable(args.why);
    if (!sealable.ok()) return context.UsageError(absl::StrCat("--why: ", sealable.message()));
  }
  if (args.entry) {
    ST_ASSIGN_OR_RETURN(*request.mutable_entry_uid(), EntryUid(context, *args.entry, args.dataset));
  }
  request.set_why(args.why);
  ST_ASSIGN_OR_RETURN(const absl::Time until, ParseRfc3339(context, "--until", args.until));
  request.mutable_not_after()->set_seconds(absl::ToUnixSeconds(until));
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const std::string text, custodian->DraftAccess(std::move(request)));
  ST_RETURN_IF_ERROR(WriteNewFile(args.out, AsBytes(text)));
  context.Print({{"file", args.out}},
                absl::StrCat("Written: ", args.out,
                             ". Approvers sign it with `access approve`; then `access submit`."));
  return absl::OkStatus();
}

std::vector<std::string> ActionNames(const custody::AccessRequest& request) {
  std::vector<std::string> names;
  for (const int action : request.action()) {
    names.push_back(policy::Action_Name(static_cast<policy::Action>(action)));
  }
  return names;
}

// As custody reads it, whatever else stands in the text.
nlohmann::json AccessRequestJson(const custody::AccessRequest& request) {
  return {{"principal", request.principal()},
          {"actions", ActionNames(request)},
          {"dataset", request.dataset()},
          {"purpose", request.purpose()},
          {"model", request.model()},
          {"entry_uid", request.entry_uid()},
          {"why", request.why()},
          {"until", FormatUtc(absl::FromUnixSeconds(request.not_after().seconds()))},
          {"custody", request.custody()},
          {"policy_sha256", request.policy_sha256()}};
}

std::string AccessRequestPage(const custody::AccessRequest& request) {
  Rows rows = {{"principal", request.principal()},
               {"actions", absl::StrJoin(ActionNames(request), ", ")},
               {"data set", request.dataset()},
               {"purpose", request.purpose()}};
  if (!request.model().empty()) rows.push_back({"model", request.model()});
  if (!request.entry_uid().empty()) rows.push_back({"log entry", request.entry_uid()});
  rows.push_back({"why", request.why()});
  rows.push_back({"until", FormatUtc(absl::FromUnixSeconds(request.not_after().seconds()))});
  rows.push_back({"custody", request.custody()});
  rows.push_back({"policy", request.policy_sha256()});
  for (std::vector<std::string>& row : rows) row.back() = Printable(row.back());
  return Table(rows);
}

struct AccessApproveArgs {
  std::string file;
  std::string name;
  std::string key;
};

absl::Status RunAccessApprove(Context& context, const AccessApproveArgs& args) {
  ST_ASSIGN_OR_RETURN(const std::string text, ReadPolicy(args.file));
  ST_ASSIGN_OR_RETURN(const crypto::SigningKey key, ReadApproverKey(args.key));
  ST_ASSIGN_OR_RETURN(const std::string line, custody::ApproveAccess(text, args.name, key));
  ST_ASSIGN_OR_RETURN(const std::string path, AddApproval(args.file, args.name, line));
  const std::string digest = HexEncode(crypto::Sha256(AsBytes(text)));
  ST_ASSIGN_OR_RETURN(const custody::AccessRequest request, custody::ParseAccessRequest(text));
  context.Print({{"approvals_file", path},
                 {"name", args.name},
                 {"sha256", digest},
                 {"request", AccessRequestJson(request)}},
                absl::StrCat(args.name, " approved this, SHA-256 ", digest, ":\n\n",
                             AccessRequestPage(request), "\nwritten  ", path));
  return absl::OkStatus();
}

absl::Status RunAccessSubmit(Context& context, const std::string& file) {
  ST_ASSIGN_OR_RETURN(const std::string text, ReadPolicy(file));
  ST_ASSIGN_OR_RETURN(const std::string approvals, ReadApprovals(file));
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_RETURN_IF_ERROR(custodian->SubmitAccess(context.principal(), text, file, approvals));
  const std::string digest = HexEncode(crypto::Sha256(AsBytes(text)));
  context.Print({{"file", file}, {"sha256", digest}},
                absl::StrCat("Handed in: ", file, "\nSHA-256    ", digest));
  return absl::OkStatus();
}

}  // namespace

void AddAccessCommands(CLI::App& app, Context& context) {
  CLI::App* access = app.add_subcommand(
      "access",
      "Requests that approvers sign before they are made, for policies that ask for\n"
      "approvals_at_least.\n\n"
      "Examples:\n"
      "  sealtrain --home H --principal workload:train access request --action TRAIN \\\n"
      "      --dataset mails --purpose safety --until 2027-01-31T00:00:00Z --out run.textproto\n"
      "  sealtrain access approve run.textproto --name ada --key ada.key\n"
      "  sealtrain --home H access submit run.textproto");
  access->require_subcommand(1);

  auto request = std::make_shared<AccessRequestArgs>();
  CLI::App* command = access->add_subcommand(
      "request",
      "Write down what --principal is going to ask for, of this home and under the policy in\n"
      "force, for which it opens the home: signed, it counts until another policy is applied\n\n"
      "Example:\n"
      "  sealtrain --principal user:ada access request --action CHANGE_POLICY --dataset mails \\\n"
      "      --purpose safety --until 2027-01-31T00:00:00Z --out reseal.textproto");
  command->add_option("--action", request->actions, "TRAIN, EVALUATE, ...; may be repeated")
      ->required();
  command->add_option("--dataset", request->dataset, "Data set")->required();
  command->add_option("--purpose", request->purpose, "A purpose the policy declares")->required();
  command->add_option("--model", request->model, "With EXPORT_MODEL: the model that is to leave");
  command
      ->add_option("--entry", request->entry,
                   "With READ_AUDIT or ERASE: the entry of the audit log, by its index")
      ->check(kIndex);
  command->add_option("--why", request->why,
                      "For those who sign, and for auditors; sealed in the log");
  command->add_option("--until", request->until, "RFC 3339; at most 30 days from now")->required();
  command->add_option("--out", request->out, "New file")->required();
  command->callback([&context, request] {
    context.run = [&context, request] { return RunAccessRequest(context, *request); };
  });

  auto approve = std::make_shared<AccessApproveArgs>();
  command =
      access->add_subcommand("approve",
                             "Sign a request as an approver, into FILE.approvals\n\n"
                             "Example:\n"
                             "  sealtrain access approve run.textproto --name ada --key ada.key");
  command->add_option("FILE", approve->file, "Made by `access request`")->required();
  command->add_option("--name", approve->name, "The approver's name in the policy")->required();
  command->add_option("--key", approve->key, "Private key made by `policy keygen`")->required();
  command->callback([&context, approve] {
    context.run = [&context, approve] { return RunAccessApprove(context, *approve); };
  });

  auto file = std::make_shared<std::string>();
  command = access->add_subcommand("submit",
                                   "Hand a signed request in: its signatures count from now on\n\n"
                                   "Example:\n"
                                   "  sealtrain access submit run.textproto");
  command->add_option("FILE", *file, "Request, with FILE.approvals beside it")->required();
  command->callback([&context, file] {
    context.run = [&context, file] { return RunAccessSubmit(context, *file); };
  });
}

}  // namespace sealtrain::cli
