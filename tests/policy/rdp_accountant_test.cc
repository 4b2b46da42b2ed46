#include "sealtrain/policy/rdp_accountant.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::testing::StatusIs;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double Epsilon(double q, double sigma, std::uint64_t steps, double delta) {
  const auto epsilon = RdpEpsilon({{q, sigma, steps}}, delta);
  EXPECT_OK(epsilon);
  return epsilon.value_or(-1);
}
double Lower(double q, double sigma, std::uint64_t steps, double delta) {
  const auto epsilon = EpsilonLowerBound({{q, sigma, steps}}, delta);
  EXPECT_OK(epsilon);
  return epsilon.value_or(-1);
}

// The moment as the integral that defines it, by Simpson's rule in long double.
double DivergenceByIntegration(double q, double sigma, int order) {
  const auto log_density = [&](long double x) {
    return -x * x / (2 * sigma * sigma) - std::log(sigma * std::sqrt(2 * std::acos(-1.0L)));
  };
  const auto integrand = [&](long double x) {
    const long double gain = std::exp((2 * x - 1) / (2 * static_cast<long double>(sigma) * sigma));
    return std::exp(log_density(x) + order * std::log(1 - q + q * gain));
  };
  const long double low = -20 * sigma;
  const long double high = 20 * sigma + order;
  constexpr int kIntervals = 40000;
  const long double h = (high - low) / kIntervals;
  long double sum = integrand(low) + integrand(high);
  for (int i = 1; i < kIntervals; ++i) sum += integrand(low + h * i) * (i % 2 == 1 ? 4 : 2);
  return static_cast<double>(std::log(sum * h / 3) / (order - 1));
}

// delta(epsilon) of the Gaussian mechanism, Theorem 8 of Balle and Wang.
double GaussianDelta(double sigma, double epsilon) {
  const auto phi = [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; };
  return phi(1 / (2 * sigma) - epsilon * sigma) -
         std::exp(epsilon) * phi(-1 / (2 * sigma) - epsilon * sigma);
}
double GaussianEpsilon(double sigma, double delta) {
  double low = 0;
  double high = 100;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (GaussianDelta(sigma, middle) > delta ? low : high) = middle;
  }
  return high;
}

// The conversion of Mironov (2017), which the early literature used.
double EpsilonOldConversion(double q, double sigma, std::uint64_t steps, double delta) {
  const auto curve = ComputeRdp({{q, sigma, steps}});
  EXPECT_OK(curve);
  double best = kInfinity;
  for (std::size_t i = 0; i < curve->size(); ++i) {
    best = std::min(best, (*curve)[i] - std::log(delta) / (RdpOrders()[i] - 1));
  }
  return best;
}

TEST(RdpAccountant, MatchesTheIntegralThatDefinesTheMoment) {
  for (const double q : {0.001, 0.01, 0.2, 0.9}) {
    for (const double sigma : {0.7, 1.0, 2.0, 8.0}) {
      ASSERT_OK_AND_ASSIGN(const RdpCurve curve, ComputeRdp({{q, sigma, 1}}));
      for (const int order : {2, 3, 7, 16, 32}) {
        const double expected = DivergenceByIntegration(q, sigma, order);
        const double actual = curve[static_cast<std::size_t>(order - 2)];
        EXPECT_NEAR(actual / expected, 1, 1e-6) << q << " " << sigma << " " << order;
      }
    }
  }
}

TEST(RdpAccountant, IsExactWithoutSampling) {
  ASSERT_OK_AND_ASSIGN(const RdpCurve curve, ComputeRdp({{1, 2, 3}}));
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const double expected = 3 * RdpOrders()[i] / 8;
    EXPECT_GE(curve[i], expected);
    EXPECT_NEAR(curve[i], expected, 1e-13 * expected);
  }
}

