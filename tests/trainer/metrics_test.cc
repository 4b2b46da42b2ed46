#include "sealtrain/trainer/metrics.h"

#include <cmath>
#include <utility>
#include <vector>

#include "sealtrain/tests/trainer/test_random.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::trainer {
namespace {

SecretVector<ScoredRow> Rows(const std::vector<std::pair<double, int>>& rows) {
  SecretVector<ScoredRow> result;
  for (const auto& [score, positive] : rows) {
    EXPECT_OK(result.Append({score, static_cast<std::uint64_t>(positive)}));
  }
  return result;
}

TEST(Metrics, CountsRowsOnTheRightSide) {
  const auto rows = Rows({{1, 1}, {-1, 0}, {2, 0}, {-3, 1}, {0, 0}});
  EXPECT_DOUBLE_EQ(Accuracy(rows), 0.6);
  EXPECT_DOUBLE_EQ(MajorityShare(rows), 0.6);
}

TEST(Metrics, AucIsOneForAPerfectOrderAndZeroForItsReverse) {
  auto perfect = Rows({{3, 1}, {1, 0}, {2, 1}, {0, 0}});
  EXPECT_DOUBLE_EQ(AreaUnderRocCurve(perfect), 1);
  auto reverse = Rows({{-3, 1}, {-1, 0}, {-2, 1}, {0, 0}});
  EXPECT_DOUBLE_EQ(AreaUnderRocCurve(reverse), 0);
}

TEST(Metrics, AucEqualsTheShareOfOrderedPairsWithTies) {
  trainer::RandomStream random = ::sealtrain::testing::SeededStream(31);
  std::vector<std::pair<double, int>> rows;
  for (int i = 0; i < 300; ++i) {
    rows.emplace_back(static_cast<double>(random.Below(20)), static_cast<int>(random.Below(2)));
  }
  double wins = 0;
  double pairs = 0;
  for (const auto& [score, positive] : rows) {
    for (const auto& [other_score, other_positive] : rows) {
      if (positive != 1 || other_positive != 0) continue;
      pairs += 1;
      wins += score > other_score ? 1 : score == other_score ? 0.5 : 0;
    }
  }
  auto scored = Rows(rows);
  EXPECT_NEAR(AreaUnderRocCurve(scored), wins / pairs, 1e-12);
}

TEST(Metrics, AucIsUnknownWithOneClassOnly) {
  auto rows = Rows({{1, 1}, {2, 1}});
  EXPECT_TRUE(std::isnan(AreaUnderRocCurve(rows)));
  auto none = Rows({});
  EXPECT_TRUE(std::isnan(AreaUnderRocCurve(none)));
  EXPECT_EQ(Accuracy(none), 0);
}

}  // namespace
}  // namespace sealtrain::trainer
