#include "sealtrain/trainer/training_plan.h"

#include <cmath>

#include "sealtrain/tests/trainer/test_schema.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::trainer {
namespace {

using ::sealtrain::testing::MakeSpec;
using ::sealtrain::testing::StatusIs;

constexpr char kFeature[] = "feature { numeric { column: \"x\" min: 0 max: 1 } }";
constexpr char kPrivate[] =
    "optimizer { sgd {} steps: 50 learning_rate: 1 sampling_rate: 0.3 }"
    "privacy { unit: RECORD clipping_norm: 2 epsilon: 1.5 delta: 1e-6 expected_batch: 30 }";

TEST(TrainingPlan, AccountsTheNoiseReallyUsed) {
  ASSERT_OK_AND_ASSIGN(const TrainingPlan plan, TrainingPlan::Create(MakeSpec(kFeature, kPrivate)));
  ASSERT_TRUE(plan.privacy().has_value());
  const TrainingPlan::Privacy& privacy = *plan.privacy();
  EXPECT_EQ(privacy.phase.sampling_rate, 0.3);
  EXPECT_EQ(privacy.phase.steps, 50u);
  EXPECT_EQ(std::ldexp(privacy.phase.noise_multiplier, kLatticeBits),
            static_cast<double>(privacy.lattice_sigma));
  ASSERT_OK_AND_ASSIGN(const double enough, policy::CalibrateNoise(1.5, 1e-6, 0.3, 50));
  EXPECT_GE(privacy.phase.noise_multiplier, enough);
  EXPECT_LT(privacy.phase.noise_multiplier, enough + std::ldexp(2, -kLatticeBits));
  ASSERT_OK_AND_ASSIGN(const double epsilon, policy::RdpEpsilon({privacy.phase}, 1e-6));
  EXPECT_EQ(privacy.epsilon, epsilon);
  EXPECT_LE(privacy.epsilon, 1.5);
  EXPECT_GT(privacy.epsilon, 1.4);
  EXPECT_EQ(privacy.clipping_norm, 2);
  EXPECT_EQ(privacy.expected_batch, 30);
  EXPECT_EQ(privacy.unit, policy::RECORD);
}

TEST(TrainingPlan, HasNoPrivacyWithoutASpecForIt) {
  ASSERT_OK_AND_ASSIGN(const TrainingPlan plan, TrainingPlan::Create(MakeSpec(kFeature)));
  EXPECT_FALSE(plan.privacy().has_value());
  EXPECT_EQ(plan.features().dimension(), 3u);
}

TEST(TrainingPlan, RefusesASpecThatIsNotValid) {
  TrainSpec spec = MakeSpec(kFeature, kPrivate);
  spec.mutable_privacy()->set_epsilon(-1);
  EXPECT_THAT(TrainingPlan::Create(spec).status(), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(TrainingPlan, RefusesAnEpsilonThatNoNoiseReaches) {
  TrainSpec spec = MakeSpec(kFeature, kPrivate);
  spec.mutable_privacy()->set_epsilon(1e-12);
  spec.mutable_privacy()->set_delta(1e-15);
  EXPECT_THAT(TrainingPlan::Create(spec).status(), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace sealtrain::trainer
