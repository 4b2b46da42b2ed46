// sealtrain policy: can, who-can, plan.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
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
#include "sealtrain/policy/prospects.h"

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

// What is asked, and of its columns those that may have been sealed in more than one way.
struct Question {
  policy::Request request;
  std::vector<policy::SealedColumn> in_doubt;
  bool facts_are_of_custody = false;  // what it does not know, it would not allow
};

// Only the columns that were asked for, in that order; none named: all.
std::vector<policy::SealedColumn> PickColumns(std::vector<policy::SealedColumn> columns,
                                              const std::vector<std::string>& names) {
  if (names.empty()) return columns;
  std::vector<policy::SealedColumn> picked;
  for (const std::string& name : names) {
    picked.push_back(*std::find_if(
        columns.begin(), columns.end(),
        [&](const policy::SealedColumn& sealed) { return sealed.column.name == name; }));
  }
  return picked;
}

// Of columns that may have been sealed in more than one way, which counts: none if the answer
// depends on it.
absl::Status SettleTreatments(const policy::LoadedPolicy& policy, Question& question) {
  if (!policy::ActionOpens(question.request.action)) {
    question.in_doubt.clear();
    return absl::OkStatus();
  }
  for (const policy::SealedColumn& sealed : question.in_doubt) {
    policy::Request alone = question.request;
    alone.columns = {sealed.column};
    ST_ASSIGN_OR_RETURN(const policy::Prospects prospects,
                        policy::ForeseeAnswer(policy, alone, question.in_doubt));
    if (prospects.as_given == policy::Answer::kUnknown) continue;
    for (policy::RequestedColumn& column : question.request.columns) {
      if (column.name == sealed.column.name) column.applied = sealed.treatments.front().transform;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Question> BuildQuestion(Context& context, const CanArgs& args,
                                       const PolicySource::Found& found) {
  ST_ASSIGN_OR_RETURN(const policy::Action action, ParseAction(context, args.action));
  ST_RETURN_IF_ERROR(
      CheckQuestion(context, found.stack.in_force().proto(), action, args.purpose, args.model));
  if (found.schema != nullptr) {
    ST_RETURN_IF_ERROR(CheckColumns(context, *found.schema, args.columns));
  }
  if (!args.columns.empty() && !policy::ActionTakesColumns(action) &&
      !policy::ActionUsesModel(action)) {
    return context.UsageError(absl::StrCat("--column: ", args.action, " takes no columns"));
  }
  if (!policy::ActionKnowsRows(action) && (args.rows || args.age_seconds)) {
    return context.UsageError(absl::StrCat("--rows and --age are never known of ", args.action));
  }
  std::optional<policy::Trust> trust;
  if (!args.trust.empty()) {
    ST_ASSIGN_OR_RETURN(trust, ParseTrust(context, args.trust));
  }
  std::optional<absl::Time> at;
  if (!args.at.empty()) {
    ST_ASSIGN_OR_RETURN(at, ParseRfc3339(context, "--at", args.at));
  }
  Question question;
  policy::Request& request = question.request;
  question.facts_are_of_custody =
      found.custodian != nullptr && args.source.schema_args.file.empty();
  if (question.facts_are_of_custody) {
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
      ST_ASSIGN_OR_RETURN(
          std::vector<policy::SealedColumn> columns,
          policy::ColumnsAsSealed(found.stack.in_force(), *found.schema, args.dataset, trust, at));
      for (policy::SealedColumn& sealed : PickColumns(std::move(columns), args.columns)) {
        request.columns.push_back(sealed.column);
        if (sealed.treatments.size() > 1) question.in_doubt.push_back(std::move(sealed));
      }
    } else if (policy::ActionTakesColumns(action) || policy::ActionUsesModel(action)) {
      return context.UsageError("--schema and --message are needed with --file");
    }
    request.model_classes = policy::UnionOfClasses(request.columns);
    if (!policy::ActionTakesColumns(action)) request.columns.clear();
  }
  if (trust) request.trust = *trust;
  if (args.rows) request.rows = args.rows;
  if (args.approvals) request.approvals = args.approvals;
  if (args.age_seconds) request.dataset_age = absl::Seconds(*args.age_seconds);
  if (at) request.now = *at;
  ST_RETURN_IF_ERROR(SettleTreatments(found.stack.in_force(), question));
  return question;
}

// As custody would where it is asked for the policy in force, else by the file alone.
absl::StatusOr<policy::Decision> Decide(const CanArgs& args, const PolicySource::Found& found,
                                        const policy::Request& request) {
  if (found.custodian != nullptr && args.source.file.empty()) {
    return found.custodian->Explain(request);
  }
  policy::Decision decision = found.stack.in_force().Decide(request);
  policy::TraceDuties(found.stack.sets, request, decision);
  return decision;
}

const char* AnswerWord(policy::Answer answer) {
  switch (answer) {
    case policy::Answer::kNo:
      return "no";
    case policy::Answer::kUnknown:
      return "unknown";
    case policy::Answer::kYes:
      return "yes";
  }
  return "";
}

// The options that give those facts which `request` lacks and `with` has, and their values.
std::vector<std::pair<std::string, std::string>> MissingOptions(const policy::Request& request,
                                                                const policy::Request& with) {
  std::vector<std::pair<std::string, std::string>> options;
  if (with.trust != request.trust) options.emplace_back("--trust", policy::Trust_Name(with.trust));
  if (with.rows != request.rows) options.emplace_back("--rows", absl::StrCat(*with.rows));
  if (with.dataset_age != request.dataset_age) {
    options.emplace_back("--age", absl::StrCat(absl::ToInt64Seconds(*with.dataset_age)));
  }
  if (with.approvals != request.approvals) {
    options.emplace_back("--approvals", absl::StrCat(*with.approvals));
  }
  return options;
}

// An answer, and the decision as it is to be shown: of an unknown one a denial that says what it
// depends on.
struct Answered {
  policy::Answer answer = policy::Answer::kNo;
  policy::Decision decision;
  std::vector<std::string> depends_on;  // options that were not given
};

// Of a denial because it is not known how a column was sealed: there may be no way.
void NameUnsealable(const policy::Request& request, const Question& question,
                    policy::Decision& denial) {
  for (const policy::RequestedColumn& column : request.columns) {
    const bool is_in_doubt =
        std::any_of(question.in_doubt.begin(), question.in_doubt.end(),
                    [&column](const auto& sealed) { return sealed.column.name == column.name; });
    if (column.applied || is_in_doubt) continue;
    denial.reason_code = "no_matching_permit";
    denial.reason = absl::StrCat("under this policy nobody can take in and seal column \"",
                                 Printable(column.name), "\", so there is nothing to open");
    return;
  }
}

absl::StatusOr<Answered> Ask(const CanArgs& args, const PolicySource::Found& found,
                             const Question& question, const policy::Request& request) {
  Answered answered;
  policy::Decision& decision = answered.decision;
  ST_ASSIGN_OR_RETURN(decision, Decide(args, found, request));
  answered.answer = decision.allow ? policy::Answer::kYes : policy::Answer::kNo;
  if (question.facts_are_of_custody) return answered;
  ST_ASSIGN_OR_RETURN(policy::Prospects prospects,
                      policy::ForeseeAnswer(found.stack.in_force(), request, question.in_doubt));
  if (prospects.answer == policy::Answer::kNo && prospects.denial) {
    decision = *std::move(prospects.denial);
  }
  if (prospects.answer == policy::Answer::kNo && decision.reason_code == "unknown_fact") {
    NameUnsealable(request, question, decision);
  }
  if (prospects.answer != policy::Answer::kUnknown) return answered;

  answered.answer = policy::Answer::kUnknown;
  policy::Decision unknown;
  unknown.reason_code = "unknown_fact";
  unknown.reason = decision.reason;
  unknown.policy_id = decision.policy_id;
  unknown.policy_version = decision.policy_version;
  unknown.policy_sha256 = decision.policy_sha256;
  if (prospects.turning) {
    std::vector<std::string> values;
    for (const auto& [option, value] : MissingOptions(request, *prospects.turning)) {
      answered.depends_on.push_back(option);
      values.push_back(absl::StrCat(option, " ", value));
    }
    unknown.reason =
        absl::StrCat("it depends on what is not given: with ", absl::StrJoin(values, " "),
                     prospects.at_turning == policy::Answer::kUnknown
                         ? ", on how the columns were sealed"
                         : absl::StrCat(", ", AnswerWord(prospects.at_turning)));
  }
  decision = std::move(unknown);
  return answered;
}

// How a column may have been sealed, a line each, the column in front.
std::string TreatmentLines(const policy::SealedColumn& sealed) {
  std::string lines;
  for (const policy::SealedColumn::Treatment& treatment : sealed.treatments) {
    absl::StrAppend(&lines, "  ", Printable(sealed.column.name), " is sealed under ",
                    policy::DescribeTransform(treatment.transform), " ",
                    Printable(treatment.situation), "\n");
  }
  return lines;
}

json TreatmentsJson(const std::vector<policy::SealedColumn>& columns) {
  json list = json::array();
  for (const policy::SealedColumn& sealed : columns) {
    for (const policy::SealedColumn::Treatment& treatment : sealed.treatments) {
      list.push_back({{"column", sealed.column.name},
                      {"transform", policy::DescribeTransform(treatment.transform)},
                      {"situation", treatment.situation}});
    }
  }
  return list;
}

absl::Status RunCan(Context& context, const CanArgs& args) {
  ST_ASSIGN_OR_RETURN(const PolicySource::Found found, args.source.Open(context, args.dataset));
  ST_ASSIGN_OR_RETURN(const Question question, BuildQuestion(context, args, found));
  const policy::Request& request = question.request;
  ST_ASSIGN_OR_RETURN(const Answered whole, Ask(args, found, question, request));

  std::string in_doubt;
  json columns = json::array();
  Rows rows = {{"Column", "Classes", "Alone", ""}};
  for (const policy::RequestedColumn& column : request.columns) {
    policy::Request alone = request;
    alone.columns = {column};
    ST_ASSIGN_OR_RETURN(const Answered single, Ask(args, found, question, alone));
    const policy::Decision& decision = single.decision;
    const auto doubt = std::find_if(question.in_doubt.begin(), question.in_doubt.end(),
                                    [&column](const policy::SealedColumn& sealed) {
                                      return sealed.column.name == column.name;
                                    });
    const bool is_yes = single.answer == policy::Answer::kYes;
    std::string plan = decision.reason;
    if (is_yes) plan = policy::DescribeTreatment(decision.columns.front(), column.applied);
    if (doubt != question.in_doubt.end() && single.answer != policy::Answer::kNo) {
      absl::StrAppend(&in_doubt, TreatmentLines(*doubt));
      if (is_yes) plan = "however it was sealed";
    }
    rows.push_back(
        {Printable(column.name), ClassesText(column.classes), AnswerWord(single.answer), plan});
    json entry = {{"name", column.name},
                  {"classes", ClassNames(column.classes)},
                  {"answer", AnswerWord(single.answer)},
                  {"allow", is_yes},
                  {"reason_code", decision.reason_code},
                  {is_yes ? "transform" : "reason",
                   is_yes ? policy::DescribeTransform(decision.columns.front().transform) : plan}};
    if (column.applied && doubt == question.in_doubt.end()) {
      entry["applied"] = policy::DescribeTransform(*column.applied);
    }
    columns.push_back(std::move(entry));
  }
  const bool is_yes = whole.answer == policy::Answer::kYes;
  std::string page =
      absl::StrCat(AnswerWord(whole.answer), is_yes ? "" : ": ", whole.decision.reason, "\n");
  if (const auto& nearest = whole.decision.nearest_miss) {
    absl::StrAppend(&page, "nearest rule ", Printable(nearest->id), " (line ", nearest->line,
                    "), which lacks ", whole.decision.nearest_miss_lacks, "\n");
  }
  if (rows.size() > 1) absl::StrAppend(&page, Table(rows));
  if (!in_doubt.empty()) {
    absl::StrAppend(&page,
                    "How it was sealed depends on the situation then, of which --at and --trust "
                    "give the time and the trust:\n",
                    in_doubt);
  }
  json object = DecisionJson(request, whole.decision);
  object["answer"] = AnswerWord(whole.answer);
  object["depends_on"] = whole.depends_on;
  object["columns_alone"] = std::move(columns);
  object["sealed_as"] = TreatmentsJson(question.in_doubt);
  context.Print(object, page);
  if (!is_yes) context.exit_code = kDenied;
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
  ST_RETURN_IF_ERROR(CheckPurpose(context, found.stack.in_force().proto(), args.purpose));
  policy::AccessQuery query;
  query.actions = {action};
  query.dataset = args.dataset;
  query.purpose = args.purpose;
  query.sealed_under = found.stack.sealed_under;
  ST_ASSIGN_OR_RETURN(const std::vector<policy::Access> list,
                      policy::ListAccess(found.stack.sets, found.schema.get(), query));
  Rows rows = {{"Principals", "Column", "Gets", "Under", "When", "By"}};
  std::map<std::pair<std::vector<std::string>, std::string>, std::size_t> shown;
  std::size_t left_out = 0;
  for (const policy::Access& access : list) {
    if (++shown[{access.principals, access.column}] > kMaxShownAnswers) {
      ++left_out;
      continue;
    }
    rows.push_back({Printable(absl::StrJoin(access.principals, ", ")), Printable(access.column),
                    WhatOneGets(access),
                    policy::DescribeObligations(access.action, access.decision),
                    WhenOneGets(access, access.allowed_situations),
                    RuleRefsText(access.decision.determining_rules)});
  }
  const std::string page = list.empty() ? absl::StrCat("Nobody could ", args.action, " ",
                                                       args.dataset, " for ", args.purpose, ".\n")
                                        : absl::StrCat(Table(rows), LeftOutText(left_out));
  context.Print({{"access", AccessListJson(list)}, {"sealed_under", SealedUnderJson(found.stack)}},
                absl::StrCat(StandingText(found.stack), page));
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
    ST_RETURN_IF_ERROR(CheckPurpose(context, found.stack.in_force().proto(), args.purpose));
    query.purpose = args.purpose;
  }
  ST_ASSIGN_OR_RETURN(AccessPlan plan,
                      PlanAccess(found.stack, found.schema.get(), std::move(query)));
  plan.object["dataset"] = args.dataset;
  context.Print(plan.object, plan.page);
  return absl::OkStatus();
}

}  // namespace

void AddPolicyQueryCommands(CLI::App& policy, Context& context) {
  auto can = std::make_shared<CanArgs>();
  CLI::App* command = policy.add_subcommand(
      "can",
      "Whether one request is allowed, and each of its columns alone: exit code 0 yes, 3 no "
      "or unknown\n\n"
      "Example:\n"
      "  sealtrain --principal workload:train policy can --action TRAIN --dataset mails/train \\\n"
      "      --purpose safety/abuse-detection --column body --trust LOCKED --rows 5000 \\\n"
      "      --file mail.textproto --schema mail.proto --message Mail\n\n"
      "Without --file the policy in force is asked, without --schema the data set's own\n"
      "columns, and the facts are those of custody. With --schema the columns count as\n"
      "sealed under the same policy, in the trust and at the time that are given, else in\n"
      "any. Where it depends on that, or on facts that neither custody nor the question\n"
      "gives, the answer is unknown, exit code 3, and says which options give them.");
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
