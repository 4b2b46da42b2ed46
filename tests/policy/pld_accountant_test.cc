#include "sealtrain/policy/pld_accountant.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "sealtrain/policy/loss_composition_internal.h"
#include "sealtrain/policy/privacy_loss_internal.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy {
namespace {

using internal::LossDirection;
using internal::LossMasses;
using internal::LossPair;
using internal::Real;
using ::sealtrain::testing::StatusIs;

constexpr double kNoBound = std::numeric_limits<double>::infinity();
constexpr Real kTail = 1e-25L;
constexpr LossDirection kDirections[] = {LossDirection::kRemove, LossDirection::kAdd,
                                         LossDirection::kReplace};

EpsilonBounds PldBounds(const std::vector<PrivacyPhase>& phases, double delta,
                        Neighbours neighbours = Neighbours::kAddRemove) {
  const auto bounds = PldEpsilon(phases, delta, neighbours);
  EXPECT_OK(bounds);
  return bounds.value_or(EpsilonBounds{-1, -1});
}

// Where the decreasing `delta_at` falls to `delta`.
template <class Function>
double EpsilonByBisection(Function delta_at, double delta) {
  double low = 0;
  double high = 1000;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (delta_at(middle) > delta ? low : high) = middle;
  }
  return high;
}

double UpperTail(double x) { return std::erfc(x / std::sqrt(2.0)) / 2; }

// Theorem 8 of Balle and Wang (arXiv 1805.06530).
double ExactGaussianEpsilon(double sigma, double delta) {
  return EpsilonByBisection(
      [&](double epsilon) {
        return UpperTail(epsilon * sigma - 1 / (2 * sigma)) -
               std::exp(epsilon) * UpperTail(epsilon * sigma + 1 / (2 * sigma));
      },
      delta);
}

// delta(epsilon) of one step, for any real epsilon, by the best test: the outputs
// beyond the point where the likelihood ratio is e^epsilon.
double DeltaOfOneStep(LossDirection direction, double q, double sigma, double epsilon) {
  const double e = std::exp(epsilon);
  const auto mixed_tail = [&](double x, double centre) {
    return (1 - q) * UpperTail(x / sigma) + q * UpperTail((x - centre) / sigma);
  };
  if (direction == LossDirection::kRemove) {
    if (e <= 1 - q) return 1 - e;
    const double x = sigma * sigma * std::log((e - 1 + q) / q) + 0.5;
    return mixed_tail(x, 1) - e * UpperTail(x / sigma);
  }
  if (direction == LossDirection::kAdd) {
    if (1 / e <= 1 - q) return 0;
    const double x = -sigma * sigma * std::log((1 / e - 1 + q) / q) - 0.5;
    return UpperTail(x / sigma) - e * mixed_tail(x, -1);
  }
  const auto log_ratio = [&](double x) {
    const double v = sigma * sigma;
    return std::log(1 - q + q * std::exp((2 * x - 1) / (2 * v))) -
           std::log(1 - q + q * std::exp((-2 * x - 1) / (2 * v)));
  };
  double low = -60 * sigma;
  double high = 60 * sigma;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (log_ratio(middle) < epsilon ? low : high) = middle;
  }
  return mixed_tail(high, 1) - e * mixed_tail(high, -1);
}

// delta(epsilon) of a step and then another one: what the second has left to leak,
// averaged over the outputs of the first by Simpson's rule.
double DeltaOfTwoSteps(LossDirection direction, double q1, double sigma1, double q2, double sigma2,
                       double epsilon) {
  const LossPair first(direction, q1, sigma1);
  const double low = -10;
  const double high = 10 + 1 / sigma1;
  constexpr int kIntervals = 12000;
  const double h = (high - low) / kIntervals;
  double sum = 0;
  for (int i = 0; i <= kIntervals; ++i) {
    const double x = low + h * i;
    // The density and the loss, written out again.
    const double a = 1 / sigma1;
    const double here = std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0));
    const double up = 1 - q1 + q1 * std::exp(a * x - a * a / 2);
    const double down = 1 - q1 + q1 * std::exp(-a * x - a * a / 2);
    const double density = direction == LossDirection::kAdd ? here : here * up;
    const double loss = direction == LossDirection::kRemove ? std::log(up)
                        : direction == LossDirection::kAdd  ? -std::log(down)
                                                            : std::log(up / down);
    const double weight = i == 0 || i == kIntervals ? 1 : (i % 2 == 1 ? 4 : 2);
    sum += weight * density * DeltaOfOneStep(direction, q2, sigma2, epsilon - loss);
  }
  return sum * h / 3;
}

