// What changes between two policies, and who can do what under one: against
// requests drawn at random and against the naive second implementation.
#include "sealtrain/policy/policy_diff.h"

#include <algorithm>
#include <iostream>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/types/span.h"
#include "google/protobuf/text_format.h"
#include "sealtrain/base/env.h"
#include "sealtrain/policy/access.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/tests/policy/oracle.h"
#include "sealtrain/tests/policy/policy_texts.h"
#include "sealtrain/tests/policy/random_world.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::policy::testing::MustLoad;
using ::sealtrain::policy::testing::MustLoadWithThree;
using ::sealtrain::policy::testing::OracleDecide;
using ::sealtrain::policy::testing::World;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;
using Kind = PolicyChange::Kind;

constexpr char kTrainRule[] = R"(rule { id: "train"
  permit {
    obligation { transform { on_class: FREE_TEXT kind: KEEP } }
    obligation { dp { epsilon_max: 3 delta_max: 1e-6 unit: SUBJECT ledger_epsilon: 8 } } }
  scope { principal: "group:team" action: TRAIN dataset: "mails/*" purpose: "safety"
          data_class: FREE_TEXT data_class: LABEL }
  when { trust_at_least: LOCKED }
  when { rows_at_least: 100 } }
)";

std::vector<PolicyChange> Diff(const std::string& before, const std::string& after) {
  absl::StatusOr<std::vector<PolicyChange>> changes =
      DiffPolicies(MustLoad(before), MustLoad(after), nullptr);
  EXPECT_OK(changes);
  return *std::move(changes);
}

// By one set alone.
absl::StatusOr<std::vector<Access>> Listed(const LoadedPolicy& policy,
                                           const AccessQuery& query = {},
                                           const Schema* schema = nullptr) {
  return ListAccess(absl::MakeConstSpan(&policy, 1), schema, query);
}

std::string Edited(const std::string& from, const std::string& to) {
  EXPECT_THAT(kTrainRule, HasSubstr(from));
  return absl::StrReplaceAll(kTrainRule, {{from, to}});
}

TEST(PolicyDiff, IsEmptyForWhatIsOnlyWrittenDifferently) {
  EXPECT_THAT(Diff(kTrainRule, kTrainRule), IsEmpty());
  EXPECT_THAT(Diff(kTrainRule, Edited("\"group:team\"", "\"bob\" principal: \"ann\"")), IsEmpty());
  EXPECT_THAT(Diff(kTrainRule, Edited("id: \"train\"", "id: \"other\" why: \"so\"")), IsEmpty());
  EXPECT_THAT(Diff(kTrainRule, std::string(kTrainRule) + Edited("\"train\"", "\"again\"")),
              IsEmpty());
}

TEST(PolicyDiff, NamesWhomItOpensAColumnFor) {
  const std::vector<PolicyChange> changes =
      Diff(kTrainRule, Edited("\"group:team\"", "\"group:team\" principal: \"eve\""));
  ASSERT_EQ(changes.size(), 4u);  // two columns, two purposes
  for (const PolicyChange& change : changes) {
    EXPECT_EQ(change.kind, Kind::kOpens);
    EXPECT_THAT(change.principals, ElementsAre("eve"));
    EXPECT_EQ(change.action, TRAIN);
    EXPECT_EQ(change.dataset, "mails/* (any other)");
    EXPECT_EQ(change.what,
              "KEEP; epsilon 3, delta 1e-06 of a subject, ledger 8; lease 10m (default)");
  }
  const PolicyChange closed = Diff(Edited("\"group:team\"", "\"any\""), kTrainRule).front();
  EXPECT_THAT(closed.principals, UnorderedElementsAre("(anybody else)"));
  EXPECT_THAT(closed.what, HasSubstr("no rule permits \"user:anybody-else\" to TRAIN data set "
                                     "\"mails/any-other\""));
}

TEST(PolicyDiff, TellsLooserFromTighterDuties) {
  const std::vector<PolicyChange> looser =
      Diff(kTrainRule, Edited("epsilon_max: 3", "epsilon_max: 5"));
  ASSERT_FALSE(looser.empty());
  for (const PolicyChange& change : looser) {
    EXPECT_EQ(change.kind, Kind::kLoosens);
    EXPECT_EQ(change.what, "epsilon_max 3 -> 5");
  }
  EXPECT_EQ(Diff(Edited("epsilon_max: 3", "epsilon_max: 5"), kTrainRule).front().kind,
            Kind::kTightens);
  EXPECT_EQ(
      Diff(kTrainRule, Edited("epsilon_max: 3 delta_max: 1e-6", "epsilon_max: 5 delta_max: 1e-7"))
          .front()
          .kind,
      Kind::kAlters);
  const std::vector<PolicyChange> redacted = Diff(kTrainRule, Edited("kind: KEEP", "kind: REDACT"));
  ASSERT_EQ(redacted.size(), 2u);  // LABEL is as it was
  EXPECT_EQ(redacted.front().kind, Kind::kTightens);
  EXPECT_EQ(redacted.front().what, "transform KEEP -> REDACT");
}

