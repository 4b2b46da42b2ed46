#include "sealtrain/custody/privacy_ledger_internal.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sealtrain/base/number_text.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::custody {
namespace {

using policy::PrivacyPhase;
using policy::PrivacyUnit;

// A run that took no step released nothing; the accountant wants at least one.
std::vector<PrivacyPhase> PhasesOf(const std::vector<BudgetEntry>& entries) {
  std::vector<PrivacyPhase> phases;
  for (const BudgetEntry& entry : entries) {
    if (entry.plan.phase.steps > 0) phases.push_back(entry.plan.phase);
  }
  return phases;
}

absl::StatusOr<double> Epsilon(const std::vector<PrivacyPhase>& phases, double delta) {
  if (phases.empty()) return 0.0;
  return policy::RdpEpsilon(phases, delta);
}

// Whether a run with unit `run` bounds what is lost about one `asked`.
bool CountsFor(PrivacyUnit run, PrivacyUnit asked) {
  return run == asked || (asked == policy::RECORD && run == policy::SUBJECT);
}

constexpr char kSelect[] =
    "SELECT permit_id, principal, model, unit, sampling_rate, noise_multiplier, steps, delta, "
    "settled, reserved_ns FROM ledger WHERE ";

absl::StatusOr<std::vector<BudgetEntry>> ReadEntries(Statement& select) {
  std::vector<BudgetEntry> entries;
  while (true) {
    ST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return entries;
    BudgetEntry& entry = entries.emplace_back();
    ST_RETURN_IF_ERROR(select.Blob(0, absl::MakeSpan(entry.permit_id)));
    entry.principal = select.Text(1);
    entry.model = select.Text(2);
    entry.plan.unit = static_cast<PrivacyUnit>(select.Int(3));
    entry.plan.phase.sampling_rate = select.Real(4);
    entry.plan.phase.noise_multiplier = select.Real(5);
    entry.plan.phase.steps = select.Uint(6);
    entry.plan.delta = select.Real(7);
    entry.settled = select.Int(8) != 0;
    entry.reserved_at = absl::FromUnixNanos(select.Int(9));
    ST_ASSIGN_OR_RETURN(entry.epsilon, Epsilon(PhasesOf({entry}), entry.plan.delta));
  }
}

}  // namespace

absl::Status CheckPlan(const DpPlan& plan) {
  if (plan.unit != policy::RECORD && plan.unit != policy::SUBJECT) {
    return absl::InvalidArgumentError("the privacy plan names no unit");
  }
  if (!(plan.delta > 0 && plan.delta < 1)) {
    return absl::InvalidArgumentError("the privacy plan's delta is not between 0 and 1");
  }
  if (plan.phase.steps == 0) return absl::InvalidArgumentError("the privacy plan has no steps");
  return Epsilon({plan.phase}, plan.delta).status();
}

absl::StatusOr<std::optional<std::string>> PlanFailure(
    const policy::DifferentialPrivacy& obligation, const DpPlan& plan) {
  if (!CountsFor(plan.unit, obligation.unit())) {
    return absl::StrCat("the policy protects each ", policy::PrivacyUnit_Name(obligation.unit()),
                        ", the plan only each ", policy::PrivacyUnit_Name(plan.unit));
  }
  if (!(plan.delta <= obligation.delta_max())) {
    return absl::StrFormat("the plan has delta %s, the policy allows %s", NumberText(plan.delta),
                           NumberText(obligation.delta_max()));
  }
  ST_ASSIGN_OR_RETURN(const double epsilon, Epsilon({plan.phase}, obligation.delta_max()));
  if (!(epsilon <= obligation.epsilon_max())) {
    return absl::StrFormat("the plan costs epsilon %s at delta %s, the policy allows %s",
                           NumberText(epsilon), NumberText(obligation.delta_max()),
                           NumberText(obligation.epsilon_max()));
  }
  return std::nullopt;
}

