// Epsilon of the Poisson-sampled Gaussian mechanism from both sides, by its privacy
// loss distribution (PLD): pure arithmetic.
//
// The upper bound composes distributions that dominate the mechanism's (Doroshenko
// et al., arXiv 2207.04380), the lower one distributions that are post-processings of
// it, for the data sets on which the mechanism leaks most. In between lies the truth;
// how far apart the bounds are says how good the computation was, and nothing about the
// mechanism. What is cut off, what rounding does and what the transform gets wrong is
// computed at its worst and charged. Sampling is by independent coins, and secret.
//
// Thread-safe. Takes milliseconds for ordinary plans, and for extreme ones more than
// ten seconds of a core and some 200 MB.
#ifndef SEALTRAIN_POLICY_PLD_ACCOUNTANT_H_
#define SEALTRAIN_POLICY_PLD_ACCOUNTANT_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/policy/rdp_accountant.h"

namespace sealtrain::policy {

// How neighbouring data sets differ.
enum class Neighbours {
  kAddRemove,   // one unit is in one of them only; epsilon is that of the worse direction
  kReplaceOne,  // one unit is another one; it may move a sum by twice the clipping norm
};

struct EpsilonBounds {
  double lower = 0;
  double upper = 0;  // infinity where nothing is proven
};

// The noise multiplier of a phase is the standard deviation of the noise divided
// by the clipping norm, whatever the neighbours. The upper bound is at most that of
// the same steps without sampling, and for kAddRemove at most RdpEpsilon(). The grid is refined
// until the bounds are within 0.1 % of each other or the time is used up.
//
// InvalidArgument: a parameter out of range or not finite.
absl::StatusOr<EpsilonBounds> PldEpsilon(absl::Span<const PrivacyPhase> phases, double delta,
                                         Neighbours neighbours);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_PLD_ACCOUNTANT_H_