// Two situations, with an epsilon each.
std::string TwoEpsilons(const std::string& plain, const std::string& locked) {
  const auto rule = [](const std::string& id, const std::string& epsilon,
                       const std::string& condition) {
    return absl::StrCat(
        "rule { id: \"", id, "\" permit { obligation { dp { epsilon_max: ", epsilon,
        " delta_max: 1e-6 unit: SUBJECT ledger_epsilon: 90 } } } scope { principal: \"ann\" ",
        "action: TRAIN dataset: \"mails\" purpose: \"ads\" data_class: LABEL } ", condition,
        " }\n");
  };
  return rule("plain", plain, "unless { trust_at_least: LOCKED }") +
         rule("locked", locked, "when { trust_at_least: LOCKED }");
}

TEST(PolicyDiff, HidesNoLargeChangeBehindASmallOne) {
  const std::vector<PolicyChange> changes = Diff(TwoEpsilons("3", "3"), TwoEpsilons("3.1", "50"));
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].kind, Kind::kLoosens);
  EXPECT_EQ(changes[0].what, "epsilon_max 3 -> 3.1");
  EXPECT_THAT(changes[0].situation, HasSubstr("trust PLAIN"));
  EXPECT_EQ(changes[0].example.trust, PLAIN);
  EXPECT_EQ(changes[1].kind, Kind::kLoosens);
  EXPECT_EQ(changes[1].what, "epsilon_max 3 -> 50");
  EXPECT_THAT(changes[1].situation, HasSubstr("trust LOCKED"));
  EXPECT_EQ(changes[1].example.trust, LOCKED);
  // Four degrees of trust at three times, of which the set decides at one.
  EXPECT_EQ(changes[0].situations, 12u);
  EXPECT_EQ(changes[0].changed_situations, 1u);
  EXPECT_EQ(changes[1].changed_situations, 2u);
  EXPECT_EQ(changes[1].unlisted_situations, 0u);
}

TEST(PolicyDiff, SaysHowMuchIsNotListed) {
  const auto rules = [](int factor, int rare) {
    std::string text;
    for (int i = 1; i <= 25; ++i) {
      absl::StrAppend(&text, "rule { id: \"r", i,
                      "\" permit { obligation { max_opens: ", i == 25 ? rare : factor * (100 - i),
                      " } } scope { principal: \"ann\" action: TRAIN dataset: \"mails\" ",
                      "purpose: \"ads\" data_class: LABEL } when { rows_at_least: ", i, " } }\n");
    }
    return text;
  };
  const std::vector<PolicyChange> changes = Diff(rules(1, 2), rules(2, 1));
  ASSERT_EQ(changes.size(), kMaxChangesOfAKind + 1);
  EXPECT_EQ(changes.front().what, "max_opens 99 -> 198");
  EXPECT_EQ(changes.front().unlisted_situations, 0u);
  EXPECT_EQ(changes[kMaxChangesOfAKind - 1].what, "max_opens 80 -> 160");
  EXPECT_EQ(changes[kMaxChangesOfAKind - 1].unlisted_situations, 4u);
  EXPECT_EQ(changes.back().kind, Kind::kTightens);
  EXPECT_EQ(changes.back().what, "max_opens 2 -> 1");
}

TEST(PolicyDiff, SaysEverythingThatHoldsForWhatOpens) {
  const std::string seal = R"(rule { id: "seal" permit {
      obligation { transform { on_class: FREE_TEXT kind: KEEP } }
      obligation { text_scan { on_class: FREE_TEXT look_for: IBAN then: SCRUB } }
      obligation { k_anonymity { k: 5 max_suppressed: 0.07 } }
      obligation { retention { seconds: 172800 } } }
    scope { principal: "ann" action: SEAL dataset: "mails" purpose: "ads" data_class: FREE_TEXT } }
  )";
  const std::string train = R"(rule { id: "train" permit {
      obligation { transform { on_class: FREE_TEXT kind: BUCKET step: 0.1234567 } }
      obligation { lease { seconds: 60 } } obligation { max_opens: 7 } }
    scope { principal: "ann" action: TRAIN dataset: "mails" purpose: "ads" data_class: FREE_TEXT }
    when { approvals_at_least: 1 } }
  )";
  const std::string read = R"(rule { id: "read" permit {}
    scope { principal: "ann" action: READ_AUDIT dataset: "mails" purpose: "ads" } }
  )";
  const std::string none = R"(rule { id: "none" forbid {}
    scope { principal: "any" action: SHRED dataset: "*" purpose: "ads" } }
  )";
  std::vector<std::string> told;
  for (const PolicyChange& change : Diff(none, seal + train + read)) {
    EXPECT_EQ(change.kind, Kind::kOpens);
    told.push_back(absl::StrCat(Action_Name(change.action), " ", change.what));
  }
  EXPECT_THAT(
      told,
      ElementsAre(
          "SEAL KEEP; IBAN SCRUB; lease 10m (default); retention 2 days; k 5 with at most 0.07 of "
          "the records left out",
          AllOf(StartsWith("TRAIN BUCKET, step 0.1234567; lease 1m; at most 7 opens; "),
                HasSubstr("1 approval")),
          "READ_AUDIT no duties"));
}

