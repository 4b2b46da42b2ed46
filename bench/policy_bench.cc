// What a decision, a policy's loading and an account of privacy cost.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "sealtrain/policy/duties.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/pld_accountant.h"
#include "sealtrain/policy/rdp_accountant.h"

namespace sealtrain::policy {
namespace {

// `rules` permits for as many workloads, and one forbid for everybody.
std::string PolicyOf(std::int64_t rules) {
  std::string text = absl::StrCat(
      R"(id: "bench" version: 1 author: "eve" purpose: "safety/abuse"
approval { required: 1 approver { name: "ada" public_key: ")",
      std::string(64, 'a'), R"(" } }
rule { id: "no" forbid {} scope { principal: "any" action: TRAIN dataset: "*" purpose: "safety"
  data_class: CREDENTIAL } }
)");
  for (std::int64_t i = 0; i < rules; ++i) {
    absl::StrAppend(
        &text, "rule { id: \"r", i, "\" permit {",
        " obligation { transform { on_class: FREE_TEXT kind: KEEP } }",
        " obligation { dp { epsilon_max: 3 delta_max: 1e-6 unit: SUBJECT ",
        "ledger_epsilon: 8 } } } scope { principal: \"workload:", i,
        "\" action: TRAIN dataset: \"mails/*\" purpose: \"safety\"",
        " data_class: FREE_TEXT data_class: LABEL } when { trust_at_least: LOCKED } }\n");
  }
  return text;
}

Request BenchRequest(std::int64_t workload) {
  Transform keep;
  keep.set_kind(KEEP);
  return {.principal = absl::StrCat("workload:", workload),
          .action = TRAIN,
          .dataset = "mails/2026",
          .purpose = "safety/abuse",
          .columns = {{.name = "body", .classes = {FREE_TEXT}, .applied = keep},
                      {.name = "spam", .classes = {LABEL}, .applied = keep}},
          .trust = SANDBOXED,
          .rows = 1000,
          .dataset_age = absl::Hours(1),
          .approvals = std::nullopt,
          .approved_sha256 = std::nullopt,
          .now = absl::FromUnixSeconds(1700000000),
          .model = "",
          .model_classes = {},
          .sealed_under = {}};
}

void BM_Decide(benchmark::State& state) {
  const auto policy = LoadedPolicy::Load(PolicyOf(state.range(0)), "bench");
  const Request request = BenchRequest(state.range(0) - 1);
  if (!policy.ok() || !policy->Decide(request).allow) return state.SkipWithError("denied");
  for (auto _ : state) benchmark::DoNotOptimize(policy->Decide(request));
}
BENCHMARK(BM_Decide)->Arg(7)->Arg(100)->Arg(1000)->Arg(3000)->Unit(benchmark::kNanosecond);

// The full answer: the decision, and which rules each of its duties comes from.
void BM_DecideAndTrace(benchmark::State& state) {
  const auto policy = LoadedPolicy::Load(PolicyOf(state.range(0)), "bench");
  const Request request = BenchRequest(state.range(0) - 1);
  if (!policy.ok() || !policy->Decide(request).allow) return state.SkipWithError("denied");
  for (auto _ : state) {
    Decision decision = policy->Decide(request);
    TraceDuties(absl::MakeConstSpan(&*policy, 1), request, decision);
    benchmark::DoNotOptimize(decision);
  }
}
BENCHMARK(BM_DecideAndTrace)->Arg(7)->Arg(1000)->Unit(benchmark::kNanosecond);

// Rules so short that 10,000 of them fit into a file; one column without obligations.
void BM_DecideShortRules(benchmark::State& state) {
  std::string text = absl::StrCat(
      R"(id:"b" version:1 author:"e" purpose:"s" approval{required:1 approver{name:"a" public_key:")",
      std::string(64, 'a'), "\"}}\n");
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    absl::StrAppend(&text, "rule{id:\"", i, "\"permit{}scope{principal:\"", i,
                    "\"action:TRAIN dataset:\"*\"purpose:\"s\"data_class:LABEL}}\n");
  }
  const auto policy = LoadedPolicy::Load(text, "bench");
  Request request = BenchRequest(0);
  request.principal = absl::StrCat(state.range(0) - 1);
  request.purpose = "s";
  request.columns.erase(request.columns.begin());
  if (!policy.ok() || !policy->Decide(request).allow) return state.SkipWithError("denied");
  for (auto _ : state) benchmark::DoNotOptimize(policy->Decide(request));
}
BENCHMARK(BM_DecideShortRules)->Arg(10)->Arg(1000)->Arg(10000)->Unit(benchmark::kNanosecond);

// A request that no rule permits, with its search for the nearest one.
void BM_DecideDenied(benchmark::State& state) {
  const auto policy = LoadedPolicy::Load(PolicyOf(state.range(0)), "bench");
  Request request = BenchRequest(state.range(0) - 1);
  request.dataset = "clicks/2026";
  if (!policy.ok() || policy->Decide(request).allow) return state.SkipWithError("allowed");
  for (auto _ : state) benchmark::DoNotOptimize(policy->Decide(request));
}
BENCHMARK(BM_DecideDenied)->Arg(7)->Arg(1000)->Unit(benchmark::kNanosecond);

void BM_Load(benchmark::State& state) {
  const std::string text = PolicyOf(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(LoadedPolicy::Load(text, "bench"));
}
BENCHMARK(BM_Load)->Arg(7)->Arg(1000)->Unit(benchmark::kMillisecond);

void BM_RdpEpsilon(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(RdpEpsilon({{0.01, 1.1, 10000}}, 1e-6));
}
BENCHMARK(BM_RdpEpsilon)->Unit(benchmark::kMillisecond);

void BM_PldEpsilon(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(PldEpsilon({{0.01, 1.1, 10000}}, 1e-6, Neighbours::kAddRemove));
  }
}
BENCHMARK(BM_PldEpsilon)->Unit(benchmark::kMillisecond);

void BM_CalibrateNoise(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(CalibrateNoise(3, 1e-6, 0.01, 10000));
}
BENCHMARK(BM_CalibrateNoise)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sealtrain::policy
