#include "sealtrain/policy/access.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/types/span.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/policy/duties.h"
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
      access.request = situation;
      if (!access.request.columns.empty()) {
        access.request.columns.front().applied = outcome.transform;
      }
      access.transform = *std::move(outcome.transform);
      access.decision = std::move(outcome.decision);
      access.situation = internal::DescribeSituation(situation);
    }
    if (access.allowed_situations == 0) return;
    TraceDuties(absl::MakeConstSpan(&policy, 1), access.request, access.decision);
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

std::vector<Access> WithDenied(const LoadedPolicy& policy, const Schema& schema,
                               std::vector<Access> list) {
  const auto head = [](const Access& access) {
    return std::tie(access.action, access.principals, access.dataset, access.purpose);
  };
  std::vector<Access> all;
  for (auto begin = list.begin(); begin != list.end();) {
    const auto end = std::find_if(
        begin, list.end(), [&](const Access& access) { return head(access) != head(*begin); });
    const Access first = *begin;
    std::set<std::string> given;
    for (; begin != end; ++begin) {
      given.insert(begin->column);
      all.push_back(std::move(*begin));
    }
    if (first.column.empty()) continue;  // an action without columns
    for (const Column& column : schema.columns()) {
      if (given.count(column.name) > 0) continue;
      Access& denied = all.emplace_back(first);
      denied.column = column.name;
      denied.classes = column.classes;
      if (!denied.request.columns.empty()) {
        denied.request.columns = {{.name = column.name, .classes = column.classes, .applied = {}}};
      }
      denied.request.model_classes = column.classes;
      denied.decision = policy.Decide(denied.request);
      denied.allowed_situations = 0;
    }
  }
  return all;
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