struct RealBracket {
  double lower;
  double upper;
};

// The bounds in one direction on one grid.
RealBracket OnOneGrid(LossDirection direction, double q, double sigma, double steps, double delta,
                      int points) {
  const LossPair pair(direction, q, sigma);
  const Real tail = delta * 1e-8L / steps;
  const Real grid = internal::LossRange(pair, tail) / points;
  const auto upper =
      internal::EpsilonAtMost({{UpperMasses(pair, grid, tail), steps}}, grid, delta, 1 << 20);
  const auto lower =
      internal::EpsilonAtLeast({{LowerMasses(pair, grid, tail), steps}}, grid, delta, 1 << 20);
  EXPECT_TRUE(upper.has_value() && lower.has_value());
  return {static_cast<double>(lower.value_or(-1)), static_cast<double>(upper.value_or(-1))};
}

// sum of mass (1 - e^(epsilon - loss)) over the losses above epsilon.
double DeltaOfMasses(const LossMasses& masses, Real grid, double epsilon) {
  Real sum = masses.infinite;
  for (std::size_t i = 0; i < masses.mass.size(); ++i) {
    const Real loss = static_cast<Real>(masses.first + static_cast<std::int64_t>(i)) * grid;
    if (loss > epsilon) sum += masses.mass[i] * -std::expm1(epsilon - loss);
  }
  return static_cast<double>(sum);
}

TEST(LossPair, FindsTheOutputOfALoss) {
  for (const LossDirection direction : kDirections) {
    for (const double q : {1e-9, 0.01, 0.7, 0.999999, 1.0}) {
      for (const double sigma : {0.05, 1.0, 30.0}) {
        const LossPair pair(direction, q, sigma);
        for (Real x = -8; x < 8 + 1 / sigma; x += 0.37L) {
          const Real loss = pair.Loss(x);
          EXPECT_LE(pair.Loss(x - 0.1L), loss);
          const Real again = pair.Loss(pair.Output(loss));
          // Where the loss is flat, many outputs have it.
          EXPECT_NEAR(static_cast<double>(again), static_cast<double>(loss),
                      1e-13 * (1 + static_cast<double>(std::abs(loss))))
              << q << " " << sigma << " " << static_cast<double>(x);
        }
      }
    }
  }
}

TEST(LossMasses, BoundTheCurveOfOneStepFromBothSides) {
  for (const LossDirection direction : kDirections) {
    for (const double q : {0.002, 0.1, 0.6}) {
      for (const double sigma : {0.6, 1.0, 4.0}) {
        const LossPair pair(direction, q, sigma);
        for (const int points : {20, 200, 5000}) {
          const Real grid = internal::LossRange(pair, kTail) / points;
          const LossMasses above = UpperMasses(pair, grid, kTail);
          const LossMasses below = LowerMasses(pair, grid, kTail);
          EXPECT_LT(below.uncertain, 1e-12);
          double gap = 0;
          for (double epsilon = -2; epsilon < 4; epsilon += 0.0371) {
            const double exact = DeltaOfOneStep(direction, q, sigma, epsilon);
            const double upper = DeltaOfMasses(above, grid, epsilon);
            const double lower = DeltaOfMasses(below, grid, epsilon);
            ASSERT_GE(upper, exact - 1e-13) << q << " " << sigma << " " << epsilon;
            ASSERT_LE(lower, exact + 1e-13) << q << " " << sigma << " " << epsilon;
            gap = std::max(gap, upper - lower);
          }
          // What is not bounded well is not worth much.
          if (points == 5000) {
            EXPECT_LT(gap, 2e-3) << q << " " << sigma;
          }
        }
      }
    }
  }
}

