#include "sealtrain/cli/access_plan.h"

#include <algorithm>
#include <map>
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

// All that somebody gets under the same duties, or never: a line for each column and treatment.
struct Chapter {
  std::string heading;
  struct Line {
    const policy::Access* access;  // the first
    std::string gets;
    std::size_t situations;
  };
  std::vector<Line> lines;
};

std::string WhyNot(const policy::Decision& denial) {
  if (denial.reason_code == "uncovered_column") return "uncovered";
  if (denial.determining_rules.empty()) return absl::StrCat("denied: ", denial.reason_code);
  return absl::StrCat("forbidden by ", RuleRefsText(denial.determining_rules));
}

// `access`, which lives as long. Rules that come to the same share a line.
void AddTo(std::vector<Chapter>& chapters, const policy::Access& access) {
  std::string heading = "never";
  if (access.decision.allow) {
    const std::string duties = policy::DescribeObligations(access.action, access.decision);
    heading = absl::StrCat("under ", duties.empty() ? "no duties" : duties);
  }
  auto chapter = std::find_if(chapters.begin(), chapters.end(),
                              [&heading](const Chapter& some) { return some.heading == heading; });
  if (chapter == chapters.end()) {
    chapters.push_back({.heading = std::move(heading), .lines = {}});
    chapter = chapters.end() - 1;
  }
  std::string gets = WhatOneGets(access);
  for (Chapter::Line& line : chapter->lines) {
    if (line.access->column != access.column || line.gets != gets) continue;
    line.situations += access.allowed_situations;
    return;
  }
  chapter->lines.push_back({&access, std::move(gets), access.allowed_situations});
}

std::string Page(const std::string& who, const std::vector<Chapter>& chapters) {
  std::string page;
  std::map<std::string, std::size_t> shown;  // of each column
  std::size_t left_out = 0;
  for (const Chapter& chapter : chapters) {
    Rows rows;
    for (const Chapter::Line& line : chapter.lines) {
      const policy::Access& access = *line.access;
      if (++shown[access.column] > kMaxShownAnswers) {
        ++left_out;
        continue;
      }
      rows.push_back({absl::StrCat("  ", Printable(access.column)), ClassesText(access.classes),
                      line.gets, WhenOneGets(access, line.situations)});
    }
    if (rows.empty()) continue;
    if (page.empty()) page = absl::StrCat(who, "\n");
    absl::StrAppend(&page, "  ", chapter.heading, "\n");
    absl::StrAppend(&page, Table(rows));
  }
  absl::StrAppend(&page, LeftOutText(left_out), page.empty() ? "" : "\n");
  return page;
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

std::string WhenOneGets(const policy::Access& access, std::size_t in_situations) {
  if (!access.decision.allow) return "";
  if (in_situations == access.situations) return "always";
  return absl::StrCat("in ", in_situations, " of ", access.situations, " situations, e.g. ",
                      access.situation);
}

std::string LeftOutText(std::size_t answers) {
  if (answers == 0) return "";
  return absl::StrCat("Not shown: ", answers, answers == 1 ? " answer" : " answers",
                      " under other duties or rules; --json has them all.\n");
}

std::string StandingText(const PolicyStack& stack) {
  std::vector<std::string> earlier;
  for (const policy::LoadedPolicy& set : stack.sets) {
    if (&set == &stack.in_force()) continue;
    earlier.push_back(absl::StrCat("version ", set.proto().version()));
  }
  const auto& under = stack.sealed_under;
  const bool is_under_newest =
      std::find(under.begin(), under.end(), stack.in_force().sha256()) != under.end();
  const std::size_t known = earlier.size() + (is_under_newest ? 1 : 0);
  if (known < under.size()) earlier.push_back("a set that was never in force here");
  if (earlier.empty()) return "";
  return absl::StrCat("The data stand under ", absl::StrJoin(earlier, ", "),
                      ": what gives them out must be allowed by version ",
                      stack.in_force().proto().version(), ", in force, and by each of these.\n");
}

nlohmann::json AccessListJson(const std::vector<policy::Access>& list) {
  nlohmann::json objects = nlohmann::json::array();
  for (const policy::Access& access : list) objects.push_back(AccessJson(access));
  return objects;
}

nlohmann::json SealedUnderJson(const PolicyStack& stack) {
  nlohmann::json list = nlohmann::json::array();
  for (const Digest& sha256 : stack.sealed_under) list.push_back(HexEncode(sha256));
  return list;
}

absl::StatusOr<AccessPlan> PlanAccess(const PolicyStack& stack, const policy::Schema* schema,
                                      policy::AccessQuery query) {
  query.sealed_under = stack.sealed_under;
  ST_ASSIGN_OR_RETURN(std::vector<policy::Access> list,
                      policy::ListAccess(stack.sets, schema, query));
  if (schema != nullptr) list = policy::WithDenied(stack.sets, *schema, std::move(list));
  AccessPlan plan;
  std::string who;
  std::vector<Chapter> chapters;
  for (const policy::Access& access : list) {
    std::string next =
        absl::StrCat(policy::Action_Name(access.action), " for ", Printable(access.purpose), " by ",
                     Printable(absl::StrJoin(access.principals, ", ")));
    if (next != who) {
      absl::StrAppend(&plan.page, Page(who, chapters));
      chapters.clear();
    }
    who = std::move(next);
    AddTo(chapters, access);
  }
  absl::StrAppend(&plan.page, Page(who, chapters));
  if (list.empty()) plan.page = "Nobody gets anything.\n";
  plan.page = absl::StrCat(StandingText(stack), plan.page);
  const auto denied = std::stable_partition(
      list.begin(), list.end(), [](const policy::Access& access) { return access.decision.allow; });
  plan.object = {{"access", AccessListJson({list.begin(), denied})},
                 {"denied", AccessListJson({denied, list.end()})},
                 {"sealed_under", SealedUnderJson(stack)}};
  return plan;
}

}  // namespace sealtrain::cli