// "opens ann: what" of each change.
std::vector<std::string> Told(const LoadedPolicy& before, const LoadedPolicy& after) {
  absl::StatusOr<std::vector<PolicyChange>> changes = DiffPolicies(before, after, nullptr);
  EXPECT_OK(changes);
  std::vector<std::string> told;
  for (const PolicyChange& change : *changes) {
    told.push_back(absl::StrCat(PolicyChangeName(change.kind), " ",
                                absl::StrJoin(change.principals, "+"), ": ", change.what));
  }
  return told;
}

TEST(PolicyDiff, KnowsWhatErasingTakesWhateverASetSays) {
  const std::string erase = R"(rule { id: "erase" permit {}
    scope { principal: "ann" action: ERASE dataset: "mails" purpose: "ads" } }
  )";
  EXPECT_THAT(Told(MustLoadWithThree(erase, 1), MustLoadWithThree(erase, 2)),
              ElementsAre("opens ann: needs 2 approvals"));
  EXPECT_THAT(Told(MustLoadWithThree(erase, 2), MustLoadWithThree(erase, 1)),
              ElementsAre("closes ann: nothing that an entry seals is destroyed under a policy set "
                          "that takes effect with fewer than 2 approvals (`required`)"));
  EXPECT_THAT(Told(MustLoadWithThree(erase, 2), MustLoadWithThree(erase, 3)), IsEmpty());
}

// Each of them has one approver less than anybody else.
TEST(PolicyDiff, CountsNobodyAmongTheirOwnApprovers) {
  const auto rule = [](int approvals) {
    return MustLoadWithThree(
        absl::StrCat("rule { id: \"read\" permit {} scope { principal: \"any\" ",
                     "action: READ_AUDIT dataset: \"mails\" purpose: \"ads\" } ",
                     "when { approvals_at_least: ", approvals, " } }"));
  };
  EXPECT_THAT(Told(rule(2), rule(3)),
              UnorderedElementsAre(StartsWith("closes ada+bea+cam+user:cam: "),
                                   StartsWith("closes ann+bob+(anybody else): ")));
  EXPECT_THAT(Told(rule(3), rule(2)),
              UnorderedElementsAre(StartsWith("opens ada+bea+cam+user:cam: "),
                                   StartsWith("opens ann+bob+(anybody else): ")));
}

TEST(PolicyDiff, TellsTheNumbersOfADutyThatComesOrGoes) {
  const auto rule = [](const std::string& obligation, const std::string& actions) {
    return absl::StrCat("rule { id: \"some\" permit { ", obligation,
                        " } scope { principal: \"ann\" action: ", actions,
                        " dataset: \"mails\" purpose: \"ads\" data_class: LABEL } }\n");
  };
  const auto comes = [&](const std::string& obligation, const std::string& action) {
    return Told(MustLoad(rule("", action)), MustLoad(rule(obligation, action)));
  };
  EXPECT_THAT(
      comes("obligation { dp { epsilon_max: 3 delta_max: 1e-6 unit: SUBJECT ledger_epsilon: 8 } }",
            "TRAIN"),
      ElementsAre("tightens ann: dp none -> epsilon 3, delta 1e-06 of a subject, ledger 8"));
  EXPECT_THAT(comes("obligation { release { epsilon_max: 3 delta_max: 1e-6 unit: RECORD "
                    "max_bytes: 500 } }",
                    "EXPORT_MODEL"),
              ElementsAre("tightens ann: release none -> release at epsilon 3, delta 1e-06 of a "
                          "record, 500 bytes"));
  const std::string k = "obligation { k_anonymity { k: 5 max_suppressed: 0.07 } }";
  EXPECT_THAT(comes(k, "SEAL"), ElementsAre("tightens ann: k_anonymity none -> k 5 with at most "
                                            "0.07 of the records left out"));
  EXPECT_THAT(Told(MustLoad(rule(k, "SEAL")), MustLoad(rule("", "SEAL"))),
              ElementsAre("loosens ann: k_anonymity k 5 with at most 0.07 of the records left out "
                          "-> none"));
}