TEST(LossComposition, IsExactForTheGaussianMechanism) {
  for (const LossDirection direction : {LossDirection::kRemove, LossDirection::kAdd}) {
    for (const double sigma : {0.7, 3.0, 20.0}) {
      for (const double steps : {1.0, 30.0, 1000.0}) {
        for (const double delta : {1e-3, 1e-6, 1e-11}) {
          const double exact = ExactGaussianEpsilon(sigma / std::sqrt(steps), delta);
          if (exact > 300) continue;
          const RealBracket bounds = OnOneGrid(direction, 1, sigma, steps, delta, 2000);
          EXPECT_LE(bounds.lower, exact * (1 + 1e-9)) << sigma << " " << steps << " " << delta;
          EXPECT_GE(bounds.upper, exact * (1 - 1e-9)) << sigma << " " << steps << " " << delta;
          EXPECT_LT(bounds.upper / bounds.lower, 1 + 1e-3) << sigma << " " << steps;
        }
      }
    }
  }
  // Twice the shift, if a unit is replaced.
  const RealBracket bounds = OnOneGrid(LossDirection::kReplace, 1, 5, 10, 1e-5, 4000);
  EXPECT_NEAR(bounds.lower, ExactGaussianEpsilon(2.5 / std::sqrt(10.0), 1e-5), 1e-2);
  EXPECT_LT(bounds.upper / bounds.lower, 1 + 1e-3);
}

TEST(LossComposition, KeepsItsPrecisionForTheSmallestDelta) {
  // The tail of the Gaussian far out: ln delta is about -epsilon^2 sigma^2 / 2.
  for (const double delta : {1e-30, 1e-100, 1e-300}) {
    const double sigma = 10;
    const RealBracket bounds = OnOneGrid(LossDirection::kRemove, 1, sigma, 4, delta, 4000);
    const double exact = ExactGaussianEpsilon(sigma / 2, delta);
    EXPECT_LE(bounds.lower, exact * (1 + 1e-9));
    EXPECT_GE(bounds.upper, exact * (1 - 1e-9));
    EXPECT_LT(bounds.upper / bounds.lower, 1 + 1e-3) << delta;
  }
}

TEST(LossComposition, BracketsOneAndTwoSampledSteps) {
  for (const LossDirection direction : kDirections) {
    for (const double q : {0.01, 0.3}) {
      for (const double sigma : {0.8, 2.0}) {
        for (const double delta : {1e-2, 1e-6}) {
          const double one = EpsilonByBisection(
              [&](double e) { return DeltaOfOneStep(direction, q, sigma, e); }, delta);
          const RealBracket first = OnOneGrid(direction, q, sigma, 1, delta, 20000);
          EXPECT_LE(first.lower, one * (1 + 1e-6) + 1e-9);
          EXPECT_GE(first.upper, one * (1 - 1e-6) - 1e-9);
          EXPECT_LT(first.upper - first.lower, 0.02 * one + 1e-3);

          const auto delta_of_two = [&](double e) {
            return DeltaOfTwoSteps(direction, q, sigma, q, sigma, e);
          };
          const RealBracket second = OnOneGrid(direction, q, sigma, 2, delta, 20000);
          // Simpson's rule is good to some nine digits here.
          EXPECT_GE(delta_of_two(second.lower) * (1 + 1e-6), second.lower == 0 ? 0 : delta);
          EXPECT_LE(delta_of_two(second.upper) * (1 - 1e-6), delta);
          EXPECT_LT(second.upper - second.lower, 0.02 * second.upper + 1e-3);
        }
      }
    }
  }
}

// What rounding and the transform may have done grows with the steps, and must show.
TEST(LossComposition, ChargesWhatItsNumbersCannotTell) {
  // A thousand losses of a grid point up or down among ever more that are none.
  const auto bracket = [](Real steps) {
    const Real each = 1000 / steps;
    const LossMasses masses = {.first = -1, .mass = {each / 2, 1 - each, each / 2}};
    constexpr Real kGrid = 0.01L;
    return RealBracket{
        static_cast<double>(*internal::EpsilonAtLeast({{masses, steps}}, kGrid, 1e-6L, 1 << 16)),
        static_cast<double>(*internal::EpsilonAtMost({{masses, steps}}, kGrid, 1e-6L, 1 << 16))};
  };
  const RealBracket few = bracket(1e6L);
  EXPECT_LT(few.upper / few.lower, 1 + 1e-6);
  EXPECT_GT(few.lower, 1);
  const RealBracket many = bracket(1e13L);
  EXPECT_LT(many.lower, few.lower);
  EXPECT_GT(many.upper, few.upper);
  EXPECT_GT(many.upper / many.lower, 1 + 1e-3);
  const RealBracket too_many = bracket(1e19L);
  EXPECT_EQ(too_many.lower, 0);
  EXPECT_EQ(too_many.upper, kNoBound);
}

