#include "sealtrain/trainer/training_data.h"

#include <string>
#include <utility>
#include <vector>

#include "sealtrain/tests/trainer/batch_builder.h"
#include "sealtrain/tests/trainer/test_schema.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::trainer {
namespace {

using ::sealtrain::testing::BatchBuilder;
using ::sealtrain::testing::Field;
using ::sealtrain::testing::MakeSchema;
using ::sealtrain::testing::MakeSpec;
using ::sealtrain::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kOneFeature[] = "feature { numeric { column: \"x\" min: 0 max: 8 } }";

TrainingPlan MakePlan(const std::string& unit) {
  const std::string privacy =
      unit.empty() ? ""
                   : "privacy { unit: " + unit +
                         " clipping_norm: 1 epsilon: 3 delta: 1e-5 expected_batch: 4 }";
  return TrainingPlan::Create(
             MakeSpec(kOneFeature,
                      "optimizer { sgd {} steps: 1 learning_rate: 1 sampling_rate: 1 }" + privacy))
      .value();
}

std::shared_ptr<const policy::Schema> TwoColumns() {
  return MakeSchema(Field("double x", 1) + Field("optional bool spam", 2, "LABEL"));
}

std::vector<std::vector<std::uint64_t>> UnitsOf(const TrainingData& data) {
  std::vector<std::vector<std::uint64_t>> units;
  for (std::size_t i = 0; i < data.units(); ++i) {
    units.emplace_back(data.unit(i).begin(), data.unit(i).end());
  }
  return units;
}

TEST(TrainingData, MakesEachRowAUnit) {
  const TrainingPlan plan = MakePlan("RECORD");
  const auto schema = TwoColumns();
  EXPECT_THAT(TrainingDataBuilder::Columns(plan, *schema), ElementsAre("x", "spam"));
  ASSERT_OK_AND_ASSIGN(TrainingDataBuilder builder, TrainingDataBuilder::Create(plan, *schema));
  ASSERT_OK(builder.Add(BatchBuilder().Double({2, 4}).Bool({true, false}).Build()));
  ASSERT_OK(builder.Add(BatchBuilder().Double({8}).Bool({true}).Build(2)));
  ASSERT_OK_AND_ASSIGN(const TrainingData data, std::move(builder).Finish());
  EXPECT_THAT(UnitsOf(data), ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2)));
  EXPECT_EQ(data.label(0), 1);
  EXPECT_EQ(data.label(1), 0);
  EXPECT_EQ(data.inputs(1)[0].value, 0.5f);
  EXPECT_EQ(data.inputs(2)[0].value, 1.0f);
}

TEST(TrainingData, GathersTheRowsOfASubjectAcrossBatches) {
  const TrainingPlan plan = MakePlan("SUBJECT");
  const auto schema = TwoColumns();
  EXPECT_THAT(TrainingDataBuilder::Columns(plan, *schema), ElementsAre("x", "spam", "who"));
  ASSERT_OK_AND_ASSIGN(TrainingDataBuilder builder, TrainingDataBuilder::Create(plan, *schema));
  ASSERT_OK(builder.Add(BatchBuilder()
                            .Double({1, 1, 1, 1})
                            .Bool({true, false, true, true})
                            .Text({"ann", "bob", "ann", ""})
                            .Build()));
  ASSERT_OK(builder.Add(
      BatchBuilder().Double({1, 1, 1}).Bool({true, false, true}).Text({"bob", "cy", ""}).Build(4)));
  ASSERT_OK_AND_ASSIGN(const TrainingData data, std::move(builder).Finish());
  EXPECT_THAT(UnitsOf(data),
              ElementsAre(ElementsAre(0, 2), ElementsAre(1, 4), ElementsAre(3, 6), ElementsAre(5)));
  EXPECT_EQ(data.rows(), 7u);
}

TEST(TrainingData, DoesNotOpenTheSubjectWithoutNeed) {
  EXPECT_THAT(TrainingDataBuilder::Columns(MakePlan(""), *TwoColumns()), ElementsAre("x", "spam"));
}

TEST(TrainingData, RefusesAnUnknownLabelWithoutPrivacy) {
  ASSERT_OK_AND_ASSIGN(TrainingDataBuilder builder,
                       TrainingDataBuilder::Create(MakePlan(""), *TwoColumns()));
  EXPECT_THAT(builder.Add(BatchBuilder().Double({1, 2}).Bool({true, std::nullopt}).Build(40)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("row 41")));
}

TEST(TrainingData, PassesOverAnUnknownLabelInAPrivateRun) {
  for (const char* unit : {"RECORD", "SUBJECT"}) {
    const TrainingPlan plan = MakePlan(unit);
    ASSERT_OK_AND_ASSIGN(TrainingDataBuilder builder,
                         TrainingDataBuilder::Create(plan, *TwoColumns()));
    ASSERT_OK(builder.Add(BatchBuilder()
                              .Double({1, 2, 3})
                              .Bool({true, std::nullopt, false})
                              .Text({"a", "b", "c"})
                              .Build()));
    ASSERT_OK_AND_ASSIGN(const TrainingData data, std::move(builder).Finish());
    EXPECT_EQ(data.units(), 2u) << unit;
    EXPECT_EQ(data.rows(), 2u) << unit;
  }
}

TEST(TrainingData, MayBeEmptyInAPrivateRunOnly) {
  ASSERT_OK_AND_ASSIGN(TrainingDataBuilder with,
                       TrainingDataBuilder::Create(MakePlan("SUBJECT"), *TwoColumns()));
  ASSERT_OK_AND_ASSIGN(const TrainingData data, std::move(with).Finish());
  EXPECT_EQ(data.units(), 0u);
  ASSERT_OK_AND_ASSIGN(TrainingDataBuilder without,
                       TrainingDataBuilder::Create(MakePlan(""), *TwoColumns()));
  EXPECT_THAT(std::move(without).Finish().status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no rows")));
}

}  // namespace
}  // namespace sealtrain::trainer
