// The sensitivity of the private sum, without the noise.
#include "sealtrain/trainer/clipped_sum_internal.h"

#include <cmath>
#include <limits>
#include <vector>

#include "sealtrain/tests/trainer/test_random.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/trainer/training_plan.h"

namespace sealtrain::trainer {
namespace {

using ::sealtrain::testing::SeededStream;
using ::sealtrain::testing::Symmetric;

constexpr std::size_t kDimension = 40;
constexpr std::int64_t kLattice = std::int64_t{1} << kLatticeBits;

// A gradient with these coordinates.
Gradient MakeGradient(const std::vector<double>& values) {
  Gradient gradient = Gradient::Create(kDimension).value();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Entry one = {static_cast<std::uint32_t>(i), 1.0f};
    if (values[i] != 0) gradient.Add(values[i], absl::MakeConstSpan(&one, 1));
  }
  return gradient;
}

std::vector<std::int64_t> LatticeOf(const ClippedSum& sum) {
  std::vector<std::int64_t> lattice;
  for (std::size_t i = 0; i < sum.size(); ++i) lattice.push_back(sum.lattice(i));
  return lattice;
}

// Random coordinates over the whole range of doubles, awkward ones included.
std::vector<double> AwkwardGradient(RandomStream& random) {
  const double awkward[] = {std::numeric_limits<double>::quiet_NaN(),
                            std::numeric_limits<double>::infinity(),
                            -std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::max(),
                            -1e300,
                            1e-300,
                            std::numeric_limits<double>::denorm_min(),
                            -0.0};
  std::vector<double> values;
  // Magnitudes around one that changes from gradient to gradient, so that all
  // of clipped, hardly clipped and not clipped occur.
  const double scale = std::exp2(30 * Symmetric(random));
  const bool plain = random.Below(2) == 0;
  for (std::size_t i = 0; i < kDimension; ++i) {
    if (!plain && random.Below(20) == 0) {
      values.push_back(awkward[random.Below(std::size(awkward))]);
    } else {
      values.push_back(random.Below(3) == 0 ? 0 : scale * Symmetric(random));
    }
  }
  return values;
}

TEST(ClippedSum, MovesByAtMostTheClippingNormWhenAUnitIsAdded) {
  RandomStream random = SeededStream(21);
  std::size_t at_the_limit = 0;
  for (int round = 0; round < 3000; ++round) {
    const double clipping_norm = std::exp2(18 * Symmetric(random));
    ASSERT_OK_AND_ASSIGN(ClippedSum sum, ClippedSum::Create(kDimension, clipping_norm));
    for (int unit = 0; unit < 3; ++unit) sum.Add(MakeGradient(AwkwardGradient(random)));
    const std::vector<std::int64_t> before = LatticeOf(sum);
    sum.Add(MakeGradient(AwkwardGradient(random)));
    __extension__ unsigned __int128 moved = 0;
    for (std::size_t i = 0; i < kDimension; ++i) {
      const std::int64_t by = sum.lattice(i) - before[i];
      moved += static_cast<unsigned __int128>(static_cast<__int128>(by) * by);
    }
    __extension__ const auto limit = static_cast<unsigned __int128>(kLattice) * kLattice;
    ASSERT_LE(moved, limit) << "round " << round;
    if (moved > limit - limit / 100000) ++at_the_limit;
  }
  // Clipping scales to the norm and not far below it.
  EXPECT_GT(at_the_limit, 500u);
}

TEST(ClippedSum, ClipsALongGradientToTheClippingNorm) {
  ASSERT_OK_AND_ASSIGN(ClippedSum sum, ClippedSum::Create(kDimension, 0.5));
  sum.Add(MakeGradient({300, 400}));
  EXPECT_NEAR(sum.value(0), 0.3, 1e-6);
  EXPECT_NEAR(sum.value(1), 0.4, 1e-6);
}

TEST(ClippedSum, LeavesAShortGradientAsItIs) {
  ASSERT_OK_AND_ASSIGN(ClippedSum sum, ClippedSum::Create(kDimension, 2));
  sum.Add(MakeGradient({0.25, -0.5, 0, 1}));
  EXPECT_NEAR(sum.value(0), 0.25, 4e-6);
  EXPECT_NEAR(sum.value(1), -0.5, 4e-6);
  EXPECT_EQ(sum.value(2), 0);
  EXPECT_NEAR(sum.value(3), 1, 4e-6);
}

TEST(ClippedSum, RoundsEveryCoordinateTowardsZero) {
  RandomStream random = SeededStream(22);
  ASSERT_OK_AND_ASSIGN(ClippedSum sum, ClippedSum::Create(kDimension, 8));
  for (int round = 0; round < 1000; ++round) {
    std::vector<double> values;
    for (std::size_t i = 0; i < kDimension; ++i) values.push_back(Symmetric(random));
    sum.SetZero();
    sum.Add(MakeGradient(values));
    for (std::size_t i = 0; i < kDimension; ++i) {
      ASSERT_LE(std::abs(sum.value(i)), std::abs(values[i]));
      ASSERT_NEAR(sum.value(i), values[i], 8.0 / kLattice * 1.001);
    }
  }
}

TEST(ClippedSum, CountsAGradientThatIsNotFiniteAsZero) {
  ASSERT_OK_AND_ASSIGN(ClippedSum sum, ClippedSum::Create(kDimension, 1));
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 1e200}) {
    sum.Add(MakeGradient({1, bad, 1}));
    EXPECT_EQ(LatticeOf(sum), std::vector<std::int64_t>(kDimension, 0)) << bad;
  }
}