absl::StatusOr<double> PrivacyLedger::ComposedEpsilon(const std::string& dataset, PrivacyUnit unit,
                                                      double delta, const DpPlan* next) const {
  ST_ASSIGN_OR_RETURN(const std::vector<BudgetEntry> entries, EntriesFor(dataset, unit));
  std::vector<PrivacyPhase> phases = PhasesOf(entries);
  if (next != nullptr) phases.push_back(next->phase);
  return Epsilon(phases, delta);
}

absl::Status PrivacyLedger::Reserve(const Grant& grant, const DpPlan& plan, absl::Time now) {
  ST_ASSIGN_OR_RETURN(
      Statement insert,
      db_->Prepare("INSERT INTO ledger (permit_id, dataset, principal, model, unit, "
                   "sampling_rate, noise_multiplier, steps, delta, settled, reserved_ns) "
                   "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)"));
  return insert.Bind(ByteSpan(grant.permit_id))
      .Bind(grant.dataset)
      .Bind(grant.principal)
      .Bind(grant.model)
      .Bind(std::int64_t{plan.unit})
      .Bind(plan.phase.sampling_rate)
      .Bind(plan.phase.noise_multiplier)
      .Bind(plan.phase.steps)
      .Bind(plan.delta)
      .Bind(absl::ToUnixNanos(now))
      .Run();
}

absl::Status PrivacyLedger::Settle(const Id& permit_id, std::uint64_t steps) {
  ST_ASSIGN_OR_RETURN(Statement update,
                      db_->Prepare("UPDATE ledger SET steps = ?, settled = 1 WHERE permit_id = ?"));
  return update.Bind(steps).Bind(ByteSpan(permit_id)).Run();
}

absl::Status PrivacyLedger::Cancel(const Id& permit_id) {
  ST_ASSIGN_OR_RETURN(Statement remove, db_->Prepare("DELETE FROM ledger WHERE permit_id = ?"));
  return remove.Bind(ByteSpan(permit_id)).Run();
}

absl::StatusOr<std::optional<BudgetEntry>> PrivacyLedger::Find(const Id& permit_id) const {
  ST_ASSIGN_OR_RETURN(Statement select, db_->Prepare(absl::StrCat(kSelect, "permit_id = ?")));
  ST_ASSIGN_OR_RETURN(std::vector<BudgetEntry> entries,
                      ReadEntries(select.Bind(ByteSpan(permit_id))));
  if (entries.empty()) return std::nullopt;
  return std::move(entries.front());
}

absl::StatusOr<std::vector<Budget>> PrivacyLedger::Budgets(const std::string& dataset) const {
  std::vector<Budget> budgets;
  for (const PrivacyUnit unit : {policy::RECORD, policy::SUBJECT}) {
    ST_ASSIGN_OR_RETURN(std::vector<BudgetEntry> entries, EntriesFor(dataset, unit));
    const bool charged =
        std::any_of(entries.begin(), entries.end(),
                    [unit](const BudgetEntry& entry) { return entry.plan.unit == unit; });
    if (!charged) continue;
    Budget& budget = budgets.emplace_back();
    budget.dataset = dataset;
    budget.unit = unit;
    // The smallest delta that any run asked for: the most careful statement.
    budget.delta = 1;
    for (const BudgetEntry& entry : entries)
      budget.delta = std::min(budget.delta, entry.plan.delta);
    ST_ASSIGN_OR_RETURN(budget.epsilon_spent, Epsilon(PhasesOf(entries), budget.delta));
    budget.entries = std::move(entries);
  }
  return budgets;
}

absl::StatusOr<std::vector<BudgetEntry>> PrivacyLedger::EntriesFor(const std::string& dataset,
                                                                   PrivacyUnit unit) const {
  ST_ASSIGN_OR_RETURN(Statement select, db_->Prepare(absl::StrCat(kSelect, "dataset = ?")));
  ST_ASSIGN_OR_RETURN(std::vector<BudgetEntry> entries, ReadEntries(select.Bind(dataset)));
  entries.erase(std::remove_if(
                    entries.begin(), entries.end(),
                    [unit](const BudgetEntry& entry) { return !CountsFor(entry.plan.unit, unit); }),
                entries.end());
  return entries;
}

}  // namespace sealtrain::custody
