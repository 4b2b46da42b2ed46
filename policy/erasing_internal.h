// Destroying what the audit log seals: a step that no set can make easier.
#ifndef SEALTRAIN_POLICY_ERASING_INTERNAL_H_
#define SEALTRAIN_POLICY_ERASING_INTERNAL_H_

#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/decision_engine_internal.h"

namespace sealtrain::policy::internal {

// What `engine` decides by the rules of `set`, and for ERASE by the approvals that it takes
// whatever they say.
Decision Decide(const DecisionEngine& engine, const PolicySet& set, const Request& request);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_ERASING_INTERNAL_H_
