// sealtrain policy: can, who-can, plan.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/access_plan.h"
#include "sealtrain/cli/class_names.h"
#include "sealtrain/cli/command_line.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/cli/policy_files.h"
#include "sealtrain/policy/access.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/duties.h"
#include "sealtrain/policy/explain.h"

namespace sealtrain::cli {
namespace {

using nlohmann::json;

// --- can ---------------------------------------------------------------------

struct CanArgs {
  PolicySource source;
  std::string dataset;
  std::string action;
  std::string purpose;
  std::vector<std::string> columns;
  std::string model;
  std::string trust;
  std::optional<std::uint64_t> rows;
  std::optional<std::int64_t> age_seconds;
  std::optional<std::uint64_t> approvals;
  std::string at;
};

// Only the columns that were asked for, in that order; none named: all.
absl::Status PickColumns(Context& context, const std::vector<std::string>& names,
                         std::vector<policy::RequestedColumn>& columns) {
  if (names.empty()) return absl::OkStatus();
  std::vector<policy::RequestedColumn> picked;
  for (const std::string& name : names) {
    const auto found =
        std::find_if(columns.begin(), columns.end(),
                     [&](const policy::RequestedColumn& column) { return column.name == name; });
    if (found == columns.end()) {
      return context.UsageError(absl::StrCat("no such column: ", Printable(name)));
    }
    picked.push_back(*found);
  }
  columns = std::move(picked);
  return absl::OkStatus();
}

absl::StatusOr<policy::Request> BuildRequest(Context& context, const CanArgs& args,
                                             const PolicySource::Found& found) {
  ST_ASSIGN_OR_RETURN(const policy::Action action, ParseAction(context, args.action));
  ST_RETURN_IF_ERROR(
      CheckQuestion(context, found.policy.proto(), action, args.purpose, args.model));
  if (!policy::ActionKnowsRows(action) && (args.rows || args.age_seconds)) {
    return context.UsageError(absl::StrCat("--rows and --age are never known of ", args.action));
  }
  policy::Request request;
  if (found.custodian != nullptr && args.source.schema_args.file.empty()) {
    ST_ASSIGN_OR_RETURN(request,
                        found.custodian->RequestFor(context.principal(), action, args.dataset,
                                                    args.purpose, args.columns, args.model));
  } else {
    if (!args.model.empty()) {
      return context.UsageError("--model is one of the home: not with --file or --schema");
    }
    request.principal = context.principal();
    request.action = action;
    request.dataset = args.dataset;
    request.purpose = args.purpose;
    request.now = absl::Now();
    if (found.schema != nullptr) {
      ST_ASSIGN_OR_RETURN(request.columns,
                          policy::ColumnsAsSealed(found.policy, *found.schema, args.dataset));
      ST_RETURN_IF_ERROR(PickColumns(context, args.columns, request.columns));
    } else if (policy::ActionTakesColumns(action) || policy::ActionUsesModel(action)) {
      return context.UsageError("--schema and --message are needed with --file");
    }
    request.model_classes = policy::UnionOfClasses(request.columns);
    if (!policy::ActionTakesColumns(action)) request.columns.clear();
  }
  if (!args.trust.empty()) {
    ST_ASSIGN_OR_RETURN(request.trust, ParseTrust(context, args.trust));
  }
  if (args.rows) request.rows = args.rows;
  if (args.approvals) request.approvals = args.approvals;
  if (args.age_seconds) request.dataset_age = absl::Seconds(*args.age_seconds);
  if (!args.at.empty()) {
    ST_ASSIGN_OR_RETURN(request.now, ParseRfc3339(context, "--at", args.at));
  }
  return request;
}

// As custody would where it is asked for the policy in force, else by the file alone.
absl::StatusOr<policy::Decision> Decide(const CanArgs& args, const PolicySource::Found& found,
                                        const policy::Request& request) {
  if (found.custodian != nullptr && args.source.file.empty()) {
    return found.custodian->Explain(request);
  }
  policy::Decision decision = found.policy.Decide(request);
  policy::TraceDuties(absl::MakeConstSpan(&found.policy, 1), request, decision);
  return decision;
}

absl::Status RunCan(Context& context, const CanArgs& args) {
  ST_ASSIGN_OR_RETURN(const PolicySource::Found found, args.source.Open(context, args.dataset));
  ST_ASSIGN_OR_RETURN(const policy::Request request, BuildRequest(context, args, found));
  ST_ASSIGN_OR_RETURN(const policy::Decision decision, Decide(args, found, request));

  std::string page = decision.allow ? "yes\n" : absl::StrCat("no: ", decision.reason, "\n");
  json columns = json::array();
  Rows rows = {{"Column", "Classes", "Alone", ""}};
  for (const policy::RequestedColumn& column : request.columns) {
    policy::Request alone = request;
    alone.columns = {column};
    ST_ASSIGN_OR_RETURN(const policy::Decision single, Decide(args, found, alone));
    const std::string plan =
        single.allow ? policy::DescribeTreatment(single.columns.front()) : single.reason;
    rows.push_back(
        {Printable(column.name), ClassesText(column.classes), single.allow ? "yes" : "no", plan});
    json entry = {{"name", column.name},
                  {"classes", ClassNames(column.classes)},
                  {"allow", single.allow},
                  {single.allow ? "transform" : "reason", plan}};
    if (column.applied) entry["applied"] = policy::DescribeTransform(*column.applied);
    columns.push_back(std::move(entry));
  }
  if (rows.size() > 1) absl::StrAppend(&page, Table(rows));
  json object = DecisionJson(decision);
  object["columns_alone"] = std::move(columns);
  context.Print(object, page);
  if (!decision.allow) context.exit_code = kDenied;
  return absl::OkStatus();
}

// --- who-can and plan --------------------------------------------------------

struct WhoCanArgs {
  PolicySource source;
  std::string dataset;
  std::string action;
  std::string purpose;
};

absl::Status RunWhoCan(Context& context, const WhoCanArgs& args) {
  ST_ASSIGN_OR_RETURN(const policy::Action action, ParseAction(context, args.action));
  ST_ASSIGN_OR_RETURN(const PolicySource::Found found, args.source.Open(context, args.dataset));
  ST_RETURN_IF_ERROR(CheckPurpose(context, found.policy.proto(), args.purpose));
  policy::AccessQuery query;
  query.actions = {action};
  query.dataset = args.dataset;
  query.purpose = args.purpose;
  ST_ASSIGN_OR_RETURN(const std::vector<policy::Access> list,
                      policy::ListAccess(found.policy, found.schema.get(), query));
  Rows rows = {{"Principals", "Column", "Gets", "Under", "When", "By"}};
  for (const policy::Access& access : list) {
    rows.push_back({Printable(absl::StrJoin(access.principals, ", ")), Printable(access.column),
                    WhatOneGets(access), policy::DescribeObligations(access.decision),
                    WhenOneGets(access), RuleRefsText(access.decision.determining_rules)});
  }
  context.Print({{"access", AccessListJson(list)}},
                list.empty() ? absl::StrCat("Nobody could ", args.action, " ", args.dataset,
                                            " for ", args.purpose, ".\n")
                             : Table(rows));
  return absl::OkStatus();
}

struct PlanArgs {
  PolicySource source;
  std::string dataset;
  std::string purpose;
};

absl::Status RunPlan(Context& context, const PlanArgs& args) {
  ST_ASSIGN_OR_RETURN(const PolicySource::Found found, args.source.Open(context, args.dataset));
  policy::AccessQuery query;
  query.dataset = args.dataset;
  if (!args.purpose.empty()) {
    ST_RETURN_IF_ERROR(CheckPurpose(context, found.policy.proto(), args.purpose));
    query.purpose = args.purpose;
  }
  ST_ASSIGN_OR_RETURN(AccessPlan plan, PlanAccess(found.policy, found.schema.get(), query));
  plan.object["dataset"] = args.dataset;
  context.Print(plan.object, plan.page);
  return absl::OkStatus();
}

}  // namespace

void AddPolicyQueryCommands(CLI::App& policy, Context& context) {
  auto can = std::make_shared<CanArgs>();
  CLI::App* command = policy.add_subcommand(
      "can",
      "Whether one request is allowed, and each of its columns alone: exit code 0 yes, 3 no\n\n"
      "Example:\n"
      "  sealtrain --principal workload:train policy can --action TRAIN --dataset mails/train \\\n"
      "      --purpose safety/abuse-detection --column body --trust LOCKED --rows 5000 \\\n"
      "      --file mail.textproto --schema mail.proto --message Mail\n\n"
      "Without --file the policy in force is asked, without --schema the data set's own\n"
      "columns, and the facts are those of custody. With --schema the columns count as\n"
      "sealed under the same policy. Facts that are not given are unknown.");
  can->source.AddOptions(command);
  command->add_option("--action", can->action, "INGEST, SEAL, TRAIN, EVALUATE, ...")->required();
  command->add_option("--dataset", can->dataset, "Data set")->required();
  command->add_option("--purpose", can->purpose, "A purpose the policy declares")->required();
  command->add_option("--model", can->model,
                      "EVALUATE, EXPORT_MODEL: a model of the home (default: one that learned "
                      "from the columns)");
  command->add_option("--column", can->columns, "Column asked for; may be repeated (default: all)");
  command->add_option("--trust", can->trust, "PLAIN, LOCKED or SANDBOXED");
  command->add_option("--rows", can->rows, "Rows of the data set")->check(kIndex);
  command->add_option("--age", can->age_seconds, "Seconds since the data set's last commit")
      ->check(kIndex);
  command->add_option("--approvals", can->approvals, "Approvers who signed the request")
      ->check(kIndex);
  command->add_option("--at", can->at, "When, as RFC 3339 (default: now)");
  command->callback(
      [&context, can] { context.run = [&context, can] { return RunCan(context, *can); }; });

  auto who = std::make_shared<WhoCanArgs>();
  command = policy.add_subcommand(
      "who-can",
      "Every principal that could do something with a data set for a purpose, under what "
      "duties and facts\n\n"
      "Example:\n"
      "  sealtrain policy who-can --action TRAIN --dataset mails/train \\\n"
      "      --purpose safety/abuse-detection --file mail.textproto");
  who->source.AddOptions(command);
  command->add_option("--action", who->action, "INGEST, SEAL, TRAIN, EVALUATE, ...")->required();
  command->add_option("--dataset", who->dataset, "Data set")->required();
  command->add_option("--purpose", who->purpose, "A purpose the policy declares")->required();
  command->callback(
      [&context, who] { context.run = [&context, who] { return RunWhoCan(context, *who); }; });

  auto plan = std::make_shared<PlanArgs>();
  command = policy.add_subcommand(
      "plan",
      "What each principal gets of each column and under which duties, action by action\n\n"
      "Example:\n"
      "  sealtrain policy plan --dataset mails/train --file mail.textproto \\\n"
      "      --schema mail.proto --message Mail");
  plan->source.AddOptions(command);
  command->add_option("--dataset", plan->dataset, "Data set")->required();
  command->add_option("--purpose", plan->purpose, "Only this purpose (default: all)");
  command->callback(
      [&context, plan] { context.run = [&context, plan] { return RunPlan(context, *plan); }; });
}

}  // namespace sealtrain::cli
