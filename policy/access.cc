#include "sealtrain/policy/access.h"

#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/policy/request_space_internal.h"

namespace sealtrain::policy {

absl::StatusOr<std::vector<Access>> ListAccess(const LoadedPolicy& policy, const Schema* schema,
                                               const AccessQuery& query) {
  const internal::RequestSpace space({&policy.proto()}, schema,
                                     {.actions = query.actions,
                                      .principal = query.principal,
                                      .dataset = query.dataset,
                                      .purpose = query.purpose});
  const auto decide = [&policy](const Request& request) { return policy.Decide(request); };
  std::vector<Access> list;
  ST_RETURN_IF_ERROR(space.ForEachCell([&](const internal::Cell& cell) {
    Access access;
    for (const Request& situation : cell.situations) {
      internal::Outcome outcome = internal::OutcomeOf(decide, cell, situation);
      if (!outcome.transform) continue;
      if (access.allowed_situations++ > 0) continue;
      access.transform = *std::move(outcome.transform);
      access.dp = std::move(outcome.decision.dp);
      access.rules = std::move(outcome.decision.determining_rules);
      access.situation = internal::DescribeSituation(situation);
    }
    if (access.allowed_situations == 0) return;
    access.situations = cell.situations.size();
    access.principals = cell.principal->shown;
    access.action = cell.action;
    access.dataset = cell.dataset->shown.front();
    access.purpose = cell.purpose;
    if (cell.column != nullptr) {
      access.column = cell.column->name;
      access.classes = cell.column->classes;
    }
    list.push_back(std::move(access));
  }));
  return list;
}

absl::StatusOr<std::vector<RequestedColumn>> ColumnsAsSealed(const LoadedPolicy& policy,
                                                             const Schema& schema,
                                                             const std::string& dataset) {
  AccessQuery sealing;
  sealing.actions = {SEAL};
  sealing.dataset = dataset;
  ST_ASSIGN_OR_RETURN(const std::vector<Access> sealed, ListAccess(policy, &schema, sealing));
  std::vector<RequestedColumn> columns;
  for (const Column& column : schema.columns()) {
    RequestedColumn& requested = columns.emplace_back();
    requested.name = column.name;
    requested.classes = column.classes;
    bool differ = false;
    for (const Access& access : sealed) {
      if (access.column != column.name) continue;
      differ |= requested.applied &&
                requested.applied->SerializeAsString() != access.transform.SerializeAsString();
      requested.applied = access.transform;
    }
    if (differ) requested.applied.reset();
  }
  return columns;
}

}  // namespace sealtrain::policy
