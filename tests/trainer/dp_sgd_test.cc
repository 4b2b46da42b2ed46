#include "sealtrain/trainer/dp_sgd.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/tests/trainer/batch_builder.h"
#include "sealtrain/tests/trainer/test_schema.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/trainer/logistic_regression.h"

namespace sealtrain::trainer {
namespace {

using ::sealtrain::testing::BatchBuilder;
using ::sealtrain::testing::Field;
using ::sealtrain::testing::MakeSchema;
using ::sealtrain::testing::MakeSpec;
using ::sealtrain::testing::StatusIs;

// One numeric input in [0, 1], and 1,000 buckets that no row ever fills: what
// they weigh is noise alone.
constexpr char kFeatures[] =
    "feature { numeric { column: \"x\" min: 0 max: 1 } }"
    "feature { hashed_text { column: \"t\" buckets: 1000 tokens: WORDS max_ngram: 1"
    "          max_bytes_a_row: 1 } }";
constexpr std::uint32_t kFirstBucket = 2;
constexpr std::uint32_t kBuckets = 1000;

std::shared_ptr<const policy::Schema> RowSchema() {
  return MakeSchema(Field("double x", 1) + Field("string t", 2) + Field("bool spam", 3, "LABEL"));
}

TrainingPlan MakePlan(const std::string& optimizer, const std::string& privacy) {
  return TrainingPlan::Create(
             MakeSpec(kFeatures, absl::StrCat("optimizer { ", optimizer, " }",
                                              privacy.empty() ? "" : "privacy { ", privacy,
                                              privacy.empty() ? "" : " }")))
      .value();
}

struct Row {
  double x;
  bool label;
  std::string who = "";
};

TrainingData MakeData(const TrainingPlan& plan, const std::vector<Row>& rows) {
  std::vector<std::optional<double>> x;
  std::vector<std::optional<std::string>> text;
  std::vector<std::optional<bool>> labels;
  std::vector<std::optional<std::string>> subjects;
  for (const Row& row : rows) {
    x.emplace_back(row.x);
    text.emplace_back("");
    labels.emplace_back(row.label);
    subjects.emplace_back(row.who);
  }
  TrainingDataBuilder builder = TrainingDataBuilder::Create(plan, *RowSchema()).value();
  EXPECT_OK(builder.Add(BatchBuilder().Double(x).Text(text).Bool(labels).Text(subjects).Build()));
  return std::move(builder).Finish().value();
}

std::vector<Row> SeparableRows(int count) {
  std::vector<Row> rows;
  for (int i = 0; i < count; ++i) {
    const double x = i / static_cast<double>(count);
    rows.push_back({.x = x, .label = x > 0.5, .who = absl::StrCat(i % 97)});
  }
  return rows;
}

double AccuracyOn(const TrainingData& data, const TrainedModel& model) {
  std::size_t right = 0;
  for (std::size_t row = 0; row < data.rows(); ++row) {
    right += (Margin(model.weights.span(), data.inputs(row)) > 0) == (data.label(row) == 1) ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(data.rows());
}

TEST(RunSgd, LearnsASeparableSet) {
  for (const char* optimizer :
       {"adam {} steps: 300 learning_rate: 0.1 sampling_rate: 0.2",
        "sgd { momentum: 0.9 } steps: 300 learning_rate: 1 sampling_rate: 0.2"}) {
    const TrainingPlan plan = MakePlan(optimizer, "");
    const TrainingData data = MakeData(plan, SeparableRows(500));
    std::uint64_t steps = 0;
    ASSERT_OK_AND_ASSIGN(const TrainedModel model, RunSgd(plan, data, {}, steps));
    EXPECT_EQ(steps, 300u);
    EXPECT_GT(AccuracyOn(data, model), 0.95) << optimizer;
  }
}

TEST(RunSgd, LearnsASeparableSetWithPrivacy) {
  const TrainingPlan plan =
      MakePlan("adam {} steps: 200 learning_rate: 0.1 sampling_rate: 0.2",
               "unit: RECORD clipping_norm: 1 epsilon: 3 delta: 1e-5 expected_batch: 800");
  const TrainingData data = MakeData(plan, SeparableRows(4000));
  std::uint64_t steps = 0;
  ASSERT_OK_AND_ASSIGN(const TrainedModel model, RunSgd(plan, data, {}, steps));
  EXPECT_GT(AccuracyOn(data, model), 0.93);
}

constexpr char kOneStep[] = "sgd {} steps: 1 learning_rate: 1 sampling_rate: 1";

// With one SGD step of rate 1 from zero, minus the weights are the noisy mean.
TEST(RunSgd, AddsTheNoiseThatThePlanAccounts) {
  const TrainingPlan plan =
      MakePlan(kOneStep, "unit: RECORD clipping_norm: 3 epsilon: 2 delta: 1e-5 expected_batch: 7");
  const double deviation = plan.privacy()->phase.noise_multiplier * 3 / 7;
  for (const std::size_t rows : {0u, 50u}) {  // nobody, and somebody
    const TrainingData data = MakeData(plan, SeparableRows(static_cast<int>(rows)));
    double sum = 0;
    double squares = 0;
    constexpr int kRuns = 20;
    for (int run = 0; run < kRuns; ++run) {
      std::uint64_t steps = 0;
      ASSERT_OK_AND_ASSIGN(const TrainedModel model, RunSgd(plan, data, {}, steps));
      for (std::uint32_t i = kFirstBucket; i < kFirstBucket + kBuckets; ++i) {
        sum += model.weights[i];
        squares += model.weights[i] * model.weights[i];
      }
    }
    const double draws = kRuns * double{kBuckets};
    EXPECT_NEAR(sum / draws, 0, 6 * deviation / std::sqrt(draws));
    EXPECT_NEAR(std::sqrt(squares / draws) / deviation, 1, 6 / std::sqrt(2 * draws)) << rows;
  }
}

TEST(RunSgd, DrawsNewNoiseForEveryStepAndRun) {
  // Momentum 0 and rate 1: weights are minus the sum of the steps' noise.
  const TrainingPlan one =
      MakePlan(kOneStep, "unit: RECORD clipping_norm: 1 epsilon: 2 delta: 1e-5 expected_batch: 1");
  const TrainingPlan four =
      MakePlan("sgd {} steps: 4 learning_rate: 1 sampling_rate: 1",
               "unit: RECORD clipping_norm: 1 epsilon: 2 delta: 1e-5 expected_batch: 1");
  const TrainingData data = MakeData(one, {});
  std::uint64_t steps = 0;
  ASSERT_OK_AND_ASSIGN(const TrainedModel first, RunSgd(one, data, {}, steps));
  ASSERT_OK_AND_ASSIGN(const TrainedModel second, RunSgd(one, data, {}, steps));
  ASSERT_OK_AND_ASSIGN(const TrainedModel sum, RunSgd(four, data, {}, steps));
  int equal = 0;
  double squares = 0;
  for (std::uint32_t i = kFirstBucket; i < kFirstBucket + kBuckets; ++i) {
    equal += first.weights[i] == second.weights[i] ? 1 : 0;
    squares += sum.weights[i] * sum.weights[i];
  }
  EXPECT_EQ(equal, 0);
  // Four independent draws have twice the deviation of one; one draw that is
  // used four times would have four times it.
  const double deviation = 2 * four.privacy()->phase.noise_multiplier;
  EXPECT_NEAR(std::sqrt(squares / kBuckets) / deviation, 1, 0.15);
}

TEST(RunSgd, DividesByTheExpectedBatchAndNothingElse) {
  // 1,000 rows with x = 1 and label 1: each gradient is -0.5 at x and at the
  // bias, of norm 0.707. All are in the sample.
  const std::vector<Row> rows(1000, Row{.x = 1, .label = true});
  const TrainingPlan plan = MakePlan(
      kOneStep, "unit: RECORD clipping_norm: 1 epsilon: 100 delta: 1e-5 expected_batch: 250");
  const TrainingData data = MakeData(plan, rows);
  std::uint64_t steps = 0;
  ASSERT_OK_AND_ASSIGN(const TrainedModel model, RunSgd(plan, data, {}, steps));
  EXPECT_NEAR(model.weights[0], 2, 0.05);
  EXPECT_NEAR(model.weights[model.weights.size() - 1], 2, 0.05);
}

TEST(RunSgd, ClipsASubjectOnceHoweverManyRowsItHas) {
  std::vector<Row> rows(1000, Row{.x = 1, .label = true, .who = "prolific"});
  const auto moved = [&rows](const std::string& unit) {
    const TrainingPlan plan =
        MakePlan(kOneStep, absl::StrCat("unit: ", unit,
                                        " clipping_norm: 0.5 epsilon: 200 delta: 1e-5 "
                                        "expected_batch: 1"));
    std::uint64_t steps = 0;
    return RunSgd(plan, MakeData(plan, rows), {}, steps).value().weights[0];
  };
  EXPECT_NEAR(moved("RECORD"), 1000 * 0.5 / std::sqrt(2), 3);
  EXPECT_NEAR(moved("SUBJECT"), 0.5 / std::sqrt(2), 0.5);
}

TEST(RunSgd, ShowsStepsAndNothingElse) {
  const TrainingPlan plan =
      MakePlan("sgd {} steps: 3 learning_rate: 1 sampling_rate: 1",
               "unit: RECORD clipping_norm: 1 epsilon: 2 delta: 1e-5 expected_batch: 1");
  const TrainingData data = MakeData(plan, SeparableRows(10));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> seen;
  std::uint64_t steps = 0;
  ASSERT_OK(RunSgd(plan, data,
                   {.progress = [&seen](std::uint64_t done,
                                        std::uint64_t all) { seen.emplace_back(done, all); }},
                   steps)
                .status());
  EXPECT_THAT(seen, ::testing::ElementsAre(std::make_pair(1, 3), std::make_pair(2, 3),
                                           std::make_pair(3, 3)));
}

TEST(RunSgd, StopsBetweenStepsAndSaysHowManyItStarted) {
  const TrainingPlan plan = MakePlan("sgd {} steps: 10 learning_rate: 1 sampling_rate: 1", "");
  const TrainingData data = MakeData(plan, SeparableRows(10));
  int asked = 0;
  std::uint64_t steps = 0;
  EXPECT_THAT(RunSgd(plan, data, {.stop = [&asked] { return ++asked > 4; }}, steps).status(),
              StatusIs(absl::StatusCode::kCancelled, "stopped after 4 of 10 steps"));
  EXPECT_EQ(steps, 4u);
}

TEST(RunSgd, RefusesWeightsThatOverflow) {
  const TrainingPlan plan = MakePlan(
      "sgd { momentum: 0.9999 } steps: 300 learning_rate: 1e6 sampling_rate: 1 l2: 1e6", "");
  const TrainingData data = MakeData(plan, SeparableRows(10));
  std::uint64_t steps = 0;
  EXPECT_THAT(RunSgd(plan, data, {}, steps).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("overflowed")));
}

}  // namespace
}  // namespace sealtrain::trainer
