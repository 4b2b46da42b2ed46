// The privacy ledger: what every private run on a data set has cost, and what
// it may still cost. Runs compose as Rényi curves, recomputed from the
// parameters that are kept, so that the same numbers come out for ever.
//
// Which runs count for a unit: for RECORD, runs of both units, since a bound
// for a whole subject bounds each record of theirs; for SUBJECT, runs of that
// unit only. Runs of the weaker kind, and runs without privacy, bound nothing
// for a subject: they are listed or counted, not added.
// Not thread-safe.
#ifndef SEALTRAIN_CUSTODY_PRIVACY_LEDGER_INTERNAL_H_
#define SEALTRAIN_CUSTODY_PRIVACY_LEDGER_INTERNAL_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/policy/rdp_accountant.h"

namespace sealtrain::custody {

// InvalidArgument: the plan is no plan at all.
absl::Status CheckPlan(const DpPlan& plan);

// Why a checked plan does not meet `obligation`, for people; nullopt: it does.
absl::StatusOr<std::optional<std::string>> PlanFailure(
    const policy::DifferentialPrivacy& obligation, const DpPlan& plan);

class PrivacyLedger {
 public:
  explicit PrivacyLedger(Database& db) : db_(&db) {}

  // Epsilon at `delta` of all runs that count for `unit`, and of `next` on top
  // if it is not null.
  absl::StatusOr<double> ComposedEpsilon(const std::string& dataset, policy::PrivacyUnit unit,
                                         double delta, const DpPlan* next) const;

  // Books the planned cost: spent from now on, until settled.
  absl::Status Reserve(const Grant& grant, const DpPlan& plan, absl::Time now);
  // Books `steps` instead, for good. OK if nothing was reserved.
  absl::Status Settle(const Id& permit_id, std::uint64_t steps);
  // As if it had never been: only where no key was released.
  absl::Status Cancel(const Id& permit_id);

  // nullopt: a run without privacy, or none at all.
  absl::StatusOr<std::optional<BudgetEntry>> Find(const Id& permit_id) const;
  // One for each unit that was ever charged. `runs_without_privacy` is left to
  // the caller.
  absl::StatusOr<std::vector<Budget>> Budgets(const std::string& dataset) const;

 private:
  absl::StatusOr<std::vector<BudgetEntry>> EntriesFor(const std::string& dataset,
                                                      policy::PrivacyUnit unit) const;

  Database* db_;
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_PRIVACY_LEDGER_INTERNAL_H_
