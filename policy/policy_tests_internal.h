// The tests that stand in a policy file, and how much of it they hold.
#ifndef SEALTRAIN_POLICY_POLICY_TESTS_INTERNAL_H_
#define SEALTRAIN_POLICY_POLICY_TESTS_INTERNAL_H_

#include <set>
#include <string>
#include <vector>

#include "sealtrain/policy/decision_engine_internal.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/policy_document_internal.h"

namespace sealtrain::policy::internal {

// The document is without errors, the engine made from it.
std::vector<TestResult> RunTests(const PolicyDocument& document, const DecisionEngine& engine);
// The ids of all rules that some test is decided by.
std::set<std::string> DecidingRules(const PolicyDocument& document, const DecisionEngine& engine);
TestReport ReportTests(const PolicyDocument& document, const DecisionEngine& engine);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_POLICY_TESTS_INTERNAL_H_
