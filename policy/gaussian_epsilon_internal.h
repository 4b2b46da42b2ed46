// Epsilon of the Gaussian mechanism without sampling, in closed form.
#ifndef SEALTRAIN_POLICY_GAUSSIAN_EPSILON_INTERNAL_H_
#define SEALTRAIN_POLICY_GAUSSIAN_EPSILON_INTERNAL_H_

namespace sealtrain::policy::internal {

struct RealBounds {
  long double lower = 0;
  long double upper = 0;  // may be infinity
};

// Bounds, as near as rounding allows, on the epsilon at `delta` in (0, 1) for a
// sensitivity of one: Balle, Wang, arXiv 1805.06530, Theorem 8.
RealBounds GaussianEpsilon(long double noise_multiplier, long double delta);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_GAUSSIAN_EPSILON_INTERNAL_H_
