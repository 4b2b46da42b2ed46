// The decision against a naive second implementation, on random policies and
// requests over a small world in which much collides.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/tests/policy/oracle.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::policy::testing::DpText;
using ::sealtrain::policy::testing::OracleDecide;
using ::sealtrain::policy::testing::OracleDecision;
using ::sealtrain::policy::testing::TransformText;

constexpr int kPolicies = 1000;
constexpr int kRequestsAPolicy = 110;  // 110,000 pairs

const std::vector<std::string> kPrincipals = {"ann", "bob", "eve"};
const std::vector<std::string> kDatasets = {"a", "a/x", "a/x/y", "ab"};
const std::vector<std::string> kPatterns = {"*", "a/*", "a/x", "a/x/*", "a", "*", "*"};
const std::vector<std::string> kPurposes = {"p", "p/q", "p/q/r", "pq"};
const std::vector<DataClass> kClasses = {SUBJECT_KEY, FREE_TEXT, NETWORK_ID, LABEL};
const std::vector<Action> kActions = {SEAL, TRAIN, TRAIN, EVALUATE, INGEST, EXPORT_MODEL};

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  PolicySet MakePolicy() {
    PolicySet set;
    set.set_id("random");
    set.set_version(1);
    set.set_author("eve");
    if (Chance(0.3)) set.mutable_not_before()->set_seconds(5);
    if (Chance(0.3)) set.mutable_not_after()->set_seconds(95);
    for (const std::string& purpose : kPurposes) {
      if (purpose == "p" || Chance(0.9)) set.add_purpose(purpose);
    }
    for (const char* name : {"g", "h"}) {
      Group& group = *set.add_group();
      group.set_name(name);
      for (const std::string& principal : kPrincipals) {
        if (Chance(0.5)) group.add_member(principal);
      }
    }
    set.mutable_approval()->set_required(1);
    Approver& approver = *set.mutable_approval()->add_approver();
    approver.set_name("ada");
    approver.set_public_key(std::string(64, 'a'));
    const int rules = Number(1, 6);
    for (int i = 0; i < rules; ++i) MakeRule(i, set);
    return set;
  }

  Request MakeRequest() {
    Request request;
    request.principal = Chance(0.02) ? "any" : Pick(kPrincipals);
    request.action = Chance(0.02) ? static_cast<Action>(Number(0, 13)) : Pick(kActions);
    request.dataset = Chance(0.02) ? "a/*" : Pick(kDatasets);
    request.purpose = Chance(0.02) ? "none" : Pick(kPurposes);
    if (request.action != EXPORT_MODEL || Chance(0.05)) {
      const int columns = Chance(0.02) ? 0 : Number(1, 3);
      for (int i = 0; i < columns; ++i) request.columns.push_back(MakeColumn(i));
    }
    if (Chance(0.85)) request.trust = static_cast<Trust>(Number(1, 3));
    if (Chance(0.85)) request.rows = static_cast<std::uint64_t>(Number(0, 20));
    if (Chance(0.85)) request.dataset_age = absl::Seconds(Number(-1, 20));
    if (Chance(0.02)) request.dataset_age = absl::InfiniteDuration();
    if (Chance(0.97)) request.now = absl::FromUnixSeconds(Number(0, 100));
    return request;
  }

  std::mt19937_64& random() { return random_; }

 private:
  bool Chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random_) < p; }
  int Number(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  template <class T>
  const T& Pick(const std::vector<T>& of) {
    return of[static_cast<std::size_t>(Number(0, static_cast<int>(of.size()) - 1))];
  }

  void MakeRule(int index, PolicySet& set) {
    Rule& rule = *set.add_rule();
    rule.set_id(absl::StrCat("r", index));
    Scope& scope = *rule.mutable_scope();
    const std::vector<std::string> principals = {"any", "any", "ann", "group:g", "group:h"};
    scope.add_principal(Pick(principals));
    if (Chance(0.3)) scope.add_principal(Pick(principals));
    scope.add_action(Pick(kActions));
    scope.add_action(Pick(kActions));
    scope.add_dataset(Pick(kPatterns));
    scope.add_purpose(Chance(0.7) ? "p" : set.purpose(Number(0, set.purpose_size() - 1)));
    const bool forbid = Chance(0.15);
    for (const DataClass c : kClasses) {
      if (Chance(forbid ? 0.25 : 0.8)) scope.add_data_class(c);
    }
    if (forbid) {
      rule.mutable_forbid();
    } else {
      rule.mutable_permit();
      const int obligations = Number(0, 5);
      for (int i = 0; i < obligations; ++i)
        MakeObligation(*rule.mutable_permit()->add_obligation());
    }
    if (Chance(0.3)) MakeCondition(*rule.add_when());
    if (Chance(0.2)) MakeCondition(*rule.add_unless());
    if (Chance(0.1)) rule.mutable_not_before()->set_seconds(30);
    if (Chance(0.1)) rule.mutable_not_after()->set_seconds(70);
  }

  void MakeCondition(Condition& condition) {
    switch (Number(0, 2)) {
      case 0:
        return condition.set_trust_at_least(static_cast<Trust>(Number(1, 3)));
      case 1:
        return condition.set_rows_at_least(static_cast<std::uint64_t>(Number(0, 20)));
      default:
        return condition.mutable_dataset_age_below()->set_seconds(Number(1, 20));
    }
  }

  void MakeObligation(Obligation& obligation) {
    switch (Number(0, 9)) {
      case 0:
        return obligation.mutable_lease()->set_seconds(Number(1, 9));
      case 1:
        return obligation.mutable_retention()->set_seconds(Number(1, 9));
      case 2: {
        DifferentialPrivacy& dp = *obligation.mutable_dp();
        dp.set_epsilon_max(Number(1, 9));
        dp.set_delta_max(1.0 / Number(2, 9));
        dp.set_unit(Chance(0.5) ? RECORD : SUBJECT);
        return dp.set_ledger_epsilon(Number(1, 9));
      }
      default:
        *obligation.mutable_transform() = MakeTransform();
        obligation.mutable_transform()->add_on_class(Pick(kClasses));
        obligation.mutable_transform()->add_on_class(Pick(kClasses));
    }
  }

  Transform MakeTransform() {
    Transform transform;
    const std::vector<TransformKind> kinds = {KEEP,         KEEP,   BUCKET, TRUNCATE_IP,
                                              PSEUDONYMIZE, REDACT, DROP,   PSEUDONYMIZE};
    transform.set_kind(Pick(kinds));
    if (transform.kind() == BUCKET) transform.set_step(Number(1, 3));
    if (transform.kind() == TRUNCATE_IP) {
      transform.set_prefix_v4(static_cast<std::uint32_t>(Number(8, 10)));
      transform.set_prefix_v6(static_cast<std::uint32_t>(Number(8, 10)));
    }
    if (transform.kind() == PSEUDONYMIZE) transform.set_domain(Chance(0.9) ? "d" : "e");
    return transform;
  }

  RequestedColumn MakeColumn(int index) {
    RequestedColumn column;
    column.name = absl::StrCat("c", Chance(0.02) ? 0 : index);
    column.classes.push_back(Pick(kClasses));
    if (Chance(0.2)) column.classes.push_back(Pick(kClasses));
    if (Chance(0.01)) column.classes.push_back(static_cast<DataClass>(Number(17, 40)));
    if (Chance(0.01)) column.classes.clear();
    if (Chance(0.9)) column.applied = MakeTransform();
    return column;
  }

  std::mt19937_64 random_;
};

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
  }
  if (decision.dp) words.dp = DpText(*decision.dp);
  if (decision.lease) words.lease = absl::ToDoubleSeconds(*decision.lease);
  if (decision.retention) words.retention = absl::ToDoubleSeconds(*decision.retention);
  return words;
}

