// The sum of many independent privacy losses on one grid, and its epsilon.
#ifndef SEALTRAIN_POLICY_LOSS_COMPOSITION_INTERNAL_H_
#define SEALTRAIN_POLICY_LOSS_COMPOSITION_INTERNAL_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "sealtrain/policy/privacy_loss_internal.h"

namespace sealtrain::policy::internal {

struct RepeatedLoss {
  LossMasses masses;
  Real times = 1;
};

// An upper and a lower bound on delta(epsilon), turned around. Both work with the
// transform of the masses tilted by e^(tilt * loss), where the tilt puts the mean
// of the sum near the epsilon that is looked for: what rounding does is then small
// beside delta, however small delta is. What it does at most is computed beside
// the result, and so is what lies outside of the window of the transform.
//
// `delta` in (0, 1). Nothing is returned if more than `max_points` numbers would have
// to be transformed at once.

// The least epsilon >= 0, rounded up, at which what is composed of upper masses has
// at most `delta`; infinity where the precision does not suffice.
std::optional<Real> EpsilonAtMost(const std::vector<RepeatedLoss>& losses, Real grid, Real delta,
                                  std::size_t max_points);

// The greatest epsilon, rounded down, at which what is composed of lower masses has at
// least `delta`; zero where there is none, or where the precision does not suffice.
std::optional<Real> EpsilonAtLeast(const std::vector<RepeatedLoss>& losses, Real grid, Real delta,
                                   std::size_t max_points);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_LOSS_COMPOSITION_INTERNAL_H_
