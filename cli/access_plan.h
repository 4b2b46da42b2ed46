// What a policy gives to whom, as pages and JSON: of `policy plan`, `policy who-can`
// and `dataset columns`.
#ifndef SEALTRAIN_CLI_ACCESS_PLAN_H_
#define SEALTRAIN_CLI_ACCESS_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/policy/access.h"

namespace sealtrain::cli {

// "KEEP; IBAN SCRUB", "withheld", "uncovered": in one line, names escaped.
std::string WhatOneGets(const policy::Access& access);
// "always", or the facts of one situation.
std::string WhenOneGets(const policy::Access& access);
nlohmann::json AccessListJson(const std::vector<policy::Access>& list);

// Action by action, what each principal gets of each column and under which duties; with a
// schema also the columns that they do not get.
struct AccessPlan {
  nlohmann::json object;  // "access", "denied"
  std::string page;
};
// OutOfRange as ListAccess. `schema` may be null.
absl::StatusOr<AccessPlan> PlanAccess(const policy::LoadedPolicy& policy,
                                      const policy::Schema* schema,
                                      const policy::AccessQuery& query);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_ACCESS_PLAN_H_