TEST(PolicyDiff, ComparesLeasesAsCustodyGivesThem) {
  const auto changes = [](const std::string& before, const std::string& after) {
    const auto rule = [](const std::string& lease) {
      return absl::StrCat(
          "rule { id: \"train\" permit { ", lease,
          " } scope { principal: \"ann\" action: TRAIN dataset: \"mails\" purpose: \"ads\" ",
          "data_class: LABEL } }");
    };
    std::vector<std::string> told;
    for (const PolicyChange& change : Diff(rule(before), rule(after))) {
      told.push_back(absl::StrCat(PolicyChangeName(change.kind), " ", change.what));
    }
    return told;
  };
  const auto lease = [](int minutes) {
    return absl::StrCat("obligation { lease { seconds: ", 60 * minutes, " } }");
  };
  EXPECT_THAT(changes("", lease(30)), ElementsAre("loosens lease 10m (default) -> 30m"));
  EXPECT_THAT(changes(lease(30), ""), ElementsAre("tightens lease 30m -> 10m (default)"));
  EXPECT_THAT(changes(lease(5), ""), ElementsAre("loosens lease 5m -> 10m (default)"));
  EXPECT_THAT(changes("", lease(10)), IsEmpty());
  EXPECT_THAT(changes(lease(1439), lease(9999)),
              ElementsAre("loosens lease 23h59m -> 24h (a day at most)"));
  EXPECT_THAT(changes(lease(1440), lease(1441)), IsEmpty());
}

TEST(PolicyDiff, TellsNumbersApartThatAreNearlyTheSame) {
  EXPECT_EQ(Diff(kTrainRule, Edited("epsilon_max: 3", "epsilon_max: 3.0000001")).front().what,
            "epsilon_max 3 -> 3.0000001");
  EXPECT_EQ(Diff(kTrainRule, Edited("delta_max: 1e-6", "delta_max: 1.00000001e-6")).front().what,
            "delta_max 1e-06 -> 1.00000001e-06");
}

TEST(DiffHead, TellsAnotherNameAndAnotherAuthor) {
  const PolicySet before = MustLoad(kTrainRule).proto();
  PolicySet after = before;
  after.set_version(2);
  after.set_description("other");
  EXPECT_THAT(DiffHead(before, after), IsEmpty());
  after.set_id("q");
  after.set_author("bea");
  EXPECT_THAT(DiffHead(before, after),
              ElementsAre("id: \"p\" -> \"q\"", "author: \"eve\" -> \"bea\""));
}

TEST(PolicyDiff, FindsThresholdsThatMove) {
  const std::vector<PolicyChange> changes =
      Diff(kTrainRule, Edited("rows_at_least: 100", "rows_at_least: 99"));
  ASSERT_FALSE(changes.empty());
  EXPECT_EQ(changes.front().kind, Kind::kOpens);
  EXPECT_THAT(changes.front().situation, HasSubstr("99 rows"));
  EXPECT_LT(changes.front().changed_situations, changes.front().situations);
}

TEST(PolicyDiff, SeesAForbidAndADroppedColumn) {
  const std::string forbid = R"(rule { id: "no" forbid {}
    scope { principal: "bob" action: TRAIN dataset: "*" purpose: "safety" } })";
  const std::vector<PolicyChange> closed = Diff(kTrainRule, kTrainRule + forbid);
  ASSERT_FALSE(closed.empty());
  EXPECT_EQ(closed.front().kind, Kind::kCloses);
  EXPECT_THAT(closed.front().principals, ElementsAre("bob"));
  const std::vector<PolicyChange> dropped = Diff(kTrainRule, Edited("kind: KEEP", "kind: DROP"));
  ASSERT_FALSE(dropped.empty());
  EXPECT_EQ(dropped.front().what, "transform KEEP -> DROP");
}

TEST(PolicyDiff, RefusesWhatHasTooManyNames) {
  std::string rules;
  for (int i = 0; i < 1500; ++i) {
    absl::StrAppend(&rules, "rule { id: \"r", i, "\" permit {} scope { principal: \"p", i,
                    "\" action: READ_AUDIT dataset: \"d", i, "\" purpose: \"ads\" } }\n");
  }
  EXPECT_EQ(DiffPolicies(MustLoad(rules), MustLoad(rules), nullptr).status().code(),
            absl::StatusCode::kOutOfRange);
}

// --- against random requests -------------------------------------------------

LoadedPolicy LoadRandom(const PolicySet& set) {
  std::string text;
  EXPECT_TRUE(google::protobuf::TextFormat::PrintToString(set, &text));
  absl::StatusOr<LoadedPolicy> policy = LoadedPolicy::Load(text, "random");
  EXPECT_OK(policy);
  return *std::move(policy);
}

// With at most one column, of one class, and nothing that custody never knows.
Request Narrowed(Request request) {
  if (request.columns.size() > 1) request.columns.resize(1);
  if (!request.columns.empty() && request.columns[0].classes.size() > 1) {
    request.columns[0].classes.resize(1);
  }
  if (request.action == EXPORT_MODEL) {
    request.rows.reset();
    request.dataset_age.reset();
  }
  return request;
}