std::string Show(const PolicySet& set, const Request& request, const Decision& decision) {
  return absl::StrCat(set.DebugString(), request.principal, " ", static_cast<int>(request.action),
                      " ", request.dataset, " ", request.purpose, " at ",
                      absl::FormatTime(request.now), ": ", decision.reason_code, ": ",
                      decision.reason);
}

TEST(DecisionOracle, AgreesOnAHundredThousandPairs) {
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
           (actual.columns == expected.columns && actual.dp == expected.dp &&
            actual.lease == expected.lease && actual.retention == expected.retention));
      ASSERT_TRUE(agree) << Show(set, request, decision);
      ASSERT_EQ(decision.allow, decision.reason_code == "allowed");
      ASSERT_TRUE(decision.allow || decision.columns.empty());
    }
  }
  EXPECT_GE(pairs, 100000);
  // The world is neither closed nor open, and every reason to deny occurs.
  EXPECT_GT(allowed, pairs / 50);
  EXPECT_LT(allowed, pairs / 2);
  EXPECT_THAT(codes, ::testing::UnorderedElementsAre(
                         "allowed", "no_matching_permit", "forbidden", "uncovered_column",
                         "unknown_fact", "expired", "undeclared_purpose", "conflicting_obligations",
                         "cannot_honour", "invalid_request"));
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
        if (decision.allow && (gap.action == TRAIN || gap.action == EVALUATE)) {
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
      allowed_without_a_fact += no_trust.allow + no_rows.allow + no_age.allow;
    }
  }
  EXPECT_EQ(opened_on_unknown, 0);
  EXPECT_GT(allowed_without_a_fact, 0);
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
