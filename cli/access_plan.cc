#include "sealtrain/cli/access_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/class_names.h"
#include "sealtrain/cli/policy_files.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/explain.h"

namespace sealtrain::cli {
namespace {

nlohmann::json AccessJson(const policy::Access& access) {
  nlohmann::json object = {{"principals", access.principals},
                           {"action", policy::Action_Name(access.action)},
                           {"dataset", access.dataset},
                           {"purpose", access.purpose},
                           {"rules", RuleRefsJson(access.decision.determining_rules)}};
  if (!access.column.empty()) {
    object["column"] = access.column;
    object["classes"] = ClassNames(access.classes);
  }
  if (!access.decision.allow) {
    object["reason_code"] = access.decision.reason_code;
    object["reason"] = access.decision.reason;
    return object;
  }
  object["situation"] = access.situation;
  object["allowed_situations"] = access.allowed_situations;
  object["situations"] = access.situations;
  if (!access.column.empty()) object["transform"] = policy::DescribeTransform(access.transform);
  if (policy::ActionSeals(access.action)) {
    object["scan"] = ScanJson(access.decision.columns.front());
  }
  AddObligations(access.decision, object);
  return object;
}

std::string WhyNot(const policy::Decision& denial) {
  if (denial.reason_code == "uncovered_column") return "uncovered";
  if (denial.determining_rules.empty()) return absl::StrCat("denied: ", denial.reason_code);
  return absl::StrCat("forbidden by ", RuleRefsText(denial.determining_rules));
}

}  // namespace

std::string WhatOneGets(const policy::Access& access) {
  if (!access.decision.allow) return WhyNot(access.decision);
  if (access.column.empty()) return "yes";
  const bool seals = policy::ActionSeals(access.action);
  if (access.transform.kind() == policy::DROP) return seals ? "dropped" : "withheld";
  if (seals) return policy::DescribeTreatment(access.decision.columns.front());
  const std::string transform = policy::DescribeTransform(access.transform);
  return access.transform.kind() == policy::KEEP ? transform
                                                 : absl::StrCat("if sealed under ", transform);
}

std::string WhenOneGets(const policy::Access& access) {
  if (!access.decision.allow) return "";
  if (access.allowed_situations == access.situations) return "always";
  return absl::StrCat("e.g. ", access.situation);
}

nlohmann::json AccessListJson(const std::vector<policy::Access>& list) {
  nlohmann::json objects = nlohmann::json::array();
  for (const policy::Access& access : list) objects.push_back(AccessJson(access));
  return objects;
}

absl::StatusOr<AccessPlan> PlanAccess(const policy::LoadedPolicy& policy,
                                      const policy::Schema* schema,
                                      const policy::AccessQuery& query) {
  ST_ASSIGN_OR_RETURN(std::vector<policy::Access> list, policy::ListAccess(policy, schema, query));
  if (schema != nullptr) list = policy::WithDenied(policy, *schema, std::move(list));
  AccessPlan plan;
  std::string who;
  std::string duties;
  Rows rows;
  const auto end_chapter = [&] {
    if (rows.empty()) return;
    absl::StrAppend(&plan.page, who, "\n");
    if (!duties.empty()) absl::StrAppend(&plan.page, "  under ", duties, "\n");
    absl::StrAppend(&plan.page, Table(rows), "\n");
    rows.clear();
  };
  for (const policy::Access& access : list) {
    std::string next =
        absl::StrCat(policy::Action_Name(access.action), " for ", Printable(access.purpose), " by ",
                     Printable(absl::StrJoin(access.principals, ", ")));
    // What is denied has no duties, and stands below what is not.
    std::string next_duties =
        access.decision.allow ? policy::DescribeObligations(access.decision) : duties;
    if (next != who || next_duties != duties) end_chapter();
    who = std::move(next);
    duties = std::move(next_duties);
    rows.push_back({absl::StrCat("  ", Printable(access.column)), ClassesText(access.classes),
                    WhatOneGets(access), WhenOneGets(access)});
  }
  end_chapter();
  if (list.empty()) plan.page = "Nobody gets anything.\n";
  const auto denied = std::stable_partition(
      list.begin(), list.end(), [](const policy::Access& access) { return access.decision.allow; });
  plan.object = {{"access", AccessListJson({list.begin(), denied})},
                 {"denied", AccessListJson({denied, list.end()})}};
  return plan;
}

}  // namespace sealtrain::cli
