#include "sealtrain/policy/gaussian_epsilon_internal.h"

#include <cmath>
#include <limits>

namespace sealtrain::policy::internal {
namespace {

// ln of the probability that a standard normal exceeds x.
long double LogUpperTail(long double x) {
  if (x < 50) return std::log(std::erfc(x / std::sqrt(2.0L)) / 2);
  // Abramowitz and Stegun 26.2.12: the error is less than the first term left out,
  // 945 / x^10 < 1e-14.
  const long double y = 1 / (x * x);
  return -x * x / 2 - std::log(x * std::sqrt(2 * std::acos(-1.0L))) +
         std::log1p(-y * (1 - 3 * y * (1 - 5 * y * (1 - 7 * y))));
}

// delta(epsilon), or a little less if `sign` is -1 or more if it is 1. With a one
// over the noise multiplier:
//   delta = Phi(a/2 - epsilon/a) - e^epsilon Phi(-a/2 - epsilon/a)
long double GaussianDelta(long double a, long double epsilon, int sign) {
  const long double gained = LogUpperTail(epsilon / a - a / 2);
  const long double paid = epsilon + LogUpperTail(epsilon / a + a / 2);
  const long double x = epsilon / a + a / 2;
  const long double margin =
      sign * (1e-13L + 32 * std::numeric_limits<long double>::epsilon() * (1 + epsilon + x * x));
  const long double difference = paid - gained - margin;
  if (difference >= 0) return 0;
  return std::exp(gained + margin) * -std::expm1(difference);
}

// Where GaussianDelta() falls to `delta`: on the side where it is below for `sign`
// 1, where it is not for -1.
long double EpsilonWhere(long double a, long double delta, int sign) {
  const auto is_above = [&](long double epsilon) {
    // What is not a number is not below.
    return sign > 0 ? !(GaussianDelta(a, epsilon, sign) <= delta)
                    : GaussianDelta(a, epsilon, sign) > delta;
  };
  if (!is_above(0)) return 0;
  long double low = 0;
  long double high = a;
  while (is_above(high)) {
    low = high;
    high *= 2;
    if (!(high < 1e300L)) return sign > 0 ? std::numeric_limits<long double>::infinity() : low;
  }
  for (int i = 0; i < 80; ++i) {
    const long double middle = low + (high - low) / 2;
    (is_above(middle) ? low : high) = middle;
  }
  return sign > 0 ? high : low;
}

}  // namespace

RealBounds GaussianEpsilon(long double noise_multiplier, long double delta) {
  const long double a = 1 / noise_multiplier;
  return {EpsilonWhere(a, delta, -1), EpsilonWhere(a, delta, 1)};
}

}  // namespace sealtrain::policy::internal
