// Tests that try to show that the sampler is wrong. Seeds are fixed, so that a
// failure is a finding and not bad luck; thresholds lie at 1e-5 or beyond.
#include "sealtrain/trainer/rounded_gaussian_internal.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "sealtrain/tests/trainer/test_random.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::trainer {
namespace {

using ::sealtrain::testing::SeededStream;

double NormalCdf(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

// P(round(sigma Z) = n), from the smaller tail so that nothing cancels.
double Probability(std::int64_t n, double sigma) {
  const double magnitude = std::abs(static_cast<double>(n));
  return NormalCdf(-(magnitude - 0.5) / sigma) - NormalCdf(-(magnitude + 0.5) / sigma);
}

struct Fit {
  double statistic = 0;
  double degrees = 0;
  // Distance from the mean in standard deviations; chi-square is nearly normal
  // with this many degrees of freedom (Wilson and Hilferty).
  double deviation() const {
    const double nine = 2 / (9 * degrees);
    return (std::cbrt(statistic / degrees) - (1 - nine)) / std::sqrt(nine);
  }
};

template <class Sampler>
Fit ChiSquare(Sampler& sampler, double sigma, int draws) {
  std::map<std::int64_t, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[sampler.Draw()];
  Fit fit{.degrees = -1};
  double left = draws;
  double seen = 0;
  const auto limit = static_cast<std::int64_t>(8 * sigma) + 8;
  for (std::int64_t n = -limit; n <= limit; ++n) {
    const double expected = draws * Probability(n, sigma);
    if (expected < 8) continue;
    const auto found = counts.find(n);
    const double count = found == counts.end() ? 0 : found->second;
    fit.statistic += (count - expected) * (count - expected) / expected;
    fit.degrees += 1;
    left -= expected;
    seen += count;
  }
  // Both tails together as one cell.
  if (left > 8) {
    fit.statistic += std::pow(draws - seen - left, 2) / left;
    fit.degrees += 1;
  }
  return fit;
}

class RoundedGaussianFit : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(RoundedGaussianFit, HasTheRoundedNormalDistribution) {
  RandomStream stream = SeededStream(GetParam());
  RoundedGaussian sampler(stream, GetParam());
  EXPECT_LT(ChiSquare(sampler, static_cast<double>(GetParam()), 200000).deviation(), 4.3);
}

// Four-bit digits: most draws have to read on before they can decide.
TEST_P(RoundedGaussianFit, DoesNotDependOnTheWidthOfADigit) {
  RandomStream stream = SeededStream(100 + GetParam());
  BasicRoundedGaussian<4> sampler(stream, GetParam());
  EXPECT_LT(ChiSquare(sampler, static_cast<double>(GetParam()), 200000).deviation(), 4.3);
}

INSTANTIATE_TEST_SUITE_P(Sigmas, RoundedGaussianFit, ::testing::Values(1, 2, 3, 7, 16));

TEST(RoundedGaussian, IsToldFromASigmaTwoPerCentOff) {
  // The check above must be able to fail: the same draws against a wrong sigma.
  RandomStream stream = SeededStream(5);
  RoundedGaussian sampler(stream, 7);
  EXPECT_GT(ChiSquare(sampler, 7.14, 200000).deviation(), 6);
}

TEST(RoundedGaussian, HasTheMomentsOfTheNormalDistribution) {
  constexpr int kDraws = 400000;
  constexpr std::uint64_t kSigma = 3u << 20;
  RandomStream stream = SeededStream(6);
  RoundedGaussian sampler(stream, kSigma);
  double moments[5] = {};
  for (int i = 0; i < kDraws; ++i) {
    const double z = static_cast<double>(sampler.Draw()) / kSigma;
    double power = 1;
    for (double& moment : moments) {
      moment += power / kDraws;
      power *= z;
    }
  }
  // Five standard errors; the variances of Z, Z^2, Z^3, Z^4 are 1, 2, 15, 96.
  const double root = std::sqrt(static_cast<double>(kDraws));
  EXPECT_NEAR(moments[1], 0, 5 / root);
  EXPECT_NEAR(moments[2], 1, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(moments[3], 0, 5 * std::sqrt(15.0) / root);
  EXPECT_NEAR(moments[4], 3, 5 * std::sqrt(96.0) / root);
}

TEST(RoundedGaussian, PassesKolmogorovSmirnov) {
  constexpr int kDraws = 200000;
  constexpr std::uint64_t kSigma = RoundedGaussian::kMaxSigma;
  RandomStream stream = SeededStream(7);
  RoundedGaussian sampler(stream, kSigma);
  std::vector<double> draws;
  for (int i = 0; i < kDraws; ++i) draws.push_back(static_cast<double>(sampler.Draw()) / kSigma);
  std::sort(draws.begin(), draws.end());
  double distance = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double cdf = NormalCdf(draws[static_cast<std::size_t>(i)]);
    distance = std::max({distance, cdf - i / double{kDraws}, (i + 1) / double{kDraws} - cdf});
  }
  EXPECT_LT(distance * std::sqrt(double{kDraws}), 2.5);  // exceeded with 7e-6
}

TEST(RoundedGaussian, ReachesTheTails) {
  constexpr int kDraws = 400000;
  RandomStream stream = SeededStream(8);
  RoundedGaussian sampler(stream, 1u << 20);
  int beyond = 0;
  for (int i = 0; i < kDraws; ++i) beyond += std::abs(sampler.Draw()) > (3ll << 20) ? 1 : 0;
  const double expected = kDraws * 2 * NormalCdf(-3);
  EXPECT_NEAR(beyond, expected, 5 * std::sqrt(expected));
}

TEST(RoundedGaussian, DrawsDoNotDependOnEachOther) {
  constexpr int kDraws = 200000;
  RandomStream stream = SeededStream(9);
  RoundedGaussian sampler(stream, 1u << 20);
  double last = 0;
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double draw = static_cast<double>(sampler.Draw()) / (1 << 20);
    sum += draw * last;
    last = draw;
  }
  EXPECT_LT(std::abs(sum) / std::sqrt(double{kDraws}), 4.5);
}

}  // namespace
}  // namespace sealtrain::trainer