// Whether names and columns are those of the request; of data sets the entry
// may speak of all others, and of a model of one of its classes.
template <class Entry>
bool SpeaksOf(const Entry& entry, const Request& request) {
  const auto names = [&](const std::string& name) {
    return std::find(entry.principals.begin(), entry.principals.end(), name) !=
           entry.principals.end();
  };
  const auto is_of = [&](DataClass c) { return entry.classes == std::vector<DataClass>{c}; };
  const std::vector<DataClass>& model = request.model_classes;
  const bool is_of_classes = request.action == EXPORT_MODEL
                                 ? std::any_of(model.begin(), model.end(), is_of)
                                 : entry.classes == request.columns.front().classes;
  return entry.action == request.action && entry.purpose == request.purpose &&
         (names(request.principal) || names("(anybody else)")) && is_of_classes &&
         (entry.dataset == request.dataset || absl::StrContains(entry.dataset, "(any other)"));
}

TEST(PolicyDiff, HasEveryFlipThatRandomRequestsFindAndOnlyTrueExamples) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  World world(seed);
  int flips = 0;
  int examples = 0;
  int equal = 0;
  for (int i = 0; i < 60; ++i) {
    const PolicySet before = world.MakePolicy();
    PolicySet after = i % 2 == 0 ? world.MakePolicy() : before;
    if (i % 2 != 0) {
      // Differ in one rule only, and every now and then in none.
      Rule& rule = *after.mutable_rule(0);
      rule.clear_when();
      if (i % 4 == 1) rule.mutable_scope()->set_dataset(0, "a/x");
    }
    const LoadedPolicy a = LoadRandom(before);
    const LoadedPolicy b = LoadRandom(after);
    ASSERT_OK_AND_ASSIGN(const std::vector<PolicyChange> changes, DiffPolicies(a, b, nullptr));
    equal += changes.empty();

    for (const PolicyChange& change : changes) {
      const bool was = OracleDecide(before, change.example).allow;
      const bool is = OracleDecide(after, change.example).allow;
      ASSERT_EQ(was, change.kind != Kind::kOpens) << change.what << " " << change.situation;
      ASSERT_EQ(is, change.kind != Kind::kCloses) << change.what << " " << change.situation;
      ++examples;
    }
    for (int j = 0; j < 300; ++j) {
      const Request request = Narrowed(world.MakeRequest());
      const Decision was = a.Decide(request);
      const Decision is = b.Decide(request);
      if (was.allow == is.allow) {
        if (changes.empty() && was.allow) {
          ASSERT_EQ(was.lease, is.lease);
          ASSERT_EQ(was.retention, is.retention);
          ASSERT_EQ(was.dp.has_value(), is.dp.has_value());
          ASSERT_EQ(was.max_opens, is.max_opens);
          ASSERT_EQ(was.k_anonymity.has_value(), is.k_anonymity.has_value());
          ASSERT_EQ(was.release.has_value(), is.release.has_value());
          for (std::size_t c = 0; c < was.columns.size(); ++c) {
            ASSERT_EQ(was.columns[c].scan, is.columns[c].scan);
          }
        }
        continue;
      }
      ++flips;
      ASSERT_TRUE(std::any_of(changes.begin(), changes.end(),
                              [&](const PolicyChange& change) {
                                // Sealed more strictly than the one asks and less than the other: a
                                // change of duties.
                                return SpeaksOf(change, request);
                              }))
          << before.DebugString() << after.DebugString() << request.principal << " "
          << request.action << " " << request.dataset << " " << request.purpose;
    }
  }
  EXPECT_GT(flips, 100);
  EXPECT_GT(examples, 100);
  EXPECT_GT(equal, 0);
}

// --- against every request of a small world ----------------------------------

// A random policy that knows no names, facts and transforms but those below.
PolicySet SmallPolicy(World& world) {
  PolicySet set = world.MakePolicy();
  set.clear_not_before();
  set.clear_not_after();
  set.clear_purpose();
  set.add_purpose("p");
  const auto shrink = [](auto* conditions) {
    for (Condition& condition : *conditions) {
      if (condition.has_trust_at_least()) {
        condition.set_trust_at_least(LOCKED);
      } else {
        condition.set_rows_at_least(10);
      }
    }
  };
  for (Rule& rule : *set.mutable_rule()) {
    rule.clear_not_before();
    rule.clear_not_after();
    std::string& dataset = *rule.mutable_scope()->mutable_dataset(0);
    dataset = absl::StrContains(dataset, "*") ? "*" : "a";
    rule.mutable_scope()->set_purpose(0, "p");
    shrink(rule.mutable_when());
    shrink(rule.mutable_unless());
    for (Obligation& obligation : *rule.mutable_permit()->mutable_obligation()) {
      if (!obligation.has_transform()) continue;
      Transform& transform = *obligation.mutable_transform();
      if (transform.has_step()) transform.set_step(2);
      if (transform.has_prefix_v4()) transform.set_prefix_v4(8);
      if (transform.has_prefix_v6()) transform.set_prefix_v6(8);
    }
  }
  return set;
}