TEST(LossComposition, CountsWhatIsAtInfinity) {
  const LossMasses masses = {.first = 0, .mass = {1 - 1e-8L}, .infinite = 1e-8L};
  const auto epsilon = [&](Real steps, Real delta) {
    return *internal::EpsilonAtMost({{masses, steps}}, 0.1L, delta, 1 << 10);
  };
  EXPECT_EQ(epsilon(100, 1.1e-6L), 0);
  EXPECT_EQ(epsilon(100, 0.9e-6L), kNoBound);
}

TEST(LossComposition, SaysWhenItWouldTransformTooMuch) {
  const LossMasses masses = {.first = -1, .mass = {0.5L, 0, 0.5L}};
  EXPECT_TRUE(internal::EpsilonAtMost({{masses, 1e4L}}, 0.01L, 1e-6L, 1 << 12).has_value());
  EXPECT_FALSE(internal::EpsilonAtMost({{masses, 1e4L}}, 0.01L, 1e-6L, 1 << 8).has_value());
  EXPECT_FALSE(internal::EpsilonAtLeast({{masses, 1e4L}}, 0.01L, 1e-6L, 1 << 8).has_value());
}

TEST(PldAccountant, IsExactWithoutSampling) {
  // The first is well known; a replaced unit moves the sum by 2.
  EXPECT_NEAR(PldBounds({{1, 1, 1}}, 1e-5).lower, 4.377178, 1e-6);
  EXPECT_NEAR(PldBounds({{1, 1, 1}}, 1e-5, Neighbours::kReplaceOne).lower, 9.997256, 1e-6);
  for (const double sigma : {0.03, 0.5, 3.0, 50.0}) {
    for (const std::uint64_t steps : {1u, 100u}) {
      for (const double delta : {1e-2, 1e-6, 1e-12}) {
        const double together = sigma / std::sqrt(static_cast<double>(steps));
        const double exact = ExactGaussianEpsilon(together, delta);
        if (exact > 500) continue;
        const EpsilonBounds bounds = PldBounds({{1, sigma, steps}}, delta);
        EXPECT_LE(bounds.lower, exact * (1 + 1e-8)) << sigma << " " << steps << " " << delta;
        EXPECT_GE(bounds.upper, exact * (1 - 1e-8) - 1e-12)
            << sigma << " " << steps << " " << delta;
        EXPECT_LT(bounds.upper - bounds.lower, 1e-6 * exact + 1e-9);
      }
    }
  }
  const EpsilonBounds mixed = PldBounds({{1, 5, 3}, {1, 2, 1}}, 1e-5);
  EXPECT_NEAR(mixed.upper, ExactGaussianEpsilon(1 / std::sqrt(3.0 / 25 + 1.0 / 4), 1e-5), 1e-6);
}

TEST(PldAccountant, AgreesWithFiguresOfAnotherImplementation) {
  // Noise that Google's dp_accounting calibrated for these epsilons, to three digits.
  const double delta = 1e-5;
  EXPECT_NEAR(PldBounds({{4096.0 / 60000, 2.10, 400}}, delta).upper, 3, 0.03);
  EXPECT_NEAR(PldBounds({{8192.0 / 60000, 7.35, 200}}, delta).upper, 1, 0.01);
  EXPECT_NEAR(PldBounds({{8192.0 / 60000, 11.9, 150}}, delta).upper, 0.5, 0.005);
}

TEST(PldAccountant, TakesTheWorseDirection) {
  // Which has been that of removing wherever both were computed.
  for (const double delta : {0.1, 1e-3, 1e-6}) {
    double worse = 0;
    for (const LossDirection direction : {LossDirection::kRemove, LossDirection::kAdd}) {
      worse = std::max(
          worse, EpsilonByBisection(
                     [&](double e) { return DeltaOfOneStep(direction, 0.5, 0.5, e); }, delta));
    }
    const EpsilonBounds bounds = PldBounds({{0.5, 0.5, 1}}, delta);
    EXPECT_LE(bounds.lower, worse + 1e-9);
    EXPECT_GE(bounds.upper, worse - 1e-9);
    EXPECT_LT(bounds.upper - bounds.lower, 2e-3 * worse);
  }
}

