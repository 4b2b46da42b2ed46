// What makes a parsed policy set invalid, and what makes it doubtful.
#ifndef SEALTRAIN_POLICY_POLICY_CHECK_INTERNAL_H_
#define SEALTRAIN_POLICY_POLICY_CHECK_INTERNAL_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/policy_document_internal.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy::internal {

// Errors only; a set without any can be decided by. The document must have
// parsed.
std::vector<Finding> CheckMeaning(const PolicyDocument& document);

// Warnings only, on a set without errors.
std::vector<Finding> Lint(const PolicyDocument& document, std::optional<std::uint64_t> subjects);

// Warnings about what rules come to together, found by deciding every request
// that the set, which is without errors, can tell apart: permits that never
// allow anything or change nothing, classes that a permit covers in vain,
// forbids within others, transforms that cannot be compared, rules that no test
// is decided by. With a schema, which may be null, also what is so of its columns alone,
// and which of them can never be sealed, opened or treated as a rule asks.
std::vector<Finding> LintEffects(const PolicyDocument& document, const Schema* schema);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_POLICY_CHECK_INTERNAL_H_
