// How long keys may be used.
#ifndef SEALTRAIN_POLICY_LEASE_H_
#define SEALTRAIN_POLICY_LEASE_H_

#include <algorithm>
#include <optional>

#include "absl/time/time.h"

namespace sealtrain::policy {

// Where no `lease` is asked for.
inline constexpr absl::Duration kDefaultLease = absl::Minutes(10);
// Whatever is asked for.
inline constexpr absl::Duration kMaxLease = absl::Hours(24);

// How long custody releases keys under a decision with that `lease`.
inline absl::Duration LeaseOf(const std::optional<absl::Duration>& lease) {
  return std::min(lease.value_or(kDefaultLease), kMaxLease);
}

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_LEASE_H_
