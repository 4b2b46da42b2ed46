#include "sealtrain/trainer/poisson_sampler_internal.h"

#include <cmath>

#include "sealtrain/tests/trainer/test_random.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::trainer {
namespace {

using ::sealtrain::testing::SeededStream;

class PoissonSamplerRate : public ::testing::TestWithParam<double> {};

TEST_P(PoissonSamplerRate, TakesUnitsAtTheRate) {
  constexpr int kDraws = 400000;
  const double rate = GetParam();
  PoissonSampler sampler(SeededStream(11), rate);
  int taken = 0;
  for (int i = 0; i < kDraws; ++i) taken += sampler.Next() ? 1 : 0;
  EXPECT_NEAR(taken, kDraws * rate, 5 * std::sqrt(kDraws * rate * (1 - rate)) + 1e-9);
}

INSTANTIATE_TEST_SUITE_P(Rates, PoissonSamplerRate,
                         ::testing::Values(1e-9, 1e-3, 0.1, 0.5, 0.999, 1.0));

TEST(PoissonSampler, TakesEveryUnitAtRateOne) {
  PoissonSampler sampler(SeededStream(12), 1.0);
  for (int i = 0; i < 10000; ++i) ASSERT_TRUE(sampler.Next());
}

TEST(PoissonSampler, DrawsASampleOfAnotherSizeEachStep) {
  // A fixed batch size would be sampling without replacement, which the
  // accountant does not describe.
  PoissonSampler sampler(SeededStream(13), 0.5);
  double sum = 0;
  double squares = 0;
  constexpr int kSteps = 2000;
  constexpr int kUnits = 100;
  for (int step = 0; step < kSteps; ++step) {
    int batch = 0;
    for (int unit = 0; unit < kUnits; ++unit) batch += sampler.Next() ? 1 : 0;
    sum += batch;
    squares += batch * batch;
  }
  const double mean = sum / kSteps;
  const double variance = squares / kSteps - mean * mean;
  EXPECT_NEAR(variance, 25, 4);  // n q (1 - q); standard error 0.8
}

}  // namespace
}  // namespace sealtrain::trainer
