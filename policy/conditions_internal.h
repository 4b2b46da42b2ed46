// Conditions of rules: a closed set, each three-valued.
#ifndef SEALTRAIN_POLICY_CONDITIONS_INTERNAL_H_
#define SEALTRAIN_POLICY_CONDITIONS_INTERNAL_H_

#include <string>

#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::policy::internal {

enum class Truth { kFalse, kTrue, kUnknown };

// By the facts of the request; an empty condition is unknown.
Truth Evaluate(const Condition& condition, const Request& request);

// Whether `b` is true wherever `a` is: conditions on one fact, of which `a` asks no less.
// Both without error.
bool Implies(const Condition& a, const Condition& b);

// Whether custody ever knows the fact of a request for `action`.
bool CanBeKnown(const Condition& condition, Action action);

// Behind a condition that is unknown: " (not known)", or that it never is.
std::string UnknownNote(const Condition& condition, Action action);

// "trust_at_least LOCKED"
std::string ConditionText(const Condition& condition);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_CONDITIONS_INTERNAL_H_
