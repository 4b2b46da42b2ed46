// The decision against a naive second implementation, on random policies and
// requests over a small world in which much collides.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/sealed_decision.h"
#include "sealtrain/tests/policy/oracle.h"
#include "sealtrain/tests/policy/random_world.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::policy::testing::DpText;
using ::sealtrain::policy::testing::KAnonymityText;
using ::sealtrain::policy::testing::OracleDecide;
using ::sealtrain::policy::testing::OracleDecision;
using ::sealtrain::policy::testing::ReleaseText;
using ::sealtrain::policy::testing::ScanText;
using ::sealtrain::policy::testing::TransformText;
using ::sealtrain::policy::testing::World;

constexpr int kPolicies = 9100;
constexpr int kRequestsAPolicy = 110;  // 1,001,000 pairs

std::uint64_t Seed() {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

LoadedPolicy Load(const PolicySet& set) {
  std::string text;
  EXPECT_TRUE(google::protobuf::TextFormat::PrintToString(set, &text));
  absl::StatusOr<LoadedPolicy> policy = LoadedPolicy::Load(text, "random");
  EXPECT_OK(policy);
  return *std::move(policy);
}

// A decision in the oracle's words.
OracleDecision InOracleWords(const Decision& decision) {
  OracleDecision words;
  words.allow = decision.allow;
  for (const RuleRef& rule : decision.determining_rules) words.rules.insert(rule.id);
  for (const ColumnPlan& plan : decision.columns) {
    words.columns.push_back(TransformText(plan.transform));
    std::string scans;
    for (const auto& [kind, then] : plan.scan) scans += ScanText(kind, then);
    words.scans.push_back(scans);
  }
  if (decision.dp) words.dp = DpText(*decision.dp);
  if (decision.lease) words.lease = absl::ToDoubleSeconds(*decision.lease);
  if (decision.retention) words.retention = absl::ToDoubleSeconds(*decision.retention);
  words.max_opens = decision.max_opens;
  if (decision.k_anonymity) words.k_anonymity = KAnonymityText(*decision.k_anonymity);
  if (decision.release) words.release = ReleaseText(*decision.release);
  return words;
}

std::string Show(const PolicySet& set, const Request& request, const Decision& decision) {
  return absl::StrCat(set.DebugString(), request.principal, " ", static_cast<int>(request.action),
                      " ", request.dataset, " ", request.purpose, " at ",
                      absl::FormatTime(request.now), ": ", decision.reason_code, ": ",
                      decision.reason);
}

TEST(DecisionOracle, AgreesOnAMillionPairs) {
  World world(Seed());
  int allowed = 0;
  int pairs = 0;
  std::set<std::string> codes;
  for (int i = 0; i < kPolicies; ++i) {
    const PolicySet set = world.MakePolicy();
    const LoadedPolicy policy = Load(set);
    for (int j = 0; j < kRequestsAPolicy; ++j) {
      const Request request = world.MakeRequest();
      const Decision decision = policy.Decide(request);
      const OracleDecision expected = OracleDecide(set, request);
      const OracleDecision actual = InOracleWords(decision);
      ++pairs;
      allowed += decision.allow ? 1 : 0;
      codes.insert(decision.reason_code);
      const bool agree =
          actual.allow == expected.allow && actual.rules == expected.rules &&
          (!actual.allow ||
           (actual.columns == expected.columns && actual.scans == expected.scans &&
            actual.k_anonymity == expected.k_anonymity && actual.release == expected.release &&
            actual.dp == expected.dp && actual.lease == expected.lease &&
            actual.retention == expected.retention && actual.max_opens == expected.max_opens));
      ASSERT_TRUE(agree) << Show(set, request, decision);
      ASSERT_EQ(decision.allow, decision.reason_code == "allowed");
      ASSERT_TRUE(decision.allow || decision.columns.empty());
    }
  }
  EXPECT_GE(pairs, 1000000);
  // The world is neither closed nor open, and every reason to deny occurs.
  EXPECT_GT(allowed, pairs / 80);
  EXPECT_LT(allowed, pairs / 2);
  EXPECT_THAT(codes, ::testing::UnorderedElementsAre(
                         "allowed", "no_matching_permit", "forbidden", "uncovered_column",
                         "unknown_fact", "expired", "undeclared_purpose", "conflicting_obligations",
                         "cannot_honour", "invalid_request"));
}

// A request for data that stand under two sets is answered as naively as it can be:
// by both oracles, with what they oblige to put together here.
TEST(DecisionOracle, AgreesOnDataSealedUnderAnEarlierSet) {
  World world(Seed());
  int allowed = 0;
  int shut_by_the_earlier = 0;
  for (int i = 0; i < 1500; ++i) {
    const PolicySet earlier = world.MakePolicy();
    const PolicySet later = world.MakePolicy();
    std::vector<LoadedPolicy> sets;
    sets.push_back(Load(earlier));
    sets.push_back(Load(later));
    for (int j = 0; j < 110; ++j) {
      Request request = world.MakeRequest();
      request.sealed_under = {sets[0].sha256()};
      const Decision decision = DecideSealed(sets, request);
      const OracleDecision now = OracleDecide(later, request);
      const OracleDecision then = OracleDecide(earlier, request);
      const bool gives_out = request.action != SEAL && request.action != INGEST;
      ASSERT_EQ(decision.allow, now.allow && (then.allow || !gives_out))
          << Show(later, request, decision);
      shut_by_the_earlier += decision.reason_code == "sealed_under" ? 1 : 0;
      if (!decision.allow || !gives_out) continue;
      ++allowed;
      const OracleDecision actual = InOracleWords(decision);
      for (std::size_t c = 0; c < request.columns.size(); ++c) {
        const bool dropped = now.columns[c] == "DROP" || then.columns[c] == "DROP";
        ASSERT_EQ(actual.columns[c], dropped ? "DROP" : "KEEP");
      }
      ASSERT_EQ(actual.rules, now.rules);
      const double never = std::numeric_limits<double>::infinity();
      ASSERT_EQ(actual.lease.value_or(never),
                std::fmin(now.lease.value_or(never), then.lease.value_or(never)));
      ASSERT_EQ(actual.retention.value_or(never),
                std::fmin(now.retention.value_or(never), then.retention.value_or(never)));
      ASSERT_EQ(decision.release.has_value(), !now.release.empty() || !then.release.empty());
      const std::optional<DifferentialPrivacy> now_dp = sets[1].Decide(request).dp;
      const std::optional<DifferentialPrivacy> then_dp = sets[0].Decide(request).dp;
      ASSERT_EQ(decision.dp.has_value(), now_dp.has_value() || then_dp.has_value());
      for (const std::optional<DifferentialPrivacy>& dp : {now_dp, then_dp}) {
        if (!dp) continue;
        ASSERT_LE(decision.dp->epsilon_max(), dp->epsilon_max());
        ASSERT_LE(decision.dp->delta_max(), dp->delta_max());
        ASSERT_LE(decision.dp->ledger_epsilon(), dp->ledger_epsilon());
        ASSERT_GE(decision.dp->unit(), dp->unit());
      }
    }
  }
  EXPECT_GT(allowed, 100);
  EXPECT_GT(shut_by_the_earlier, 1000);
}

// Allowed without a fact: then no value of it may take away what allowed it.
// (It may add permits, whose obligations can be more than the action can do.)
bool HoldsWithTheFact(const Decision& without, const Decision& with) {
  if (!with.allow) {
    return with.reason_code == "cannot_honour" || with.reason_code == "conflicting_obligations" ||
           with.reason_code == "uncovered_column";
  }
  const std::set<std::string> more = InOracleWords(with).rules;
  const std::set<std::string> fewer = InOracleWords(without).rules;
  return std::includes(more.begin(), more.end(), fewer.begin(), fewer.end());
}

TEST(DecisionOracle, NeverOpensOnAnUnknown) {
  World world(Seed());
  int opened_on_unknown = 0;
  int allowed_without_a_fact = 0;
  for (int i = 0; i < 200; ++i) {
    const LoadedPolicy policy = Load(world.MakePolicy());
    for (int j = 0; j < 40; ++j) {
      const Request request = world.MakeRequest();
      Request gap = request;
      gap.now = absl::InfinitePast();
      opened_on_unknown += policy.Decide(gap).allow;
      if (request.action == EVALUATE || request.action == EXPORT_MODEL) {
        gap = request;
        gap.model_classes.clear();
        opened_on_unknown += policy.Decide(gap).allow;
      }
      gap = request;
      gap.action = ACTION_UNSPECIFIED;
      opened_on_unknown += policy.Decide(gap).allow;
      for (std::size_t c = 0; c < request.columns.size(); ++c) {
        gap = request;
        gap.columns[c].classes.clear();
        opened_on_unknown += policy.Decide(gap).allow;
        gap = request;
        gap.columns[c].applied.reset();
        const Decision decision = policy.Decide(gap);
        if (decision.allow && gap.action != SEAL && gap.action != INGEST) {
          opened_on_unknown += decision.columns[c].transform.kind() != DROP;
        }
      }

      gap = request;
      gap.trust = TRUST_UNSPECIFIED;
      const Decision no_trust = policy.Decide(gap);
      for (const Trust trust : {PLAIN, LOCKED, SANDBOXED}) {
        gap.trust = trust;
        opened_on_unknown += no_trust.allow && !HoldsWithTheFact(no_trust, policy.Decide(gap));
      }
      gap = request;
      gap.rows.reset();
      const Decision no_rows = policy.Decide(gap);
      for (std::uint64_t rows = 0; rows <= 21; rows += 3) {
        gap.rows = rows;
        opened_on_unknown += no_rows.allow && !HoldsWithTheFact(no_rows, policy.Decide(gap));
      }
      gap = request;
      gap.dataset_age.reset();
      const Decision no_age = policy.Decide(gap);
      for (int age = 0; age <= 21; age += 3) {
        gap.dataset_age = absl::Seconds(age);
        opened_on_unknown += no_age.allow && !HoldsWithTheFact(no_age, policy.Decide(gap));
      }
      gap = request;
      gap.approvals.reset();
      const Decision no_approvals = policy.Decide(gap);
      for (std::uint64_t approvals = 0; approvals <= 4; ++approvals) {
        gap.approvals = approvals;
        opened_on_unknown +=
            no_approvals.allow && !HoldsWithTheFact(no_approvals, policy.Decide(gap));
      }
      allowed_without_a_fact += no_trust.allow + no_rows.allow + no_age.allow;
    }
  }
  EXPECT_EQ(opened_on_unknown, 0);
  EXPECT_GT(allowed_without_a_fact, 0);
}

// All orders of up to five rules, where the test below draws one of up to six.
TEST(DecisionOracle, DecidesAlikeInEveryOrderOfRules) {
  World world(Seed());
  int orders = 0;
  for (int i = 0; i < 60; ++i) {
    const PolicySet set = world.MakePolicy();
    if (set.rule_size() > 5) continue;
    const LoadedPolicy policy = Load(set);
    std::vector<Request> requests;
    for (int j = 0; j < 10; ++j) requests.push_back(world.MakeRequest());
    std::vector<int> order(static_cast<std::size_t>(set.rule_size()));
    std::iota(order.begin(), order.end(), 0);
    do {
      PolicySet permuted = set;
      permuted.clear_rule();
      for (const int rule : order) *permuted.add_rule() = set.rule(rule);
      const LoadedPolicy reordered = Load(permuted);
      for (const Request& request : requests) {
        const Decision a = policy.Decide(request);
        const Decision b = reordered.Decide(request);
        ASSERT_EQ(a.reason_code, b.reason_code);
        ASSERT_EQ(a.nearest_miss_lacks, b.nearest_miss_lacks);
        ASSERT_EQ(InOracleWords(a).rules, InOracleWords(b).rules);
        ASSERT_EQ(InOracleWords(a).columns, InOracleWords(b).columns);
        ASSERT_EQ(InOracleWords(a).dp, InOracleWords(b).dp);
        ASSERT_EQ(a.lease, b.lease);
        ASSERT_EQ(a.retention, b.retention);
      }
      ++orders;
    } while (std::next_permutation(order.begin(), order.end()));
  }
  EXPECT_GT(orders, 200);
}

TEST(DecisionOracle, DoesNotDependOnTheOrderOfRules) {
  World world(Seed());
  for (int i = 0; i < 200; ++i) {
    PolicySet set = world.MakePolicy();
    const LoadedPolicy policy = Load(set);
    std::shuffle(set.mutable_rule()->pointer_begin(), set.mutable_rule()->pointer_end(),
                 world.random());
    const LoadedPolicy shuffled = Load(set);
    for (int j = 0; j < 40; ++j) {
      const Request request = world.MakeRequest();
      const Decision a = policy.Decide(request);
      const Decision b = shuffled.Decide(request);
      ASSERT_EQ(a.allow, b.allow);
      ASSERT_EQ(a.reason_code, b.reason_code) << a.reason << " / " << b.reason;
      ASSERT_EQ(InOracleWords(a).rules, InOracleWords(b).rules);
      ASSERT_EQ(InOracleWords(a).columns, InOracleWords(b).columns);
      ASSERT_EQ(InOracleWords(a).dp, InOracleWords(b).dp);
      ASSERT_EQ(a.lease, b.lease);
      ASSERT_EQ(a.retention, b.retention);
      ASSERT_EQ(a.nearest_miss.has_value(), b.nearest_miss.has_value());
      if (a.nearest_miss) {
        ASSERT_EQ(a.nearest_miss->id, b.nearest_miss->id);
      }
      ASSERT_EQ(a.nearest_miss_lacks, b.nearest_miss_lacks);
      // Rules are named in the order in which they stand.
      ASSERT_TRUE(
          std::is_sorted(b.determining_rules.begin(), b.determining_rules.end(),
                         [](const RuleRef& x, const RuleRef& y) { return x.line < y.line; }));
    }
  }
}

}  // namespace
}  // namespace sealtrain::policy
