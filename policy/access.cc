#include "sealtrain/policy/access.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/duties.h"
#include "sealtrain/policy/prospects.h"
#include "sealtrain/policy/request_space_internal.h"
#include "sealtrain/policy/sealed_decision.h"

namespace sealtrain::policy {
namespace {

// What is allowed of one cell, an Access for each grounds that it is allowed on.
std::vector<Access> AccessTo(const internal::Cell& cell, absl::Span<const LoadedPolicy> sets,
                             const AccessQuery& query) {
  const auto decide = [sets](const Request& request) { return DecideSealed(sets, request); };
  std::vector<Access> found;
  std::map<std::string, std::size_t> by_grounds;
  for (Request situation : cell.situations) {
    situation.sealed_under = query.sealed_under;
    if (query.trust) situation.trust = *query.trust;
    if (query.now) situation.now = *query.now;
    internal::Outcome outcome = internal::OutcomeOf(decide, cell, situation);
    if (!outcome.transform) continue;
    if (!situation.columns.empty()) situation.columns.front().applied = outcome.transform;
    const auto [known, is_new] =
        by_grounds.try_emplace(GroundsOf(sets, situation, outcome.decision), found.size());
    if (is_new) {
      Access& access = found.emplace_back();
      access.situation = internal::DescribeSituation(situation);
      access.request = std::move(situation);
      access.transform = *std::move(outcome.transform);
      access.decision = std::move(outcome.decision);
      TraceDuties(sets, access.request, access.decision);
    }
    ++found[known->second].allowed_situations;
  }
  for (Access& access : found) {
    access.situations = cell.situations.size();
    access.principals = cell.principal->shown;
    access.action = cell.action;
    access.dataset = cell.dataset->shown.front();
    access.purpose = cell.purpose;
    if (cell.column == nullptr) continue;
    access.column = cell.column->name;
    access.classes = cell.column->classes;
  }
  return found;
}

// Whether a job that INGESTs by the one may SEAL by the other.
bool CanBeOneJob(const Access& ingesting, const Access& sealing) {
  return ingesting.action == INGEST && ingesting.principals == sealing.principals &&
         ingesting.purpose == sealing.purpose && ingesting.column == sealing.column &&
         (ingesting.transform.kind() == KEEP ||
          ingesting.transform.SerializeAsString() == sealing.transform.SerializeAsString());
}

// Each way in which `list`, of INGEST and SEAL, has the column sealed, once.
std::vector<SealedColumn::Treatment> TreatmentsOf(const std::string& column,
                                                  const std::vector<Access>& list) {
  std::vector<SealedColumn::Treatment> treatments;
  std::set<std::string> seen;
  for (const Access& access : list) {
    if (access.action != SEAL || access.column != column) continue;
    const bool is_taken_in =
        std::any_of(list.begin(), list.end(),
                    [&access](const Access& ingesting) { return CanBeOneJob(ingesting, access); });
    if (!is_taken_in) continue;
    if (!seen.insert(access.transform.SerializeAsString()).second) continue;
    treatments.push_back(
        {.transform = access.transform,
         .situation = absl::StrCat("by ", absl::StrJoin(access.principals, ", "), " for ",
                                   access.purpose, ", ", access.situation)});
  }
  return treatments;
}

// The denial of a request that is denied whatever its facts: with those that the rules in force
// like best, since what they would not help against tells more than what they would.
Decision DenialOf(absl::Span<const LoadedPolicy> sets, const Request& request) {
  Request of_any_facts = request;
  of_any_facts.trust = TRUST_UNSPECIFIED;
  of_any_facts.rows = std::nullopt;
  of_any_facts.dataset_age = std::nullopt;
  of_any_facts.approvals = std::nullopt;
  absl::StatusOr<Prospects> prospects = ForeseeAnswer(sets.back(), of_any_facts, {});
  if (prospects.ok() && prospects->denial && prospects->denial->reason_code != "unknown_fact") {
    return *std::move(prospects->denial);
  }
  return DecideSealed(sets, request);
}

}  // namespace

absl::StatusOr<std::vector<Access>> ListAccess(absl::Span<const LoadedPolicy> sets,
                                               const Schema* schema, const AccessQuery& query) {
  std::vector<Access> list;
  // What the sets that the data stand under can tell apart matters to what gives them out alone.
  for (const bool gives_out : {false, true}) {
    internal::RequestSpace::Filter filter{.actions = {},
                                          .principal = query.principal,
                                          .dataset = query.dataset,
                                          .purpose = query.purpose};
    for (int number = ACTION_UNSPECIFIED + 1; number < Action_ARRAYSIZE; ++number) {
      const auto action = static_cast<Action>(number);
      const bool is_asked = query.actions.empty() ||
                            std::count(query.actions.begin(), query.actions.end(), action) > 0;
      if (is_asked && ActionGivesOut(action) == gives_out) filter.actions.push_back(action);
    }
    if (filter.actions.empty()) continue;
    std::vector<const PolicySet*> asked;
    for (const LoadedPolicy& set : sets) {
      const auto& under = query.sealed_under;
      const bool is_under = std::find(under.begin(), under.end(), set.sha256()) != under.end();
      if (&set == &sets.back() || (gives_out && is_under)) asked.push_back(&set.proto());
    }
    const internal::RequestSpace space({std::move(asked)}, schema, filter);
    ST_RETURN_IF_ERROR(space.ForEachCell([&](const internal::Cell& cell) {
      for (Access& access : AccessTo(cell, sets, query)) list.push_back(std::move(access));
    }));
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const Access& a, const Access& b) { return a.action < b.action; });
  return list;
}

std::vector<Access> WithDenied(absl::Span<const LoadedPolicy> sets, const Schema& schema,
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
      denied.decision = DenialOf(sets, denied.request);
      denied.allowed_situations = 0;
    }
  }
  return all;
}

absl::StatusOr<std::vector<SealedColumn>> ColumnsAsSealed(const LoadedPolicy& policy,
                                                          const Schema& schema,
                                                          const std::string& dataset,
                                                          std::optional<Trust> trust,
                                                          std::optional<absl::Time> now) {
  const auto sets = absl::MakeConstSpan(&policy, 1);
  AccessQuery sealing;
  sealing.actions = {INGEST, SEAL};
  sealing.dataset = dataset;
  std::vector<Access> ever;
  if (trust || now) {
    ST_ASSIGN_OR_RETURN(ever, ListAccess(sets, &schema, sealing));
  }
  sealing.trust = trust;
  sealing.now = now;
  ST_ASSIGN_OR_RETURN(const std::vector<Access> then, ListAccess(sets, &schema, sealing));
  std::vector<SealedColumn> columns;
  for (const Column& column : schema.columns()) {
    SealedColumn& sealed = columns.emplace_back();
    sealed.column.name = column.name;
    sealed.column.classes = column.classes;
    sealed.treatments = TreatmentsOf(column.name, then);
    // Whoever opens now need not be what sealed, nor in time to seal.
    if (sealed.treatments.empty()) sealed.treatments = TreatmentsOf(column.name, ever);
    if (sealed.treatments.size() == 1) {
      sealed.column.applied = sealed.treatments.front().transform;
    }
  }
  return columns;
}

}  // namespace sealtrain::policy
