// Rényi differential privacy of the Poisson-sampled Gaussian mechanism, as
// pure arithmetic: Mironov, Talwar, Zhang (arXiv 1908.10530) for the curve,
// Canonne, Kamath, Steinke (arXiv 2004.00010, Prop. 12) for the conversion.
//
// The relation is add/remove one unit. The noise multiplier is the standard
// deviation of the noise divided by the clipping norm. All results are upper
// bounds, rounded up; where a number cannot be computed with confidence the
// result is infinity, never zero. Thread-safe: no state.
#ifndef SEALTRAIN_POLICY_RDP_ACCOUNTANT_H_
#define SEALTRAIN_POLICY_RDP_ACCOUNTANT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace sealtrain::policy {

// `steps` equal steps. sampling_rate in (0, 1], noise_multiplier > 0.
struct PrivacyPhase {
  double sampling_rate = 0;
  double noise_multiplier = 0;
  std::uint64_t steps = 0;
};

// The orders at which every curve of the project is kept: fixed, so that
// curves of different runs add up in the ledger.
absl::Span<const double> RdpOrders();

// An RDP curve: epsilon(alpha) at RdpOrders(). Curves compose by addition.
using RdpCurve = std::vector<double>;

// InvalidArgument: a parameter out of range or not finite.
absl::StatusOr<RdpCurve> ComputeRdp(absl::Span<const PrivacyPhase> phases);
// Adds `b` to `a`. InvalidArgument: sizes differ.
absl::Status AddRdp(const RdpCurve& b, RdpCurve& a);
// The smallest epsilon at `delta` in (0, 1) that the curve proves; infinity if
// it proves none.
absl::StatusOr<double> EpsilonFromRdp(const RdpCurve& curve, double delta);

// The same in one call.
absl::StatusOr<double> RdpEpsilon(absl::Span<const PrivacyPhase> phases, double delta);
// A lower bound on epsilon: what a single step of the worst phase leaks at
// least, exact for q = 1 (Balle, Wang, arXiv 1805.06530).
absl::StatusOr<double> EpsilonLowerBound(absl::Span<const PrivacyPhase> phases, double delta);

// The smallest noise multiplier, to a relative 1e-4 and on the safe side, for
// which `steps` at `sampling_rate` stay within (epsilon, delta).
// InvalidArgument: none below 1e4 does.
absl::StatusOr<double> CalibrateNoise(double epsilon, double delta, double sampling_rate,
                                      std::uint64_t steps);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_RDP_ACCOUNTANT_H_
