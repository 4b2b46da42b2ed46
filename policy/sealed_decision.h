// Decisions about data that stand under the policy sets they were sealed under.
//
// A later set tightens at once, and loosens nothing: what opens sealed data, or lets a
// model of them leave, must be allowed by the set in force and by every set that a part of them
// stands under, and the obligations of all of these meet at the strictest. docs/policy.md,
// section 6.
#ifndef SEALTRAIN_POLICY_SEALED_DECISION_H_
#define SEALTRAIN_POLICY_SEALED_DECISION_H_

#include <optional>

#include "absl/types/span.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/loaded_policy.h"

namespace sealtrain::policy {

// `sets`: every set that is or was in force, the one in force last; not empty. For
// actions that open, and EXPORT_MODEL, asks the sets of `request.sealed_under` as well: one that is
// not among `sets` denies as "unknown_fact", one that denies does so as "sealed_under". The rules
// that the answer names are those of the set in force. Pure.
Decision DecideSealed(absl::Span<const LoadedPolicy> sets, const Request& request);

// Makes the decision on an EXPORT_MODEL as strict as the conditions that its model
// inherited from the run which made it.
void TightenRelease(Decision& decision, const std::optional<Release>& inherited);

// Makes the decision on a SEAL as strict as the one on the INGEST of the same job in
// what both carry out together: k-anonymity, text scans and retention.
void TightenSealing(Decision& seal, const Decision& ingest);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_SEALED_DECISION_H_