TEST(PldAccountant, ChargesMoreForAReplacedUnit) {
  for (const double delta : {0.1, 1e-3, 1e-6}) {
    const double exact = EpsilonByBisection(
        [&](double e) { return DeltaOfOneStep(LossDirection::kReplace, 0.5, 0.5, e); }, delta);
    const EpsilonBounds bounds = PldBounds({{0.5, 0.5, 1}}, delta, Neighbours::kReplaceOne);
    EXPECT_LE(bounds.lower, exact + 1e-9);
    EXPECT_GE(bounds.upper, exact - 1e-9);
    EXPECT_LT(bounds.upper - bounds.lower, 2e-3 * exact);
    EXPECT_GT(bounds.lower, PldBounds({{0.5, 0.5, 1}}, delta).upper);
  }
}

TEST(PldAccountant, ComposesPhasesThatDiffer) {
  for (const double delta : {1e-2, 1e-5}) {
    double worse = 0;
    for (const LossDirection direction : {LossDirection::kRemove, LossDirection::kAdd}) {
      worse = std::max(
          worse,
          EpsilonByBisection(
              [&](double e) { return DeltaOfTwoSteps(direction, 0.05, 0.9, 0.3, 1.7, e); }, delta));
    }
    const EpsilonBounds bounds = PldBounds({{0.05, 0.9, 1}, {0.3, 1.7, 1}}, delta);
    EXPECT_LE(bounds.lower, worse * (1 + 1e-6));
    EXPECT_GE(bounds.upper, worse * (1 - 1e-6));
    EXPECT_LT(bounds.upper / bounds.lower, 1 + 2e-3);
  }
  // The order of phases, and where they are divided, does not matter.
  const EpsilonBounds whole = PldBounds({{0.01, 1, 300}, {0.1, 3, 20}}, 1e-6);
  const EpsilonBounds parts =
      PldBounds({{0.01, 1, 100}, {0.1, 3, 20}, {0.5, 9, 0}, {0.01, 1, 200}}, 1e-6);
  EXPECT_EQ(whole.lower, parts.lower);
  EXPECT_EQ(whole.upper, parts.upper);
}

// Tries to falsify the bounds for many steps by playing them.
TEST(PldAccountant, HoldsInAGameOfManySteps) {
  constexpr double kRate = 0.1;
  constexpr double kNoise = 1.5;
  constexpr int kSteps = 40;
  constexpr int kGames = 100000;
  constexpr double kDelta = 0.02;
  const EpsilonBounds bounds = PldBounds({{kRate, kNoise, kSteps}}, kDelta);
  ASSERT_LT(bounds.upper / bounds.lower, 1.002);
  std::mt19937_64 random(7);
  std::normal_distribution<double> noise(0, kNoise);
  std::bernoulli_distribution sampled(kRate);
  double removed = 0;
  double added = 0;
  for (int game = 0; game < kGames; ++game) {
    double with = 0;     // the loss of an output with the unit against one without
    double without = 0;  // and the other way round
    for (int step = 0; step < kSteps; ++step) {
      const double x = noise(random);
      const double y = x + (sampled(random) ? 1 : 0);
      const auto log_ratio = [](double output) {
        return std::log(1 - kRate + kRate * std::exp((2 * output - 1) / (2 * kNoise * kNoise)));
      };
      with += log_ratio(y);
      without -= log_ratio(x);
    }
    removed += std::max(0.0, -std::expm1(bounds.upper - with));
    added += std::max(0.0, -std::expm1(bounds.upper - without));
  }
  // Five standard errors.
  const double margin = 5 * std::sqrt(kDelta / kGames);
  const double worse = std::max(removed, added) / kGames;
  EXPECT_NEAR(worse, kDelta, margin);
}

TEST(PldAccountant, IsNeverAboveRdpNorBelowItsOwnLowerBound) {
  std::mt19937_64 random(std::random_device{}());
  const auto seed = random();
  SCOPED_TRACE(seed);
  random.seed(seed);
  const auto log_uniform = [&](double low, double high) {
    return std::exp(std::uniform_real_distribution<double>(std::log(low), std::log(high))(random));
  };
  for (int i = 0; i < 12; ++i) {
    std::vector<PrivacyPhase> phases;
    for (int j = 0; j <= i % 3; ++j) {
      phases.push_back({log_uniform(1e-3, 1), log_uniform(0.5, 20),
                        static_cast<std::uint64_t>(log_uniform(1, 3000))});
    }
    const double delta = log_uniform(1e-12, 0.1);
    const EpsilonBounds bounds = PldBounds(phases, delta);
    const EpsilonBounds replaced = PldBounds(phases, delta, Neighbours::kReplaceOne);
    ASSERT_OK_AND_ASSIGN(const double rdp, RdpEpsilon(phases, delta));
    EXPECT_GE(bounds.lower, 0);
    EXPECT_LE(bounds.lower, bounds.upper);
    EXPECT_LE(bounds.upper, rdp);
    EXPECT_LE(replaced.lower, replaced.upper);
    EXPECT_LE(bounds.lower, replaced.upper) << "to replace a unit is no less than to remove it";
  }
}

