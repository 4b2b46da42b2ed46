// What differential privacy costs in training: noise draws, and whole runs with
// and without it on the same rows.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/policy/schema.h"
#include "sealtrain/tests/trainer/batch_builder.h"
#include "sealtrain/tests/util/temp_dir.h"
#include "sealtrain/trainer/dp_sgd.h"
#include "sealtrain/trainer/random_stream_internal.h"
#include "sealtrain/trainer/rounded_gaussian_internal.h"
#include "sealtrain/trainer/training.h"

namespace sealtrain::trainer {
namespace {

constexpr std::size_t kRows = 8192;
constexpr std::uint64_t kSteps = 20;
constexpr double kRate = 0.25;

// The value, or the end of the program: a bench has nobody to report to.
template <class T>
T OrDie(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    std::abort();
  }
  return *std::move(result);
}

void BM_NoiseDraw(benchmark::State& state) {
  RandomStream random = OrDie(RandomStream::FromSystem());
  RoundedGaussian noise(random, std::uint64_t{3} << kLatticeBits);
  for (auto _ : state) benchmark::DoNotOptimize(noise.Draw());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_NoiseDraw);

void BM_RandomWord(benchmark::State& state) {
  RandomStream random = OrDie(RandomStream::FromSystem());
  for (auto _ : state) benchmark::DoNotOptimize(random.NextWord());
  state.SetBytesProcessed(state.iterations() * 8);
}
BENCHMARK(BM_RandomWord);

// Rows of about 150 words out of a vocabulary of 20,000, as in mails.
std::string MakeText(RandomStream& random) {
  std::string text;
  for (int word = 0; word < 150; ++word) absl::StrAppend(&text, "w", random.Below(20000), " ");
  return text;
}

TrainingPlan MakePlan(std::int64_t buckets, bool with_privacy) {
  std::string text = absl::StrCat("feature { hashed_text { column: \"body\" buckets: ", buckets,
                                  " tokens: WORDS max_ngram: 1 max_bytes_a_row: 65536 } }"
                                  "label { column: \"spam\" value: [\"false\", \"true\"] }"
                                  "model { logistic_regression {} }"
                                  "optimizer { adam {} steps: ",
                                  kSteps, " learning_rate: 0.05 sampling_rate: ", kRate, " }");
  if (with_privacy) {
    absl::StrAppend(&text, "privacy { unit: RECORD clipping_norm: 0.5 epsilon: 3 delta: 1e-5 ",
                    "expected_batch: ", kRows * kRate, " }");
  }
  return OrDie(TrainingPlan::Create(OrDie(ParseTrainSpec(text, "bench"))));
}

TrainingData MakeData(const TrainingPlan& plan) {
  const testing::TempDir folder;
  const std::string path = folder.Join("mail.proto");
  std::ofstream(path) << R"(
syntax = "proto3";
import "sealtrain/data_class.proto";
message Mail {
  string sender = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];
  string body = 2 [(sealtrain.privacy).data_class = FREE_TEXT];
  bool spam = 3 [(sealtrain.privacy).data_class = LABEL];
}
)";
  const auto schema = OrDie(policy::Schema::FromProtoFile(path, "Mail"));
  RandomStream random = OrDie(RandomStream::FromSystem());
  std::vector<std::optional<std::string>> texts;
  std::vector<std::optional<bool>> labels;
  for (std::size_t row = 0; row < kRows; ++row) {
    texts.emplace_back(MakeText(random));
    labels.emplace_back(random.Below(2) == 1);
  }
  TrainingDataBuilder builder = OrDie(TrainingDataBuilder::Create(plan, *schema));
  if (!builder.Add(testing::BatchBuilder().Text(texts).Bool(labels).Build()).ok()) std::abort();
  return OrDie(std::move(builder).Finish());
}

void Run(benchmark::State& state, bool with_privacy) {
  const TrainingPlan plan = MakePlan(state.range(0), with_privacy);
  const TrainingData data = MakeData(plan);
  for (auto _ : state) {
    std::uint64_t steps = 0;
    benchmark::DoNotOptimize(OrDie(RunSgd(plan, data, {}, steps)));
  }
  state.counters["samples/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kSteps * kRate * kRows,
                         benchmark::Counter::kIsRate);
}
void BM_Plain(benchmark::State& state) { Run(state, false); }
void BM_Private(benchmark::State& state) { Run(state, true); }
BENCHMARK(BM_Plain)->Arg(1024)->Arg(4096)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Private)->Arg(1024)->Arg(4096)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sealtrain::trainer