TEST(RdpAccountant, ReproducesPublishedFigures) {
  // Abadi et al. 2016, section 3.2 and figure 2: sigma 4, q 0.01, 10,000 steps
  // at delta 1e-5 give 1.26 by the moments accountant.
  EXPECT_NEAR(EpsilonOldConversion(0.01, 4, 10000, 1e-5), 1.26, 0.01);
  // The tutorial of TensorFlow Privacy: MNIST, batches of 256 of 60,000.
  const double q = 256.0 / 60000;
  EXPECT_NEAR(EpsilonOldConversion(q, 1.3, 15 * 60000 / 256, 1e-5), 1.19, 0.01);
  EXPECT_NEAR(EpsilonOldConversion(q, 1.1, 60 * 60000 / 256, 1e-5), 3.01, 0.02);
  // The conversion in use is tighter than theirs, and not by magic.
  const double epsilon = Epsilon(0.01, 4, 10000, 1e-5);
  EXPECT_LT(epsilon, 1.26);
  EXPECT_GT(epsilon, 0.9);
}

TEST(RdpAccountant, NeverClaimsLessThanTheGaussianLeaks) {
  for (const double sigma : {0.5, 1.0, 3.0, 10.0, 50.0}) {
    for (const double delta : {1e-3, 1e-5, 1e-9}) {
      for (const std::uint64_t steps : {1u, 10u, 1000u}) {
        const double exact = GaussianEpsilon(sigma / std::sqrt(static_cast<double>(steps)), delta);
        if (exact > 99) continue;
        EXPECT_GE(Epsilon(1, sigma, steps, delta), exact);
        // The lower bound is the same number, reached from below.
        const double lower = Lower(1, sigma, steps, delta);
        EXPECT_LE(lower, exact + 1e-9);
        EXPECT_NEAR(lower, exact, 1e-4 * exact + 1e-6) << sigma << " " << delta << " " << steps;
      }
    }
  }
}

TEST(RdpAccountant, BracketsTheSampledMechanism) {
  for (const double q : {1e-4, 0.01, 0.3, 1.0}) {
    for (const double sigma : {0.4, 1.0, 5.0}) {
      for (const std::uint64_t steps : {1u, 100u, 10000u}) {
        const double lower = Lower(q, sigma, steps, 1e-6);
        const double upper = Epsilon(q, sigma, steps, 1e-6);
        EXPECT_LE(lower, upper) << q << " " << sigma << " " << steps;
        EXPECT_GE(lower, 0);
      }
    }
  }
  // One sampled step with little noise: the bracket is not empty words.
  EXPECT_GT(Lower(0.3, 0.4, 1, 1e-6), 5);
}

TEST(RdpAccountant, GrowsWithStepsAndRateAndShrinksWithNoiseAndDelta) {
  const double base = Epsilon(0.01, 1, 1000, 1e-5);
  EXPECT_LT(base, Epsilon(0.01, 1, 1001, 1e-5));
  EXPECT_LT(base, Epsilon(0.0101, 1, 1000, 1e-5));
  EXPECT_LT(base, Epsilon(0.01, 0.99, 1000, 1e-5));
  EXPECT_LT(base, Epsilon(0.01, 1, 1000, 0.9e-5));
  // Sampling at rate 1 is the limit of sampling.
  EXPECT_LE(Epsilon(0.999999, 1, 10, 1e-5), Epsilon(1, 1, 10, 1e-5) * (1 + 1e-9));
}

TEST(RdpAccountant, ComposesByAddition) {
  ASSERT_OK_AND_ASSIGN(RdpCurve a, ComputeRdp({{0.1, 1, 10}}));
  ASSERT_OK_AND_ASSIGN(const RdpCurve b, ComputeRdp({{1, 5, 3}}));
  ASSERT_OK_AND_ASSIGN(const RdpCurve both, ComputeRdp({{0.1, 1, 10}, {1, 5, 3}}));
  ASSERT_OK(AddRdp(b, a));
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], both[i], 1e-12 * both[i]);
  ASSERT_OK_AND_ASSIGN(const double lower, EpsilonLowerBound({{1, 5, 3}, {1, 2, 1}}, 1e-5));
  EXPECT_NEAR(lower, GaussianEpsilon(1 / std::sqrt(3.0 / 25 + 1.0 / 4), 1e-5), 1e-4);
}