TEST(PldAccountant, ComesToAnEndBehindAnyNoise) {
  for (const double noise : {1e9, 1.1e9, 1e26, 1e40, 1e300}) {
    for (const Neighbours neighbours : {Neighbours::kAddRemove, Neighbours::kReplaceOne}) {
      const EpsilonBounds bounds = PldBounds({{0.01, noise, 1}}, 1e-12, neighbours);
      EXPECT_LE(bounds.lower, bounds.upper) << noise;
      EXPECT_LT(bounds.upper, 1e-6) << noise;
    }
  }
}

// Here rounding takes the last bin of a lower bound past its end.
TEST(PldAccountant, ComesToAnEnd) {
  const std::vector<PrivacyPhase> phases = {{0.0018099760018564423, 4.303023786076464, 62},
                                            {0.6127394992304388, 1.765521265693729, 4},
                                            {0.4713104873381337, 1.1729661044145336, 4}};
  const double delta = 0.0002271184845384702;
  const EpsilonBounds bounds = PldBounds(phases, delta);
  ASSERT_OK_AND_ASSIGN(const double rdp, RdpEpsilon(phases, delta));
  EXPECT_GT(bounds.lower, 0.99 * bounds.upper);
  EXPECT_LE(bounds.upper, rdp);
}

TEST(PldAccountant, GrowsWithStepsAndRateAndShrinksWithNoiseAndDelta) {
  for (const Neighbours neighbours : {Neighbours::kAddRemove, Neighbours::kReplaceOne}) {
    const auto bounds = [&](double q, double sigma, std::uint64_t steps, double delta) {
      return PldBounds({{q, sigma, steps}}, delta, neighbours);
    };
    const EpsilonBounds base = bounds(0.02, 1.1, 500, 1e-6);
    EXPECT_LT(base.upper, bounds(0.02, 1.1, 510, 1e-6).lower);
    EXPECT_LT(base.upper, bounds(0.0204, 1.1, 500, 1e-6).lower);
    EXPECT_LT(base.upper, bounds(0.02, 1.08, 500, 1e-6).lower);
    EXPECT_LT(base.upper, bounds(0.02, 1.1, 500, 0.9e-6).lower);
    EXPECT_LT(base.upper, bounds(1, 1.1, 500, 1e-6).lower);
  }
  // A rate of one is the limit of rates below.
  const EpsilonBounds almost = PldBounds({{0.9999999, 2, 10}}, 1e-5);
  const EpsilonBounds all = PldBounds({{1, 2, 10}}, 1e-5);
  EXPECT_LT(almost.lower, all.upper);
  EXPECT_GT(almost.upper, all.lower * (1 - 1e-5));
}

TEST(PldAccountant, ChargesNothingForNothing) {
  for (const Neighbours neighbours : {Neighbours::kAddRemove, Neighbours::kReplaceOne}) {
    EXPECT_EQ(PldBounds({}, 1e-5, neighbours).upper, 0);
    EXPECT_EQ(PldBounds({{0.5, 1, 0}}, 1e-5, neighbours).upper, 0);
  }
  // So little that delta covers all of it: the distributions differ by 4e-9 at most.
  const EpsilonBounds covered = PldBounds({{1e-8, 1, 1}}, 1e-5);
  EXPECT_EQ(covered.lower, 0);
  EXPECT_LT(covered.upper, 1e-6);
  EXPECT_GT(PldBounds({{1e-8, 1, 1}}, 1e-10).upper, 0);
}

