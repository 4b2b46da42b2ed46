// What a question comes to whose facts are not all given. Custody denies what depends on an
// unknown fact; whoever only asks wants to know that, and on which.
#ifndef SEALTRAIN_POLICY_PROSPECTS_H_
#define SEALTRAIN_POLICY_PROSPECTS_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/policy/access.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/loaded_policy.h"

namespace sealtrain::policy {

// In this order: the answer on several columns is the least of theirs.
enum class Answer { kNo, kUnknown, kYes };

struct Prospects {
  // kUnknown: some of what is not known allows it, and some does not, or withholds a column.
  Answer answer = Answer::kNo;
  // If the facts that are not given stay unknown: only how columns were sealed is open.
  Answer as_given = Answer::kNo;
  // With as few facts more as make another answer of `as_given`, if that is not kUnknown.
  std::optional<Request> turning;
  Answer at_turning = Answer::kNo;
  // Of kNo, where something is not known: why not, even with the facts that rules like best.
  std::optional<Decision> denial;
};

// Tries all values of trust, rows, age and approvals that `request` leaves out, that custody may
// come to know of the action and that rules of `policy` tell apart; and of each column in
// `in_doubt` all treatments, whatever the request says was applied. The request is one that
// Decide would not call invalid. Pure. OutOfRange: too many values to try.
absl::StatusOr<Prospects> ForeseeAnswer(const LoadedPolicy& policy, const Request& request,
                                        absl::Span<const SealedColumn> in_doubt);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_PROSPECTS_H_