std::vector<std::optional<Transform>> SmallTreatments() {
  std::vector<std::optional<Transform>> treatments = {std::nullopt};
  for (const TransformKind kind : {KEEP, BUCKET, TRUNCATE_IP, PSEUDONYMIZE, REDACT, DROP}) {
    Transform transform;
    transform.set_kind(kind);
    if (kind == BUCKET) transform.set_step(2);
    if (kind == TRUNCATE_IP) transform.set_prefix_v4(8);
    if (kind == TRUNCATE_IP) transform.set_prefix_v6(8);
    if (kind == PSEUDONYMIZE) transform.set_domain("e");
    treatments.emplace_back(transform);
  }
  treatments.emplace_back(treatments[4])->set_domain("d");
  return treatments;
}

// Every request with at most one column, and of the model all sets of classes.
template <class Visit>
void ForEachSmallRequest(const Visit& visit) {
  const std::vector<std::optional<Transform>> treatments = SmallTreatments();
  Request request;
  request.purpose = "p";
  request.now = absl::FromUnixSeconds(1);
  const auto visit_models = [&] {
    const unsigned models = request.action == EVALUATE || request.action == EXPORT_MODEL ? 16 : 1;
    for (unsigned model = 0; model < models; ++model) {
      request.model_classes.clear();
      for (std::size_t c = 0; c < testing::kClasses.size(); ++c) {
        if ((model >> c & 1) != 0) request.model_classes.push_back(testing::kClasses[c]);
      }
      visit(request);
    }
  };
  const auto visit_columns = [&] {
    request.columns.clear();
    if (request.action == EXPORT_MODEL) return visit_models();
    request.columns.resize(1);
    RequestedColumn& column = request.columns.front();
    column.name = "c";
    for (const DataClass c : testing::kClasses) {
      column.classes = {c};
      for (const std::optional<Transform>& applied : treatments) {
        column.applied = applied;
        visit_models();
      }
    }
  };
  for (const char* principal : {"ann", "bob", "eve", "zed"}) {
    request.principal = principal;
    for (const char* dataset : {"a", "b"}) {
      request.dataset = dataset;
      for (const Action action : std::set(testing::kActions.begin(), testing::kActions.end())) {
        request.action = action;
        for (const Trust trust : {TRUST_UNSPECIFIED, PLAIN, LOCKED}) {
          request.trust = trust;
          for (const int rows : {-1, 0, 10}) {
            request.rows.reset();
            if (rows >= 0) request.rows = static_cast<std::uint64_t>(rows);
            if (rows >= 0 && action == EXPORT_MODEL) continue;  // custody never knows them
            visit_columns();
          }
        }
      }
    }
  }
}

// All that a request comes to.
std::string TextOf(const Decision& decision) {
  if (!decision.allow) return "denied";
  std::string text =
      absl::StrCat(decision.lease.value_or(absl::ZeroDuration()) / absl::Seconds(1), " ",
                   decision.retention.value_or(absl::ZeroDuration()) / absl::Seconds(1), " ",
                   decision.max_opens.value_or(0));
  const auto add = [&text](const auto& duty) {
    absl::StrAppend(&text, "|", duty ? duty->ShortDebugString() : "none");
  };
  add(decision.dp);
  add(decision.k_anonymity);
  add(decision.release);
  for (const ColumnPlan& column : decision.columns) {
    absl::StrAppend(&text, "|", column.transform.ShortDebugString());
    for (const auto& [kind, then] : column.scan) absl::StrAppend(&text, "|", kind, " ", then);
  }
  return text;
}

TEST(PolicyDiff, FindsExactlyWhatTryingEveryRequestFinds) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  World world(seed);
  int same = 0;
  int different = 0;
  for (int i = 0; i < 40; ++i) {
    const PolicySet before = SmallPolicy(world);
    PolicySet after = i % 4 == 0 ? SmallPolicy(world) : before;
    if (i % 4 > 1) {
      // One class more or less in one scope.
      Scope& scope = *after.mutable_rule(0)->mutable_scope();
      if (scope.data_class().empty() || i % 4 == 2) {
        scope.add_data_class(testing::kClasses[world.random()() % testing::kClasses.size()]);
      } else {
        scope.mutable_data_class()->RemoveLast();
      }
    }
    const LoadedPolicy a = LoadRandom(before);
    const LoadedPolicy b = LoadRandom(after);
    ASSERT_OK_AND_ASSIGN(const std::vector<PolicyChange> changes, DiffPolicies(a, b, nullptr));
    std::vector<bool> seen(changes.size());
    bool found = false;
    ForEachSmallRequest([&](const Request& request) {
      if (TextOf(a.Decide(request)) == TextOf(b.Decide(request))) return;
      found = true;
      bool told = false;
      for (std::size_t c = 0; c < changes.size(); ++c) {
        if (!SpeaksOf(changes[c], request)) continue;
        told = true;
        seen[c] = true;
      }
      ASSERT_TRUE(told) << before.DebugString() << after.DebugString() << request.principal << " "
                        << Action_Name(request.action) << " " << request.dataset;
    });
    if (HasFatalFailure()) return;
    for (std::size_t c = 0; c < changes.size(); ++c) {
      ASSERT_TRUE(seen[c]) << before.DebugString() << after.DebugString() << changes[c].what << " "
                           << changes[c].situation;
    }
    same += !found;
    different += found;
  }
  EXPECT_GT(same, 5);
  EXPECT_GT(different, 5);
}