TEST(PldAccountant, KnowsWhenDeltaCoversBeingDrawn) {
  // Drawn at all with a probability of 1 - 0.999^10 = 0.0099552; who is drawn is known.
  const std::vector<PrivacyPhase> phases = {{1e-3, 0.02, 4}, {1e-3, 0.05, 6}};
  for (const Neighbours neighbours : {Neighbours::kAddRemove, Neighbours::kReplaceOne}) {
    EXPECT_EQ(PldBounds(phases, 0.009956, neighbours).upper, 0);
    EXPECT_GT(PldBounds(phases, 0.009955, neighbours).upper, 0);
    EXPECT_GT(PldBounds(phases, 0.0099, neighbours).lower, 0);
    EXPECT_EQ(PldBounds({{1, 1e9, 1}}, 0.99, neighbours).upper, 0) << "by its noise";
    EXPECT_GT(PldBounds({{1, 0.1, 1}}, 0.99, neighbours).lower, 0);
  }
}

TEST(PldAccountant, IsNotAboveTheSameStepsWithoutSampling) {
  // Below the multipliers that a grid is made for.
  const std::vector<PrivacyPhase> sampled = {{0.5, 0.005, 2}, {0.9, 3, 7}};
  const std::vector<PrivacyPhase> whole = {{1, 0.005, 2}, {1, 3, 7}};
  for (const Neighbours neighbours : {Neighbours::kAddRemove, Neighbours::kReplaceOne}) {
    const EpsilonBounds bounds = PldBounds(sampled, 1e-5, neighbours);
    EXPECT_LT(bounds.upper, kNoBound);
    EXPECT_LE(bounds.upper, PldBounds(whole, 1e-5, neighbours).upper);
    EXPECT_GT(bounds.lower, 0);
  }
}

TEST(PldAccountant, AnswersForParametersAtTheirEnds) {
  const auto is_bracket = [](const EpsilonBounds& bounds) {
    return bounds.lower >= 0 && bounds.lower <= bounds.upper;  // false for what is no number
  };
  for (const Neighbours neighbours : {Neighbours::kAddRemove, Neighbours::kReplaceOne}) {
    for (const PrivacyPhase& phase : std::vector<PrivacyPhase>{
             {0.5, 1e-200, 1},
             {1, 1e-200, 1},
             {0.5, 0.005, 1},
             {0.5, 0.01, 2},
             {1, 1e-3, 1},
             {1e-300, 1e300, 1},
             {1e-300, 1, 10},
             {1, 1e300, 1},
             {0.01, 1, 1000000000000000000},
             {1, 1, 1000000000000000000},
             {std::nextafter(1.0, 0.0), 1, 1},
         }) {
      for (const double delta : {1e-5, 0.999999}) {
        EXPECT_TRUE(is_bracket(PldBounds({phase}, delta, neighbours)))
            << phase.sampling_rate << " " << phase.noise_multiplier << " " << delta;
      }
    }
    EXPECT_EQ(PldBounds({{0.5, 1e-200, 1}}, 1e-5, neighbours).upper, kNoBound);
  }
  // Noise of a hundredth of the clipping norm hides nothing, and that is about known.
  const EpsilonBounds bounds = PldBounds({{0.5, 0.01, 2}}, 1e-5);
  EXPECT_GT(bounds.lower, 9000);
  EXPECT_LT(bounds.upper, 12000);
  EXPECT_TRUE(is_bracket(PldBounds({{0.01, 1, 1000}}, 1e-300)));
  // Ten million steps, each hardly noticeable.
  const EpsilonBounds many = PldBounds({{0.001, 30, 10000000}}, 1e-6);
  EXPECT_LT(many.upper / many.lower, 1.01);
}

TEST(PldAccountant, RefusesParametersOutOfRange) {
  const double nan = std::nan("");
  const absl::StatusCode invalid = absl::StatusCode::kInvalidArgument;
  for (const Neighbours neighbours : {Neighbours::kAddRemove, Neighbours::kReplaceOne}) {
    for (const double q : {0.0, -0.1, 1.1, nan, kNoBound}) {
      EXPECT_THAT(PldEpsilon({{q, 1, 1}}, 0.1, neighbours).status(), StatusIs(invalid)) << q;
    }
    for (const double sigma : {0.0, -1.0, nan, kNoBound}) {
      EXPECT_THAT(PldEpsilon({{0.1, sigma, 1}}, 0.1, neighbours).status(), StatusIs(invalid));
    }
    for (const double delta : {0.0, 1.0, -0.1, 2.0, nan}) {
      EXPECT_THAT(PldEpsilon({{0.1, 1, 1}}, delta, neighbours).status(), StatusIs(invalid));
    }
  }
}

}  // namespace
}  // namespace sealtrain::policy
