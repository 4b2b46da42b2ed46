// What a policy gives to whom, as pages and JSON: of `policy plan`, `policy who-can`
// and `dataset columns`.
#ifndef SEALTRAIN_CLI_ACCESS_PLAN_H_
#define SEALTRAIN_CLI_ACCESS_PLAN_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/cli/policy_files.h"
#include "sealtrain/policy/access.h"

namespace sealtrain::cli {

// "KEEP; IBAN SCRUB", "withheld", "uncovered": in one line, names escaped.
std::string WhatOneGets(const policy::Access& access);
// "always", "in 2 of 12 situations, e.g. trust LOCKED, at ...": in so many, the first of which
// is that of `access`.
std::string WhenOneGets(const policy::Access& access, std::size_t in_situations);
// How many answers about one column a page shows; --json shows all.
inline constexpr std::size_t kMaxShownAnswers = 8;
// "" or, in a line, how many answers a page leaves out.
std::string LeftOutText(std::size_t answers);
// "" or, in a line, which sets that the data stand under have a say beside the one in force.
std::string StandingText(const PolicyStack& stack);
nlohmann::json AccessListJson(const std::vector<policy::Access>& list);
nlohmann::json SealedUnderJson(const PolicyStack& stack);

// Action by action, what each principal gets of each column and under which duties; with a
// schema also the columns that they do not get.
struct AccessPlan {
  nlohmann::json object;  // "access", "denied", "sealed_under"
  std::string page;
};
// OutOfRange as ListAccess. `schema` may be null.
absl::StatusOr<AccessPlan> PlanAccess(const PolicyStack& stack, const policy::Schema* schema,
                                      policy::AccessQuery query);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_ACCESS_PLAN_H_