// FREE_TEXT is covered but never opened: it concerns models alone.
TEST(PolicyDiff, SeesModelsThatLearnedFromOtherClassesThanAreEvaluated) {
  const auto rule = [](const std::string& classes) {
    return absl::StrCat(R"(rule { id: "evaluate" permit {}
      scope { principal: "ann" action: EVALUATE dataset: "mails" purpose: "ads"
              data_class: LABEL )",
                        classes, " } }");
  };
  const std::vector<PolicyChange> changes = Diff(rule(""), rule("data_class: FREE_TEXT"));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes.front().kind, Kind::kOpens);
  EXPECT_EQ(changes.front().column, "LABEL");
  EXPECT_THAT(changes.front().situation, HasSubstr("a model of FREE_TEXT"));
}

TEST(PolicyDiff, KnowsNoRowsOfAModelThatLeaves) {
  const auto rule = [](int rows) {
    return absl::StrCat(R"(rule { id: "export" permit {}
      scope { principal: "ann" action: EXPORT_MODEL dataset: "mails" purpose: "safety"
              data_class: LABEL } when { rows_at_least: )",
                        rows, "} }");
  };
  EXPECT_THAT(Diff(rule(1), rule(2)), IsEmpty());
  ASSERT_OK_AND_ASSIGN(const std::vector<Access> access, Listed(MustLoad(rule(1))));
  EXPECT_THAT(access, IsEmpty());
}

TEST(Access, ListsEverythingThatRandomRequestsAreAllowed) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  World world(seed);
  int allowed = 0;
  for (int i = 0; i < 60; ++i) {
    const LoadedPolicy policy = LoadRandom(world.MakePolicy());
    ASSERT_OK_AND_ASSIGN(const std::vector<Access> list, Listed(policy));
    for (int j = 0; j < 300; ++j) {
      const Request request = Narrowed(world.MakeRequest());
      if (!policy.Decide(request).allow) continue;
      ++allowed;
      ASSERT_TRUE(std::any_of(list.begin(), list.end(), [&](const Access& access) {
        return SpeaksOf(access, request);
      })) << policy.proto().DebugString();
    }
  }
  EXPECT_GT(allowed, 100);
}

// What the finite space rests on: it holds single columns only.
TEST(Access, OfSeveralColumnsIsThatOfEachAlone) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  World world(seed);
  int allowed = 0;
  for (int i = 0; i < 300; ++i) {
    const LoadedPolicy policy = LoadRandom(world.MakePolicy());
    for (int j = 0; j < 40; ++j) {
      const Request request = world.MakeRequest();
      if (request.columns.size() < 2) continue;
      if (request.columns[0].name == request.columns[1].name ||
          request.columns[0].name == request.columns.back().name) {
        continue;  // refused for its names
      }
      bool each = true;
      for (const RequestedColumn& column : request.columns) {
        Request alone = request;
        alone.columns = {column};
        each &= policy.Decide(alone).allow;
      }
      ASSERT_EQ(policy.Decide(request).allow, each) << policy.proto().DebugString();
      allowed += each;
    }
  }
  EXPECT_GT(allowed, 50);
}

TEST(Access, NamesWhoCouldAndUnderWhichFacts) {
  AccessQuery query;
  query.actions = {TRAIN};
  query.dataset = "mails/a";
  query.purpose = "safety/abuse";
  ASSERT_OK_AND_ASSIGN(const std::vector<Access> list, Listed(MustLoad(kTrainRule), query));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_THAT(list[0].principals, ElementsAre("ann", "bob"));
  EXPECT_EQ(list[0].column, "FREE_TEXT");
  EXPECT_EQ(list[0].situation, "trust LOCKED, 100 rows, at 1970-01-01T00:16:40+00:00");
  ASSERT_TRUE(list[0].decision.dp.has_value());
  EXPECT_EQ(list[0].decision.determining_rules.front().id, "train");
  EXPECT_THAT(DescribeObligations(list[0].action, list[0].decision), HasSubstr("epsilon 3"));
  EXPECT_THAT(list[0].decision.duties, Not(IsEmpty()));
  query.purpose = "ads";
  ASSERT_OK_AND_ASSIGN(const std::vector<Access> none, Listed(MustLoad(kTrainRule), query));
  EXPECT_THAT(none, IsEmpty());
}