TEST(ClippedSum, DoesNotDependOnTheOrderOfItsTerms) {
  RandomStream random = SeededStream(23);
  std::vector<std::vector<double>> gradients;
  for (int i = 0; i < 200; ++i) gradients.push_back(AwkwardGradient(random));
  ASSERT_OK_AND_ASSIGN(ClippedSum forwards, ClippedSum::Create(kDimension, 1));
  ASSERT_OK_AND_ASSIGN(ClippedSum backwards, ClippedSum::Create(kDimension, 1));
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    forwards.Add(MakeGradient(gradients[i]));
    backwards.Add(MakeGradient(gradients[gradients.size() - 1 - i]));
  }
  EXPECT_EQ(LatticeOf(forwards), LatticeOf(backwards));
}

TEST(ClippedSum, AddsOneDrawOfNoiseToEveryCoordinate) {
  constexpr std::uint64_t kSigma = 5 << kLatticeBits;
  constexpr int kRounds = 500;
  RandomStream random = SeededStream(24);
  RoundedGaussian noise(random, kSigma);
  ASSERT_OK_AND_ASSIGN(ClippedSum sum, ClippedSum::Create(kDimension, 1));
  double squares = 0;
  for (int round = 0; round < kRounds; ++round) {
    sum.SetZero();
    sum.AddNoise(noise);
    for (std::size_t i = 0; i < kDimension; ++i) squares += sum.value(i) * sum.value(i);
  }
  const double draws = kRounds * double{kDimension};
  EXPECT_NEAR(squares / draws, 25, 5 * 25 * std::sqrt(2 / draws));
}

TEST(Gradient, MergesRowsAndClearsWhatItTouched) {
  ASSERT_OK_AND_ASSIGN(Gradient gradient, Gradient::Create(kDimension));
  const Entry first[] = {{3, 1.0f}, {5, 2.0f}};
  const Entry second[] = {{5, 0.5f}, {7, 1.0f}};
  gradient.Add(2, first);
  gradient.Add(-1, second);
  EXPECT_THAT(gradient.indexes(), ::testing::UnorderedElementsAre(3u, 5u, 7u));
  EXPECT_EQ(gradient.value(3), 2);
  EXPECT_EQ(gradient.value(5), 3.5);
  EXPECT_EQ(gradient.value(7), -1);
  gradient.SetZero();
  EXPECT_TRUE(gradient.indexes().empty());
  EXPECT_EQ(gradient.value(5), 0);
}

}  // namespace
}  // namespace sealtrain::trainer
