// The privacy loss of one step of the sampled Gaussian mechanism, put on a grid.
//
// A step is a pair of distributions (P, Q) of its output, one for each of two
// neighbouring data sets, that is worst among all such pairs; the loss at an
// output is ln(P/Q). On a grid the loss takes the values k * grid only. Masses on
// it that bound those of the true loss, one by one, bound whatever is composed of
// them, since delta(epsilon) grows with every mass.
#ifndef SEALTRAIN_POLICY_PRIVACY_LOSS_INTERNAL_H_
#define SEALTRAIN_POLICY_PRIVACY_LOSS_INTERNAL_H_

#include <cstdint>
#include <limits>
#include <vector>

namespace sealtrain::policy::internal {

// Rounding errors add up over steps and are charged: the fewer, the better.
using Real = long double;
inline constexpr Real kRealUlp = std::numeric_limits<Real>::epsilon();

// In which of the two data sets the unit is.
enum class LossDirection {
  kRemove,   // in the first only
  kAdd,      // in the second only
  kReplace,  // another one in each
};

// The worst pair of one step, with the noise's standard deviation as unit. With
// N(c) the normal distribution around c, q the sampling rate, and a the clipping
// norm over the standard deviation of the noise:
//   kRemove:  (1-q) N(0) + q N(a)  against  N(0)
//   kAdd:     N(0)  against  (1-q) N(0) + q N(-a)
//   kReplace: (1-q) N(0) + q N(a)  against  (1-q) N(0) + q N(-a)
// No pair that the mechanism can show is worse: for a set S of outputs, P(S) - E Q(S)
// with E >= 0 depends on g, g', the unit's clipped gradients, only through
// N(g)(S) and N(g')(S). Given N(0)(S), Neyman and Pearson's lemma bounds the first
// from above and the second from below, and half-lines reach both bounds at once
// if g = a and g' = -a. (kRemove, kAdd: Zhu, Dong, Wang, arXiv 2106.08567.)
// The loss increases with the output.
class LossPair {
 public:
  // 0 < sampling_rate <= 1, noise_multiplier > 0.
  LossPair(LossDirection direction, Real sampling_rate, Real noise_multiplier);

  Real Loss(Real output) const;
  // Where the loss is `loss`; infinite where it never is.
  Real Output(Real loss) const;
  Real Density(Real output) const;  // of P
  // The lowest and the highest centre of the normal distributions in P.
  Real low() const { return low_; }
  Real high() const { return high_; }
  Real shift() const { return shift_; }
  LossDirection direction() const { return direction_; }
  // The distance to the farthest centre of those in P and Q.
  Real Distance(Real output) const;

 private:
  Real LogMixture(Real log_ratio) const;

  LossDirection direction_;
  Real rate_;
  Real shift_;
  Real low_;
  Real high_;
};

// The part of P at the loss (first + i) * grid is mass[i].
struct LossMasses {
  std::int64_t first = 0;
  std::vector<Real> mass;
  Real infinite = 0;   // at an infinite loss
  Real uncertain = 0;  // losses may be too high by this; zero for upper masses
};

// How far the losses lie apart that UpperMasses() and LowerMasses() look at.
Real LossRange(const LossPair& pair, Real tail);

// Masses that are at least those of a pair whose every delta(epsilon) is at least
// that of `pair`: each piece of the loss between two grid points is divided among
// them so that P and Q keep what they have ("connect the dots", Doroshenko et al.,
// arXiv 2207.04380). Of P, `tail` in (0, 1/4) at either end is not looked at: it
// goes to infinity at the upper end and to the lowest grid point above it at the
// lower one.
LossMasses UpperMasses(const LossPair& pair, Real grid, Real tail);

// Masses that are at most those of a pair whose every delta(epsilon) is at most
// that of `pair`: outputs are put into bins with P >= Q e^(k grid), as near to
// equality as can be, which is post-processing. What UpperMasses() does not look
// at is dropped.
LossMasses LowerMasses(const LossPair& pair, Real grid, Real tail);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_PRIVACY_LOSS_INTERNAL_H_
