#include "sealtrain/trainer/optimizer_internal.h"

#include <cmath>
#include <vector>

#include "google/protobuf/text_format.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::trainer {
namespace {

Optimizer Parse(const std::string& text) {
  Optimizer optimizer;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &optimizer));
  return optimizer;
}

// Weights after the steps with these gradients, from `weights`.
std::vector<double> Train(const std::string& spec,
                          const std::vector<std::vector<double>>& gradients,
                          std::vector<double> weights) {
  WeightUpdater updater = WeightUpdater::Create(Parse(spec), weights.size()).value();
  for (std::vector<double> gradient : gradients) {
    updater.Step(absl::MakeSpan(gradient), absl::MakeSpan(weights));
  }
  return weights;
}

TEST(WeightUpdater, SgdGoesDownTheGradient) {
  EXPECT_THAT(Train("sgd {} learning_rate: 0.5", {{1, -2, 4}}, {0, 0, 0}),
              ::testing::ElementsAre(-0.5, 1, -2));
}

TEST(WeightUpdater, MomentumAddsEarlierGradients) {
  // 1; then 0.5 + 1.
  EXPECT_THAT(Train("sgd { momentum: 0.5 } learning_rate: 1", {{1, 0}, {1, 0}}, {0, 0}),
              ::testing::ElementsAre(-2.5, 0));
}

TEST(WeightUpdater, PenaltyPullsAllButTheBiasToZero) {
  EXPECT_THAT(Train("sgd {} learning_rate: 1 l2: 0.1", {{0, 0, 0}}, {10, -10, 10}),
              ::testing::ElementsAre(9, -9, 10));
}

TEST(WeightUpdater, AdamTakesStepsOfTheLearningRateWhateverTheScale) {
  const std::vector<double> weights =
      Train("adam {} learning_rate: 0.1", {{1e-3, -1e3}, {1e-3, -1e3}}, {0, 0});
  EXPECT_NEAR(weights[0], -0.2, 1e-4);
  EXPECT_NEAR(weights[1], 0.2, 1e-4);
}

TEST(WeightUpdater, AdamFollowsItsDefinition) {
  const double gradients[] = {0.3, -0.7, 0.2};
  double first = 0;
  double second = 0;
  double weight = 1;
  for (int t = 1; t <= 3; ++t) {
    const double g = gradients[t - 1];
    first = 0.9 * first + 0.1 * g;
    second = 0.999 * second + 0.001 * g * g;
    weight -= 0.05 * (first / (1 - std::pow(0.9, t))) /
              (std::sqrt(second / (1 - std::pow(0.999, t))) + 1e-8);
  }
  EXPECT_NEAR(Train("adam {} learning_rate: 0.05", {{0.3}, {-0.7}, {0.2}}, {1})[0], weight, 1e-12);
}

}  // namespace
}  // namespace sealtrain::trainer
