// Which rules each obligation of a decision comes from, and what would end a forbid: asked for
// when somebody wants to know, so that deciding need not keep count.
#ifndef SEALTRAIN_POLICY_DUTIES_H_
#define SEALTRAIN_POLICY_DUTIES_H_

#include <string>

#include "absl/types/span.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/loaded_policy.h"

namespace sealtrain::policy {

// Fills `decision.duties` of an answer that DecideSealed(sets, request) gave, or, with one
// set, its Decide(request). Sets of `request.sealed_under` that are not among `sets` are left out.
// A denial has no duties; of one that the set in force forbids it fills `decision.would_end`. Pure.
void TraceDuties(absl::Span<const LoadedPolicy> sets, const Request& request, Decision& decision);

// Which rules such an answer, which allows, rests on: two answers to requests for the same
// column that rest on the same have the same duties. Cheaper than these. Pure.
std::string GroundsOf(absl::Span<const LoadedPolicy> sets, const Request& request,
                      const Decision& decision);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_DUTIES_H_