TEST(RdpAccountant, ChargesNothingForNothing) {
  ASSERT_OK_AND_ASSIGN(const double none, RdpEpsilon({}, 1e-5));
  EXPECT_EQ(none, 0);
  EXPECT_EQ(Epsilon(0.5, 1, 0, 1e-5), 0);
  EXPECT_EQ(Lower(0.5, 1, 0, 1e-5), 0);
}

TEST(RdpAccountant, NeverRoundsARealReleaseToZero) {
  for (const double q : {1e-300, 1e-20, 1.0}) {
    for (const double sigma : {1e3, 1e150, 1e300}) {
      ASSERT_OK_AND_ASSIGN(const RdpCurve curve, ComputeRdp({{q, sigma, 1}}));
      for (const double epsilon : curve) EXPECT_GT(epsilon, 0) << q << " " << sigma;
    }
  }
}

TEST(RdpAccountant, TurnsDoubtIntoInfinity) {
  EXPECT_EQ(Epsilon(0.5, 1e-200, 1, 1e-5), kInfinity);
  EXPECT_EQ(Epsilon(1, 1e-200, 1, 1e-5), kInfinity);
  RdpCurve curve(RdpOrders().size(), std::nan(""));
  ASSERT_OK_AND_ASSIGN(double epsilon, EpsilonFromRdp(curve, 1e-5));
  EXPECT_EQ(epsilon, kInfinity);
  curve.assign(RdpOrders().size(), -1);
  ASSERT_OK_AND_ASSIGN(epsilon, EpsilonFromRdp(curve, 1e-5));
  EXPECT_EQ(epsilon, kInfinity);
  RdpCurve sum(RdpOrders().size(), kInfinity);
  ASSERT_OK(AddRdp(RdpCurve(RdpOrders().size(), -kInfinity), sum));
  EXPECT_EQ(sum.front(), kInfinity);
}

TEST(RdpAccountant, RefusesParametersOutOfRange) {
  const double nan = std::nan("");
  for (const double q : {0.0, -0.1, 1.1, nan, kInfinity}) {
    EXPECT_THAT(ComputeRdp({{q, 1, 1}}), StatusIs(absl::StatusCode::kInvalidArgument)) << q;
    EXPECT_THAT(EpsilonLowerBound({{q, 1, 1}}, 0.1), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  for (const double sigma : {0.0, -1.0, nan, kInfinity}) {
    EXPECT_THAT(ComputeRdp({{0.1, sigma, 1}}), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  for (const double delta : {0.0, 1.0, -0.1, 2.0, nan}) {
    EXPECT_THAT(RdpEpsilon({{0.1, 1, 1}}, delta), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(EpsilonLowerBound({{0.1, 1, 1}}, delta),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  RdpCurve shorter(3, 0.0);
  EXPECT_THAT(EpsilonFromRdp(shorter, 0.1), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(AddRdp(RdpCurve(2, 0.0), shorter), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(RdpAccountant, CalibratesOnTheSafeSide) {
  for (const double target : {0.1, 1.0, 3.0, 20.0}) {
    for (const double q : {0.01, 0.2, 1.0}) {
      ASSERT_OK_AND_ASSIGN(const double noise, CalibrateNoise(target, 1e-5, q, 100));
      EXPECT_LE(Epsilon(q, noise, 100, 1e-5), target);
      EXPECT_GT(Epsilon(q, noise * (1 - 2e-4), 100, 1e-5), target) << target << " " << q;
    }
  }
}

TEST(RdpAccountant, RefusesToCalibrateWhatNoNoiseReaches) {
  EXPECT_THAT(CalibrateNoise(1e-6, 1e-9, 1, 1000000000),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CalibrateNoise(0, 1e-5, 0.1, 10), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CalibrateNoise(kInfinity, 1e-5, 0.1, 10),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CalibrateNoise(1, 1e-5, 0, 10), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CalibrateNoise(1, 1e-5, 0.1, 0), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace sealtrain::policy