// "PRINCIPALS 1/4; duties" of each.
std::vector<std::string> WhoCan(const LoadedPolicy& policy, Action action) {
  AccessQuery query;
  query.actions = {action};
  const absl::StatusOr<std::vector<Access>> list = Listed(policy, query);
  EXPECT_OK(list);
  std::vector<std::string> who;
  for (const Access& access : *list) {
    who.push_back(absl::StrCat(absl::StrJoin(access.principals, "+"), " ",
                               access.allowed_situations, "/", access.situations, "; ",
                               DescribeObligations(access.action, access.decision)));
  }
  return who;
}

TEST(Access, TriesModelsOfClassesThatNoPermitCovers) {
  const auto rule = [](const std::string& name, const std::string& effect,
                       const std::string& classes) {
    return absl::StrCat("rule { id: \"", name, "\" ", effect,
                        " scope { principal: \"ann\" action: EVALUATE dataset: \"mails\" ",
                        "purpose: \"ads\" ", classes, " } }\n");
  };
  const std::string permit = rule("some", "permit {}", "data_class: LABEL");
  // At 999, 1000 and 2000, of LABEL or of something else.
  EXPECT_THAT(WhoCan(MustLoad(permit), EVALUATE), ElementsAre("ann 1/6; lease 10m (default)"));
  EXPECT_THAT(WhoCan(MustLoad(permit + rule("no", "forbid {}", "data_class: HEALTH")), EVALUATE),
              ElementsAre("ann 1/9; lease 10m (default)"));
  std::string all;
  for (int number = DATA_CLASS_UNSPECIFIED + 1; number < DataClass_ARRAYSIZE; ++number) {
    absl::StrAppend(&all, "data_class: ", DataClass_Name(static_cast<DataClass>(number)), " ");
  }
  EXPECT_THAT(WhoCan(MustLoad(rule("all", "permit {}", all)), EVALUATE),
              ::testing::Contains("ann 1/3; lease 10m (default)"));
}

TEST(Access, KnowsWhatErasingTakesWhateverTheSetSays) {
  const std::string erase = R"(rule { id: "erase" permit {}
    scope { principal: "any" action: ERASE dataset: "mails" purpose: "ads" } }
  )";
  EXPECT_THAT(WhoCan(MustLoadWithThree(erase, 1), ERASE), IsEmpty());
  // Approvals unknown, 0 or 2, at 999, 1000 and 2000.
  EXPECT_THAT(WhoCan(MustLoadWithThree(erase, 2), ERASE),
              ElementsAre("ann+bob+(anybody else) 1/9; needs 2 approvals"));
}

TEST(Access, CountsNoMoreApprovalsThanOneCanHave) {
  const LoadedPolicy policy = MustLoadWithThree(R"(rule { id: "read" permit {}
    scope { principal: "any" action: READ_AUDIT dataset: "mails" purpose: "ads" }
    when { approvals_at_least: 3 } }
  )");
  EXPECT_THAT(WhoCan(policy, READ_AUDIT),
              ElementsAre("ann+bob+(anybody else) 1/9; needs 3 approvals"));
  AccessQuery query;
  query.principal = "user:cam";
  ASSERT_OK_AND_ASSIGN(const std::vector<Access> list, Listed(policy, query));
  EXPECT_THAT(list, IsEmpty());
}

TEST(Access, SaysWhatSomebodyNeverGets) {
  const std::string file = JoinPath(SEALTRAIN_SOURCE_DIR, "examples/policies/mail_abuse");
  ASSERT_OK_AND_ASSIGN(const auto schema, Schema::FromProtoFile(file + ".proto", "Mail"));
  ASSERT_OK_AND_ASSIGN(const std::string text, Env::Posix().ReadFile(file + ".textproto", 1 << 20));
  ASSERT_OK_AND_ASSIGN(const LoadedPolicy policy, LoadedPolicy::Load(text, "p"));
  AccessQuery query;
  query.actions = {TRAIN};
  query.dataset = "mails/train";
  ASSERT_OK_AND_ASSIGN(const std::vector<Access> list, Listed(policy, query, schema.get()));
  std::vector<std::string> never;
  for (const Access& access : WithDenied(absl::MakeConstSpan(&policy, 1), *schema, list)) {
    if (access.decision.allow) {
      EXPECT_TRUE(never.empty());  // they stand behind all that somebody gets
      continue;
    }
    EXPECT_EQ(access.allowed_situations, 0u);
    never.push_back(absl::StrCat(access.column, " ", access.decision.reason_code));
  }
  EXPECT_THAT(never, ElementsAre("recipient uncovered_column", "client_ip forbidden",
                                 "sent_unix forbidden"));
}

}  // namespace
}  // namespace sealtrain::policy
