// What may be said of a column that several reviews treated: the weakest.
#ifndef SEALTRAIN_CUSTODY_APPLIED_TRANSFORM_INTERNAL_H_
#define SEALTRAIN_CUSTODY_APPLIED_TRANSFORM_INTERNAL_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "sealtrain/custody/manifest.pb.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::custody {

// A transform that is no stronger than `a` and no stronger than `b`, by the
// order of policy/loaded_policy.h; nullopt where they cannot be compared.
std::optional<policy::Transform> Weakest(const policy::Transform& a, const policy::Transform& b);

// The weakest over all plans of `manifest`; nullopt, which never opens, if a
// plan lacks the column, two of them cannot be compared, or there is no plan.
std::optional<policy::Transform> AppliedToColumn(const Manifest& manifest,
                                                 absl::string_view column_id);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_APPLIED_TRANSFORM_INTERNAL_H_
