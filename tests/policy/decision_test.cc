// The decision rules, one by one.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/policy/duties.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/tests/policy/policy_texts.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::policy::testing::MakeColumn;
using ::sealtrain::policy::testing::MakeTransform;
using ::sealtrain::policy::testing::MustLoad;
using ::sealtrain::policy::testing::TrainRequest;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// A rule on one line. `effect`: "permit {...}" or "forbid {...}".
std::string Rule(const std::string& id, const std::string& effect, const std::string& classes,
                 const std::string& more = "", const std::string& actions = "action: TRAIN") {
  return absl::StrCat("rule { id: \"", id, "\" why: \"why ", id, "\" ", effect,
                      " scope { principal: \"ann\" ", actions,
                      " dataset: \"mails/*\" purpose: \"safety\" ", classes, " } ", more, " }\n");
}
std::string OnClass(const std::string& classes, const std::string& kind) {
  return absl::StrCat("obligation { transform { ", classes, " kind: ", kind, " } } ");
}
const char kLabel[] = "data_class: LABEL";
const char kBoth[] = "data_class: LABEL data_class: FREE_TEXT";

Request LabelRequest() { return TrainRequest({MakeColumn("spam", {LABEL})}); }

std::vector<std::string> Ids(const std::vector<RuleRef>& refs) {
  std::vector<std::string> ids;
  for (const RuleRef& ref : refs) ids.push_back(ref.id);
  return ids;
}

void ExpectDenied(const Decision& decision, const std::string& code) {
  EXPECT_FALSE(decision.allow);
  EXPECT_EQ(decision.reason_code, code) << decision.reason;
  EXPECT_FALSE(decision.reason.empty());
  EXPECT_TRUE(decision.columns.empty());
  EXPECT_FALSE(decision.dp || decision.lease || decision.retention);
}

TEST(Decide, AllowsWhatARulePermits) {
  const LoadedPolicy policy = MustLoad(Rule("a", "permit {}", kLabel));
  const Decision decision = policy.Decide(LabelRequest());
  EXPECT_TRUE(decision.allow) << decision.reason;
  EXPECT_EQ(decision.reason_code, "allowed");
  EXPECT_TRUE(decision.reason.empty());
  ASSERT_EQ(decision.determining_rules.size(), 1u);
  EXPECT_EQ(decision.determining_rules[0].id, "a");
  EXPECT_EQ(decision.determining_rules[0].line, 2);
  ASSERT_EQ(decision.columns.size(), 1u);
  EXPECT_EQ(decision.columns[0].name, "spam");
  EXPECT_EQ(decision.columns[0].transform.kind(), KEEP);
  EXPECT_TRUE(decision.columns[0].from_rules.empty());
  EXPECT_EQ(decision.policy_id, "p");
  EXPECT_EQ(decision.policy_version, 1u);
  EXPECT_EQ(decision.policy_sha256, policy.sha256());
}

TEST(Decide, DeniesByDefaultAndNamesTheNearestMiss) {
  const LoadedPolicy policy =
      MustLoad(Rule("far", "permit {}", kLabel,
                    "when { rows_at_least: 999 } when { trust_at_least: SANDBOXED }") +
               Rule("near", "permit {}", kLabel));
  Request request = LabelRequest();
  request.principal = "bob";
  const Decision decision = policy.Decide(request);
  ExpectDenied(decision, "no_matching_permit");
  ASSERT_TRUE(decision.nearest_miss);
  EXPECT_EQ(decision.nearest_miss->id, "near");
  EXPECT_EQ(decision.nearest_miss->line, 3);
  EXPECT_EQ(decision.nearest_miss_lacks, "principal \"bob\"");
}

TEST(Decide, DeniesAnActionThatNoRuleSpeaksOf) {
  const LoadedPolicy policy = MustLoad(Rule("a", "permit {}", kLabel));
  Request request = LabelRequest();
  request.action = EVALUATE;
  const Decision decision = policy.Decide(request);
  ExpectDenied(decision, "no_matching_permit");
  EXPECT_FALSE(decision.nearest_miss);
}

TEST(Decide, MatchesPrincipalsExactlyOrByGroup) {
  const auto decide = [](const std::string& pattern, const std::string& principal) {
    const LoadedPolicy policy =
        MustLoad("rule { id: \"a\" permit {} scope { principal: \"" + pattern +
                 "\" action: TRAIN dataset: \"*\" purpose: \"safety\" data_class: LABEL } }");
    Request request = LabelRequest();
    request.principal = principal;
    return policy.Decide(request);
  };
  EXPECT_TRUE(decide("ann", "ann").allow);
  EXPECT_FALSE(decide("ann", "Ann").allow);
  EXPECT_FALSE(decide("ann", "ann ").allow);
  EXPECT_FALSE(decide("ann", "anna").allow);
  EXPECT_TRUE(decide("group:team", "bob").allow);
  EXPECT_FALSE(decide("group:team", "eve").allow);
  EXPECT_TRUE(decide("any", "whoever").allow);
  // Nobody may call themselves by a pattern.
  ExpectDenied(decide("group:team", "group:team"), "invalid_request");
  ExpectDenied(decide("any", "any"), "invalid_request");
  for (const char* name : {"ANY", "Group:team", "*", "a*"}) {
    ExpectDenied(decide("any", name), "invalid_request");
  }
  ExpectDenied(decide("any", ""), "invalid_request");
  ExpectDenied(decide("any", std::string("a\0b", 3)), "invalid_request");
}

TEST(Decide, MatchesDataSetsExactlyOrByPrefix) {
  const auto allows = [](const std::string& pattern, const std::string& dataset) {
    const LoadedPolicy policy =
        MustLoad("rule { id: \"a\" permit {} scope { principal: \"any\" action: TRAIN dataset: \"" +
                 pattern + "\" purpose: \"safety\" data_class: LABEL } }");
    Request request = LabelRequest();
    request.dataset = dataset;
    return policy.Decide(request).allow;
  };
  EXPECT_TRUE(allows("mails/a", "mails/a"));
  EXPECT_FALSE(allows("mails/a", "mails/ab"));
  EXPECT_FALSE(allows("mails/a", "mails/a/b"));
  EXPECT_TRUE(allows("mails/*", "mails/a"));
  EXPECT_TRUE(allows("mails/*", "mails/a/b"));
  EXPECT_FALSE(allows("mails/*", "mails"));
  EXPECT_FALSE(allows("mails/*", "mails/"));
  EXPECT_FALSE(allows("mails/*", "mails2/a"));
  EXPECT_TRUE(allows("*", "anything"));
  EXPECT_FALSE(allows("*", "mails/*"));
  EXPECT_FALSE(allows("*", ""));
}

TEST(Decide, MatchesAllRulesThatHoldTheNamesByWhateverPattern) {
  std::string rules;
  for (const char* scope : {R"(principal: "any" dataset: "*" purpose: "safety")",
                            R"(principal: "group:team" dataset: "mails/*" purpose: "safety")",
                            R"(principal: "ann" dataset: "mails/eu/*" purpose: "safety/abuse")",
                            R"(principal: "ann" dataset: "mails/eu/a" purpose: "safety/abuse")"}) {
    rules += "rule { id: \"r" + std::to_string(std::count(rules.begin(), rules.end(), '\n')) +
             "\" permit {} scope { action: TRAIN data_class: LABEL " + scope + " } }\n";
  }
  const LoadedPolicy policy = MustLoad(rules);
  const auto rules_of = [&policy](const std::string& principal, const std::string& dataset,
                                  const std::string& purpose) {
    Request request = LabelRequest();
    request.principal = principal;
    request.dataset = dataset;
    request.purpose = purpose;
    return Ids(policy.Decide(request).determining_rules);
  };
  EXPECT_THAT(rules_of("ann", "mails/eu/a", "safety/abuse"), ElementsAre("r0", "r1", "r2", "r3"));
  EXPECT_THAT(rules_of("ann", "mails/eu/b", "safety/abuse"), ElementsAre("r0", "r1", "r2"));
  EXPECT_THAT(rules_of("ann", "mails/eu", "safety/abuse"), ElementsAre("r0", "r1"));
  EXPECT_THAT(rules_of("ann", "clicks", "safety/abuse"), ElementsAre("r0"));
  EXPECT_THAT(rules_of("ann", "mails/eu/a", "safety"), ElementsAre("r0", "r1"));
  EXPECT_THAT(rules_of("bob", "mails/eu/a", "safety/abuse"), ElementsAre("r0", "r1"));
  EXPECT_THAT(rules_of("eve", "mails/eu/a", "safety/abuse"), ElementsAre("r0"));
}

TEST(Decide, PutsPurposesUnderOthersByWholeSegments) {
  const auto decide = [](const std::string& scope, const std::string& purpose) {
    const LoadedPolicy policy = MustLoad(
        "purpose: \"safety/abuse/mail\" purpose: \"safetynet\" purpose: \"bank/fraud/card\" "
        "rule { id: \"a\" permit {} scope { principal: \"any\" action: TRAIN dataset: \"*\" "
        "purpose: \"" +
        scope + "\" data_class: LABEL } }");
    Request request = LabelRequest();
    request.purpose = purpose;
    return policy.Decide(request);
  };
  EXPECT_TRUE(decide("safety", "safety").allow);
  EXPECT_TRUE(decide("safety", "safety/abuse").allow);
  EXPECT_TRUE(decide("safety", "safety/abuse/mail").allow);
  EXPECT_TRUE(decide("safety/abuse", "safety/abuse/mail").allow);
  ExpectDenied(decide("safety/abuse", "safety"), "no_matching_permit");
  ExpectDenied(decide("safety", "safetynet"), "no_matching_permit");
  ExpectDenied(decide("safety", "safety/other"), "undeclared_purpose");
  // Above a declared one, so that a rule may name it.
  EXPECT_TRUE(decide("bank/fraud", "bank/fraud/card").allow);
  ExpectDenied(decide("bank/fraud", "bank/fraud"), "undeclared_purpose");
  ExpectDenied(decide("bank", "bank/fraud"), "undeclared_purpose");
  ExpectDenied(decide("safety", ""), "undeclared_purpose");
}

TEST(Decide, HoldsToTheWindowsOfSetAndRule) {
  const LoadedPolicy policy = MustLoad(
      Rule("a", "permit {}", kLabel, "not_before { seconds: 1200 } not_after { seconds: 1400 }"));
  const auto at = [&](absl::Time now) {
    Request request = LabelRequest();
    request.now = now;
    return policy.Decide(request);
  };
  EXPECT_TRUE(at(absl::FromUnixSeconds(1200)).allow);
  EXPECT_TRUE(at(absl::FromUnixSeconds(1400) - absl::Nanoseconds(1)).allow);
  ExpectDenied(at(absl::FromUnixSeconds(1400)), "no_matching_permit");
  EXPECT_EQ(at(absl::FromUnixSeconds(1400)).nearest_miss_lacks, "a time before its not_after");
  ExpectDenied(at(absl::FromUnixSeconds(1199)), "no_matching_permit");
  ExpectDenied(at(absl::FromUnixSeconds(999)), "expired");
  ExpectDenied(at(absl::FromUnixSeconds(2000)), "expired");
  ExpectDenied(at(absl::InfinitePast()), "unknown_fact");
  ExpectDenied(at(absl::InfiniteFuture()), "unknown_fact");
}

TEST(Decide, DeniesAtAnUnknownTimeEvenWithoutWindows) {
  const std::string text =
      "id: \"p\" version: 1 author: \"e\" purpose: \"safety\" approval { required: 1 approver { "
      "name: \"ada\" public_key: \"" +
      std::string(64, 'a') + "\" } } " + Rule("a", "permit {}", kLabel);
  ASSERT_OK_AND_ASSIGN(const LoadedPolicy policy, LoadedPolicy::Load(text, "p"));
  Request request = LabelRequest();
  request.purpose = "safety";
  EXPECT_TRUE(policy.Decide(request).allow);
  request.now = absl::InfinitePast();
  ExpectDenied(policy.Decide(request), "unknown_fact");
}

// Conditions are three-valued; what is unknown opens nothing, whichever way round.
struct ConditionCase {
  const char* name;
  const char* condition;
  void (*make_true)(Request&);
  void (*make_false)(Request&);
  void (*make_unknown)(Request&);
};
const ConditionCase kConditions[] = {
    {"trust", "trust_at_least: LOCKED", [](Request& r) { r.trust = LOCKED; },
     [](Request& r) { r.trust = PLAIN; }, [](Request& r) { r.trust = TRUST_UNSPECIFIED; }},
    {"strange trust", "trust_at_least: LOCKED", [](Request& r) { r.trust = SANDBOXED; },
     [](Request& r) { r.trust = PLAIN; }, [](Request& r) { r.trust = static_cast<Trust>(99); }},
    {"rows", "rows_at_least: 50", [](Request& r) { r.rows = 50; }, [](Request& r) { r.rows = 49; },
     [](Request& r) { r.rows.reset(); }},
    {"age", "dataset_age_below { seconds: 60 }",
     [](Request& r) { r.dataset_age = absl::Seconds(59); },
     [](Request& r) { r.dataset_age = absl::Seconds(60); },
     [](Request& r) { r.dataset_age.reset(); }},
    {"negative age", "dataset_age_below { seconds: 60 }",
     [](Request& r) { r.dataset_age = absl::ZeroDuration(); },
     [](Request& r) { r.dataset_age = absl::Hours(1); },
     [](Request& r) { r.dataset_age = absl::Seconds(-1); }},
    {"infinite age", "dataset_age_below { seconds: 60 }",
     [](Request& r) { r.dataset_age = absl::ZeroDuration(); },
     [](Request& r) { r.dataset_age = absl::Hours(1); },
     [](Request& r) { r.dataset_age = absl::InfiniteDuration(); }},
};

TEST(Decide, OpensOnlyOnKnownConditionsOfPermits) {
  for (const ConditionCase& c : kConditions) {
    const LoadedPolicy when =
        MustLoad(Rule("a", "permit {}", kLabel, absl::StrCat("when { ", c.condition, " }")));
    const LoadedPolicy unless =
        MustLoad(Rule("a", "permit {}", kLabel, absl::StrCat("unless { ", c.condition, " }")));
    Request request = LabelRequest();
    c.make_true(request);
    EXPECT_TRUE(when.Decide(request).allow) << c.name;
    ExpectDenied(unless.Decide(request), "no_matching_permit");
    c.make_false(request);
    ExpectDenied(when.Decide(request), "no_matching_permit");
    EXPECT_TRUE(unless.Decide(request).allow) << c.name;
    c.make_unknown(request);
    ExpectDenied(when.Decide(request), "unknown_fact");
    ExpectDenied(unless.Decide(request), "unknown_fact");
    EXPECT_THAT(when.Decide(request).nearest_miss_lacks, HasSubstr("not known"));
  }
}

TEST(Decide, ForbidsOnUnknownConditionsOfForbids) {
  for (const ConditionCase& c : kConditions) {
    const std::string permit = Rule("a", "permit {}", kLabel);
    const LoadedPolicy when =
        MustLoad(permit + Rule("no", "forbid {}", "", absl::StrCat("when { ", c.condition, " }")));
    const LoadedPolicy unless = MustLoad(
        permit + Rule("no", "forbid {}", "", absl::StrCat("unless { ", c.condition, " }")));
    Request request = LabelRequest();
    c.make_true(request);
    ExpectDenied(when.Decide(request), "forbidden");
    EXPECT_TRUE(unless.Decide(request).allow) << c.name;
    c.make_false(request);
    EXPECT_TRUE(when.Decide(request).allow) << c.name;
    ExpectDenied(unless.Decide(request), "forbidden");
    c.make_unknown(request);
    ExpectDenied(when.Decide(request), "forbidden");
    ExpectDenied(unless.Decide(request), "forbidden");
  }
}

TEST(Decide, LetsForbidWinAndNamesAllOfThemByLine) {
  const LoadedPolicy policy =
      MustLoad(Rule("no2", "forbid { fix_hint: \"ask\" }", "") + Rule("a", "permit {}", kLabel) +
               Rule("no1", "forbid {}", kLabel) + Rule("other", "forbid {}", "data_class: HEALTH"));
  const Decision decision = policy.Decide(LabelRequest());
  ExpectDenied(decision, "forbidden");
  EXPECT_THAT(Ids(decision.determining_rules), ElementsAre("no2", "no1"));
  EXPECT_EQ(decision.determining_rules[1].line, 4);
  EXPECT_EQ(decision.fix_hint, "ask");
  EXPECT_EQ(decision.reason, "rule \"no2\" forbids it: why no2");
}

TEST(Decide, HintsWhatAnyOfTheForbidsHints) {
  const LoadedPolicy policy =
      MustLoad(Rule("no1", "forbid {}", "") + Rule("no2", "forbid { fix_hint: \"ask\" }", ""));
  EXPECT_EQ(policy.Decide(LabelRequest()).fix_hint, "ask");
}

TEST(Decide, PrefersANearestMissThatCoversWhatIsAsked) {
  const LoadedPolicy policy = MustLoad(
      Rule("a", "permit {}", "data_class: FEATURE", "when { rows_at_least: 1000 }") +
      Rule("b", "permit {}", kLabel, "when { rows_at_least: 1000 } when { rows_at_least: 2000 }"));
  Decision decision = policy.Decide(LabelRequest());
  ExpectDenied(decision, "no_matching_permit");
  ASSERT_TRUE(decision.nearest_miss);
  EXPECT_EQ(decision.nearest_miss->id, "b");
  EXPECT_EQ(decision.fix_hint, "ask again once that is so");
  // More rows would not help where no rule covers the class.
  decision = policy.Decide(TrainRequest({MakeColumn("x", {HEALTH})}));
  ASSERT_TRUE(decision.nearest_miss);
  EXPECT_EQ(decision.nearest_miss->id, "a");
  EXPECT_EQ(decision.fix_hint,
            "ask without HEALTH, which that rule does not cover, or have the class permitted");
}

TEST(Decide, SaysWhatIsNeverKnownOfAnAction) {
  const LoadedPolicy policy =
      MustLoad(Rule("a", "permit {}", kLabel, "when { rows_at_least: 1 }", "action: EXPORT_MODEL"));
  Request request = LabelRequest();
  request.action = EXPORT_MODEL;
  request.columns.clear();
  request.rows.reset();
  const Decision decision = policy.Decide(request);
  ExpectDenied(decision, "unknown_fact");
  EXPECT_EQ(decision.nearest_miss_lacks, "when rows_at_least 1 (never known of EXPORT_MODEL)");
  EXPECT_EQ(decision.fix_hint,
            "have the rule changed: it asks for what is never known of this action");
}

TEST(Decide, ForbidsAClassOnlyWhereAColumnHasIt) {
  const LoadedPolicy policy = MustLoad(
      Rule("a", absl::StrCat("permit { ", OnClass("on_class: FREE_TEXT", "DROP"), "}"), kBoth) +
      Rule("no", "forbid {}", "data_class: FREE_TEXT"));
  EXPECT_TRUE(policy.Decide(LabelRequest()).allow);
  // Even though it would be dropped: a request for the column is forbidden.
  ExpectDenied(policy.Decide(TrainRequest(
                   {MakeColumn("spam", {LABEL}), MakeColumn("body", {LABEL, FREE_TEXT})})),
               "forbidden");
}

TEST(Decide, IgnoresAForbidOutsideItsScope) {
  const std::string permit = Rule("a", "permit {}", kLabel);
  for (const std::string scope :
       {"principal: \"bob\" action: TRAIN dataset: \"*\" purpose: \"safety\"",
        "principal: \"any\" action: SEAL dataset: \"*\" purpose: \"safety\"",
        "principal: \"any\" action: TRAIN dataset: \"mails\" purpose: \"safety\"",
        "principal: \"any\" action: TRAIN dataset: \"*\" purpose: \"ads\""}) {
    EXPECT_TRUE(MustLoad(permit + "rule { id: \"no\" forbid {} scope { " + scope + " } }")
                    .Decide(LabelRequest())
                    .allow)
        << scope;
  }
  EXPECT_TRUE(MustLoad(permit + Rule("no", "forbid {}", "", "not_after { seconds: 1500 }"))
                  .Decide(LabelRequest())
                  .allow);
}

TEST(Decide, NeedsEveryClassOfAColumnCovered) {
  const Request request = TrainRequest({MakeColumn("x", {LABEL, FEATURE})});
  const LoadedPolicy one = MustLoad(Rule("a", "permit {}", kLabel));
  const Decision decision = one.Decide(request);
  ExpectDenied(decision, "uncovered_column");
  ASSERT_TRUE(decision.nearest_miss);
  EXPECT_EQ(decision.nearest_miss->id, "a");
  EXPECT_EQ(decision.nearest_miss_lacks, "data class FEATURE");
  const LoadedPolicy two =
      MustLoad(Rule("a", "permit {}", kLabel) + Rule("b", "permit {}", "data_class: FEATURE"));
  EXPECT_TRUE(two.Decide(request).allow);
  EXPECT_THAT(Ids(two.Decide(request).determining_rules), ElementsAre("a", "b"));
  // A permit that does not match covers nothing.
  const LoadedPolicy dead =
      MustLoad(Rule("a", "permit {}", kLabel) +
               Rule("b", "permit {}", "data_class: FEATURE", "when { rows_at_least: 1000 }"));
  ExpectDenied(dead.Decide(request), "uncovered_column");
  EXPECT_EQ(dead.Decide(request).nearest_miss_lacks, "when rows_at_least 1000");
}

TEST(Decide, NeedsATransformForEverySensitiveClass) {
  for (int c = 1; c <= DataClass_MAX; ++c) {
    const auto data_class = static_cast<DataClass>(c);
    const std::string covers = absl::StrCat("data_class: ", DataClassName(data_class));
    const bool harmless = data_class == PUBLIC || data_class == INTERNAL || data_class == FEATURE ||
                          data_class == LABEL || data_class == SUBJECT_KEY;
    const Request request = TrainRequest({MakeColumn("x", {data_class})});
    const Decision without = MustLoad(Rule("a", "permit {}", covers)).Decide(request);
    EXPECT_EQ(without.allow, harmless) << covers;
    if (!harmless) ExpectDenied(without, "uncovered_column");
    const std::string keep = absl::StrCat(
        "permit { ", OnClass(absl::StrCat("on_class: ", DataClassName(data_class)), "KEEP"), "}");
    EXPECT_TRUE(MustLoad(Rule("a", keep, covers)).Decide(request).allow) << covers;
  }
  // Class by class: a transform for one does not speak for the other.
  ExpectDenied(MustLoad(Rule("a", "permit { " + OnClass("on_class: HEALTH", "KEEP") + "}",
                             "data_class: HEALTH data_class: CHILD"))
                   .Decide(TrainRequest({MakeColumn("x", {HEALTH, CHILD})})),
               "uncovered_column");
}

TEST(Decide, WantsTheSubjectKeyPseudonymisedWhenSealed) {
  const auto seal = [](const std::string& effect, Action action = SEAL) {
    Request request = TrainRequest({MakeColumn("who", {SUBJECT_KEY})});
    request.action = action;
    return MustLoad(Rule("a", effect, "data_class: SUBJECT_KEY", "", "action: SEAL action: INGEST"))
        .Decide(request);
  };
  const auto with = [](const std::string& kind) {
    return "permit { " + OnClass("on_class: SUBJECT_KEY", kind) + "}";
  };
  const Decision good = seal(with("PSEUDONYMIZE domain: \"x\""));
  ASSERT_TRUE(good.allow) << good.reason;
  EXPECT_EQ(good.columns[0].transform.kind(), PSEUDONYMIZE);
  EXPECT_EQ(good.columns[0].transform.domain(), "x");
  EXPECT_EQ(good.columns[0].transform.on_class_size(), 0);
  EXPECT_THAT(good.columns[0].from_rules, ElementsAre("a"));
  ExpectDenied(seal("permit {}"), "uncovered_column");
  ExpectDenied(seal(with("KEEP")), "uncovered_column");
  ExpectDenied(seal(with("BUCKET step: 5")), "uncovered_column");
  ExpectDenied(seal(with("DROP")), "cannot_honour");
  ExpectDenied(seal(with("REDACT")), "cannot_honour");
  EXPECT_TRUE(seal("permit {}", INGEST).allow);
}

// SEAL of one FREE_TEXT column under one permit for each transform.
Decision SealUnder(const std::vector<std::string>& transforms) {
  std::string rules;
  int n = 0;
  for (const std::string& transform : transforms) {
    rules +=
        Rule(absl::StrCat("r", n++), "permit { " + OnClass("on_class: FREE_TEXT", transform) + "}",
             "data_class: FREE_TEXT", "", "action: SEAL");
  }
  Request request = TrainRequest({MakeColumn("x", {FREE_TEXT})});
  request.action = SEAL;
  return MustLoad(rules).Decide(request);
}

TEST(Decide, MeetsTransformsAtTheStrictest) {
  const std::string by_strength[] = {"KEEP", "BUCKET step: 5", "PSEUDONYMIZE domain: \"d\"",
                                     "REDACT", "DROP"};
  const TransformKind kinds[] = {KEEP, BUCKET, PSEUDONYMIZE, REDACT, DROP};
  for (int a = 0; a < 5; ++a) {
    for (int b = 0; b < 5; ++b) {
      const Decision decision = SealUnder({by_strength[a], by_strength[b]});
      ASSERT_TRUE(decision.allow) << decision.reason;
      EXPECT_EQ(decision.columns[0].transform.kind(), kinds[std::max(a, b)]);
      EXPECT_THAT(decision.columns[0].from_rules, ElementsAre("r0", "r1"));
    }
  }
}

TEST(Decide, TakesTheCoarserParameters) {
  EXPECT_EQ(SealUnder({"BUCKET step: 5", "BUCKET step: 20", "BUCKET step: 7"})
                .columns[0]
                .transform.step(),
            20);
  const Transform ip = SealUnder({"TRUNCATE_IP prefix_v4: 24 prefix_v6: 32",
                                  "TRUNCATE_IP prefix_v4: 16 prefix_v6: 48"})
                           .columns[0]
                           .transform;
  EXPECT_EQ(ip.prefix_v4(), 16u);
  EXPECT_EQ(ip.prefix_v6(), 32u);
}

TEST(Decide, DeniesTransformsThatCannotBeCompared) {
  ExpectDenied(SealUnder({"PSEUDONYMIZE domain: \"a\"", "PSEUDONYMIZE domain: \"b\""}),
               "conflicting_obligations");
  ExpectDenied(SealUnder({"BUCKET step: 5", "TRUNCATE_IP prefix_v4: 24 prefix_v6: 48"}),
               "conflicting_obligations");
  // What both would give way to settles it.
  EXPECT_EQ(SealUnder({"PSEUDONYMIZE domain: \"a\"", "PSEUDONYMIZE domain: \"b\"", "DROP"})
                .columns[0]
                .transform.kind(),
            DROP);
}

TEST(Decide, MeetsPrivacyLeaseAndRetentionAtTheStrictest) {
  const auto dp = [](const std::string& text) {
    return "permit { obligation { dp { " + text + " } } }";
  };
  const LoadedPolicy policy = MustLoad(
      Rule("a", dp("epsilon_max: 3 delta_max: 1e-5 unit: RECORD ledger_epsilon: 9"), kLabel) +
      Rule("b", dp("epsilon_max: 5 delta_max: 1e-6 unit: SUBJECT ledger_epsilon: 20"), kLabel) +
      Rule("c",
           "permit { obligation { lease { seconds: 60 } } obligation { lease { seconds: 90 } } }",
           kLabel));
  const Decision decision = policy.Decide(LabelRequest());
  ASSERT_TRUE(decision.allow) << decision.reason;
  ASSERT_TRUE(decision.dp);
  EXPECT_EQ(decision.dp->epsilon_max(), 3);
  EXPECT_EQ(decision.dp->delta_max(), 1e-6);
  EXPECT_EQ(decision.dp->unit(), SUBJECT);
  EXPECT_EQ(decision.dp->ledger_epsilon(), 9);
  EXPECT_EQ(decision.lease, absl::Seconds(60));
  EXPECT_FALSE(decision.retention);

  const LoadedPolicy seal = MustLoad(
      Rule("a", "permit { obligation { retention { seconds: 9 } } }", kLabel, "", "action: SEAL") +
      Rule("b", "permit { obligation { retention { seconds: 7 } } }", kLabel, "", "action: SEAL"));
  Request request = LabelRequest();
  request.action = SEAL;
  EXPECT_EQ(seal.Decide(request).retention, absl::Seconds(7));
}

TEST(Decide, DeniesAnObligationThatTheActionCannotCarryOut) {
  const std::string dp =
      "permit { obligation { dp { epsilon_max: 3 delta_max: 1e-5 unit: RECORD ledger_epsilon: 9 } "
      "} }";
  const std::string retention = "permit { obligation { retention { seconds: 9 } } }";
  const std::string lease = "permit { obligation { lease { seconds: 9 } } }";
  const auto decide = [](const std::string& effect, Action action) {
    Request request = LabelRequest();
    request.action = action;
    if (action == EXPORT_MODEL) request.columns.clear();
    return MustLoad(Rule("a", effect, kLabel, "", "action: " + Action_Name(action)))
        .Decide(request);
  };
  for (const Action action : {INGEST, SEAL, EVALUATE, INSPECT, EXPORT_MODEL}) {
    ExpectDenied(decide(dp, action), "cannot_honour");
  }
  EXPECT_TRUE(decide(dp, TRAIN).allow);
  for (const Action action : {EVALUATE, INSPECT, EXPORT_MODEL}) {
    ExpectDenied(decide(retention, action), "cannot_honour");
  }
  EXPECT_TRUE(decide(retention, INGEST).allow);
  EXPECT_EQ(decide(retention, TRAIN).retention, absl::Seconds(9));
  ExpectDenied(decide(lease, EXPORT_MODEL), "cannot_honour");
  EXPECT_TRUE(decide("permit {}", EXPORT_MODEL).allow);
  EXPECT_TRUE(decide(lease, EVALUATE).allow);
}

// TRAIN of one FREE_TEXT column that must be under `required`.
Decision OpenUnder(const std::string& required, const std::optional<Transform>& applied) {
  RequestedColumn column = MakeColumn("x", {FREE_TEXT});
  column.applied = applied;
  return MustLoad(Rule("a", "permit { " + OnClass("on_class: FREE_TEXT", required) + "}",
                       "data_class: FREE_TEXT"))
      .Decide(TrainRequest({column}));
}

TEST(Decide, OpensUnderKeepAloneWhateverTransformsMet) {
  Request request = TrainRequest({MakeColumn("x", {FREE_TEXT})});
  request.columns[0].applied = MakeTransform(REDACT);
  const auto asks = [](const std::string& id, const std::string& transform) {
    return Rule(id, "permit { " + OnClass("on_class: FREE_TEXT", transform) + "}",
                "data_class: FREE_TEXT");
  };
  const Decision decision = MustLoad(asks("a", "TRUNCATE_IP prefix_v4: 24 prefix_v6: 32") +
                                     asks("b", "TRUNCATE_IP prefix_v4: 16 prefix_v6: 48"))
                                .Decide(request);
  ASSERT_TRUE(decision.allow) << decision.reason;
  EXPECT_EQ(decision.columns[0].transform.ShortDebugString(), "kind: KEEP");
}

TEST(Decide, OpensOnlyWhatTheReviewTreatedStrictlyEnough) {
  const auto kind_of = [](const Decision& decision) {
    EXPECT_TRUE(decision.allow) << decision.reason;
    return decision.allow ? decision.columns[0].transform.kind() : TRANSFORM_UNSPECIFIED;
  };
  const std::string pseudonymize = "PSEUDONYMIZE domain: \"d\"";
  EXPECT_EQ(kind_of(OpenUnder("KEEP", MakeTransform(KEEP))), KEEP);
  EXPECT_EQ(kind_of(OpenUnder("KEEP", MakeTransform(REDACT))), KEEP);
  EXPECT_EQ(kind_of(OpenUnder(pseudonymize, MakeTransform(PSEUDONYMIZE))), KEEP);
  EXPECT_EQ(kind_of(OpenUnder(pseudonymize, MakeTransform(REDACT))), KEEP);
  EXPECT_EQ(kind_of(OpenUnder("BUCKET step: 10", MakeTransform(BUCKET))), KEEP);
  EXPECT_EQ(kind_of(OpenUnder("BUCKET step: 5", MakeTransform(BUCKET))), KEEP);
  EXPECT_EQ(
      kind_of(OpenUnder("TRUNCATE_IP prefix_v4: 24 prefix_v6: 64", MakeTransform(TRUNCATE_IP))),
      KEEP);
  ExpectDenied(OpenUnder(pseudonymize, MakeTransform(KEEP)), "cannot_honour");
  ExpectDenied(OpenUnder("PSEUDONYMIZE domain: \"other\"", MakeTransform(PSEUDONYMIZE)),
               "cannot_honour");
  const Decision coarser = OpenUnder("BUCKET step: 11", MakeTransform(BUCKET));
  ExpectDenied(coarser, "cannot_honour");
  EXPECT_EQ(coarser.reason,
            "column \"x\" must be under BUCKET, step 11, but was sealed under BUCKET, step 10");
  ExpectDenied(OpenUnder("BUCKET step: 5", MakeTransform(TRUNCATE_IP)), "cannot_honour");
  ExpectDenied(OpenUnder("TRUNCATE_IP prefix_v4: 24 prefix_v6: 47", MakeTransform(TRUNCATE_IP)),
               "cannot_honour");
  ExpectDenied(OpenUnder("REDACT", MakeTransform(PSEUDONYMIZE)), "cannot_honour");
  // Nothing is opened, so nothing needs to be known.
  EXPECT_EQ(kind_of(OpenUnder("DROP", MakeTransform(KEEP))), DROP);
  EXPECT_EQ(kind_of(OpenUnder("DROP", std::nullopt)), DROP);
  // What was dropped when it was sealed is not there.
  EXPECT_EQ(kind_of(OpenUnder("KEEP", MakeTransform(DROP))), DROP);
}

TEST(Decide, OpensNothingOfUnknownTreatment) {
  ExpectDenied(OpenUnder("KEEP", std::nullopt), "unknown_fact");
  ExpectDenied(OpenUnder("REDACT", std::nullopt), "unknown_fact");
  ExpectDenied(OpenUnder("KEEP", Transform()), "unknown_fact");
  Transform strange;
  strange.set_kind(static_cast<TransformKind>(99));
  ExpectDenied(OpenUnder("KEEP", strange), "unknown_fact");
  Transform no_step;
  no_step.set_kind(BUCKET);
  ExpectDenied(OpenUnder("BUCKET step: 1", no_step), "unknown_fact");
}

TEST(Decide, MeetsLimitsOfOpeningAtTheSmaller) {
  const auto opens = [](int n) {
    return absl::StrCat("permit { obligation { max_opens: ", n, " } }");
  };
  const LoadedPolicy policy = MustLoad(Rule("a", opens(5), kLabel) + Rule("b", opens(3), kLabel) +
                                       Rule("c", "permit {}", kLabel));
  EXPECT_EQ(policy.Decide(LabelRequest()).max_opens, 3u);
  const LoadedPolicy seal = MustLoad(Rule("a", opens(5), kLabel, "", "action: SEAL"));
  Request request = LabelRequest();
  request.action = SEAL;
  ExpectDenied(seal.Decide(request), "cannot_honour");
}

TEST(Decide, MeetsWhatTheReviewIsObligedTo) {
  const auto review = [](int k, double share, const std::string& scan) {
    return absl::StrCat("permit { obligation { k_anonymity { k: ", k, " max_suppressed: ", share,
                        " } } obligation { transform { on_class: FREE_TEXT kind: KEEP } } "
                        "obligation { text_scan { on_class: FREE_TEXT ",
                        scan, " } } }");
  };
  const auto rule = [&](const std::string& id, const std::string& effect) {
    return Rule(id, effect, "data_class: FREE_TEXT data_class: LABEL", "", "action: INGEST");
  };
  const LoadedPolicy policy = MustLoad(
      rule("a", review(5, 0.25, "look_for: IBAN look_for: EMAIL_ADDRESS then: SCRUB")) +
      rule("b", review(3, 0.125, "look_for: IBAN then: SUPPRESS")) + rule("c", "permit {}"));
  Request request = LabelRequest();
  request.action = INGEST;
  request.columns = {MakeColumn("text", {FREE_TEXT}), MakeColumn("spam", {LABEL})};
  const Decision decision = policy.Decide(request);
  ASSERT_TRUE(decision.allow) << decision.reason;
  EXPECT_EQ(decision.k_anonymity->k(), 5u);
  EXPECT_EQ(decision.k_anonymity->max_suppressed(), 0.125);
  EXPECT_THAT(decision.columns[0].scan, ElementsAre(Pair(TextScan::EMAIL_ADDRESS, TextScan::SCRUB),
                                                    Pair(TextScan::IBAN, TextScan::SUPPRESS)));
  EXPECT_TRUE(decision.columns[1].scan.empty());
  EXPECT_THAT(ExplainDecision(request, decision),
              AllOf(HasSubstr("KEEP; EMAIL_ADDRESS SCRUB, IBAN SUPPRESS"),
                    HasSubstr("5 subjects share all quasi-identifiers; at most 0.125 of")));

  // Only what seals can do it.
  for (const Action action : {TRAIN, EVALUATE, INSPECT}) {
    const LoadedPolicy opening = MustLoad(Rule("a", review(2, 0, "look_for: IBAN then: REFUSE"),
                                               kLabel, "", "action: " + Action_Name(action)));
    Request open = LabelRequest();
    open.action = action;
    ExpectDenied(opening.Decide(open), "cannot_honour");
  }
}

TEST(Decide, MeetsReleaseConditionsAtTheStrictest) {
  const auto release = [](double epsilon, double delta, const char* unit, int bytes) {
    return absl::StrCat("permit { obligation { release { epsilon_max: ", epsilon,
                        " delta_max: ", delta, " unit: ", unit, " max_bytes: ", bytes, " } } }");
  };
  const std::string loose = release(3, 1e-5, "RECORD", 100);
  for (const Action action : {TRAIN, EXPORT_MODEL}) {
    Request request = LabelRequest();
    request.action = action;
    if (action == EXPORT_MODEL) request.columns.clear();
    const std::string actions = "action: " + Action_Name(action);
    const Decision decision =
        MustLoad(Rule("a", loose, kLabel, "", actions) +
                 Rule("b", release(4, 1e-6, "SUBJECT", 200), kLabel, "", actions) +
                 Rule("c", "permit {}", kLabel, "", actions))
            .Decide(request);
    ASSERT_TRUE(decision.allow) << decision.reason;
    EXPECT_EQ(decision.release->epsilon_max(), 3);
    EXPECT_EQ(decision.release->delta_max(), 1e-6);
    EXPECT_EQ(decision.release->unit(), SUBJECT);
    EXPECT_EQ(decision.release->max_bytes(), 100u);
  }
  for (const Action action : {SEAL, EVALUATE}) {
    Request request = LabelRequest();
    request.action = action;
    ExpectDenied(
        MustLoad(Rule("a", loose, kLabel, "", "action: " + Action_Name(action))).Decide(request),
        "cannot_honour");
  }
}

TEST(Decide, CountsApprovals) {
  const LoadedPolicy permit =
      MustLoad(Rule("a", "permit {}", kLabel, "when { approvals_at_least: 1 }"));
  const LoadedPolicy forbid =
      MustLoad(Rule("a", "permit {}", kLabel) +
               Rule("b", "forbid {}", "", "unless { approvals_at_least: 1 }"));
  Request request = LabelRequest();
  ExpectDenied(permit.Decide(request), "unknown_fact");
  ExpectDenied(forbid.Decide(request), "forbidden");
  request.approvals = 0;
  ExpectDenied(permit.Decide(request), "no_matching_permit");
  ExpectDenied(forbid.Decide(request), "forbidden");
  request.approvals = 1;
  EXPECT_TRUE(permit.Decide(request).allow);
  EXPECT_TRUE(forbid.Decide(request).allow);
}

TEST(Decide, CoversWhatTheModelLearnedFrom) {
  const LoadedPolicy policy =
      MustLoad(Rule("a", "permit {}", kLabel, "", "action: EVALUATE action: EXPORT_MODEL"));
  for (const Action action : {EVALUATE, EXPORT_MODEL}) {
    Request request = LabelRequest();
    request.action = action;
    if (action == EXPORT_MODEL) request.columns.clear();
    request.model_classes = {LABEL};
    EXPECT_TRUE(policy.Decide(request).allow);
    request.model_classes = {FREE_TEXT, LABEL};
    const Decision denied = policy.Decide(request);
    ExpectDenied(denied, "uncovered_column");
    EXPECT_THAT(denied.reason, HasSubstr("the model learned from FREE_TEXT"));
    request.model_classes.clear();
    ExpectDenied(policy.Decide(request), "unknown_fact");
    request.model_classes = {static_cast<DataClass>(40)};
    ExpectDenied(policy.Decide(request), "invalid_request");
  }
}

TEST(Decide, ForbidsAModelByWhatItLearnedFrom) {
  const LoadedPolicy policy = MustLoad(
      Rule("a", "permit {}", kLabel + std::string(" data_class: CHILD"), "", "action: EVALUATE") +
      Rule("b", "forbid {}", "data_class: CHILD", "", "action: EVALUATE"));
  Request request = LabelRequest();
  request.action = EVALUATE;
  request.model_classes = {LABEL};
  EXPECT_TRUE(policy.Decide(request).allow);
  request.model_classes = {LABEL, CHILD};
  ExpectDenied(policy.Decide(request), "forbidden");
  request.model_classes.clear();  // not known, so perhaps
  ExpectDenied(policy.Decide(request), "forbidden");
}

TEST(Decide, RefusesMalformedRequests) {
  const LoadedPolicy policy =
      MustLoad(Rule("a", "permit {}", kLabel, "", "action: TRAIN action: EXPORT_MODEL"));
  const auto with = [&](void (*edit)(Request&)) {
    Request request = LabelRequest();
    edit(request);
    return policy.Decide(request);
  };
  ExpectDenied(policy.Decide(Request()), "invalid_request");
  ExpectDenied(with([](Request& r) { r.action = ACTION_UNSPECIFIED; }), "invalid_request");
  ExpectDenied(with([](Request& r) { r.action = static_cast<Action>(99); }), "invalid_request");
  ExpectDenied(with([](Request& r) { r.action = static_cast<Action>(-1); }), "invalid_request");
  ExpectDenied(with([](Request& r) { r.columns.clear(); }), "invalid_request");
  ExpectDenied(with([](Request& r) { r.columns[0].name.clear(); }), "invalid_request");
  ExpectDenied(with([](Request& r) { r.columns[0].classes.clear(); }), "invalid_request");
  ExpectDenied(with([](Request& r) { r.columns[0].classes = {DATA_CLASS_UNSPECIFIED}; }),
               "invalid_request");
  ExpectDenied(with([](Request& r) {
                 r.columns[0].classes = {LABEL, static_cast<DataClass>(40)};
               }),
               "invalid_request");
  ExpectDenied(with([](Request& r) { r.columns.push_back(r.columns[0]); }), "invalid_request");
  ExpectDenied(with([](Request& r) { r.action = EXPORT_MODEL; }), "invalid_request");
}

TEST(Explain, ShowsVerdictRulesPlanAndDigest) {
  const LoadedPolicy policy = MustLoad(Rule(
      "a",
      "permit { " + OnClass("on_class: FREE_TEXT", "DROP") +
          "obligation { dp { epsilon_max: 3 delta_max: 1e-5 unit: SUBJECT ledger_epsilon: 9 } } "
          "obligation { lease { seconds: 90 } } }",
      kBoth));
  const Request request =
      TrainRequest({MakeColumn("spam", {LABEL}), MakeColumn("body", {FREE_TEXT})});
  Decision decision = policy.Decide(request);
  TraceDuties(absl::MakeConstSpan(&policy, 1), request, decision);
  EXPECT_EQ(ExplainDecision(request, decision),
            "ALLOW         \"ann\" to TRAIN \"mails/a\" for \"safety/abuse\"\n"
            "reason code   allowed\n"
            "permitted by  a (line 2)\n"
            "columns\n"
            "  spam  LABEL      KEEP\n"
            "  body  FREE_TEXT  DROP\n"
            "privacy       epsilon at most 3 at delta 1e-05 for one subject; ledger 9\n"
            "lease         keys for 1m30s\n"
            "duty               is       from\n"
            "transform of body  DROP     a (line 2)\n"
            "dp.epsilon_max     3        a (line 2)\n"
            "dp.delta_max       1e-05    a (line 2)\n"
            "dp.unit            SUBJECT  a (line 2)\n"
            "dp.ledger_epsilon  9        a (line 2)\n"
            "lease              1m30s    a (line 2)\n"
            "policy        p version 1, SHA-256 " +
                HexEncode(policy.sha256()) + "\n");
}

TEST(Explain, ShowsHowAnOpenedColumnWasSealed) {
  const LoadedPolicy policy = MustLoad(
      Rule("a", "permit { " + OnClass("on_class: FREE_TEXT", "BUCKET step: 5") + "}", kBoth));
  Request request = TrainRequest({MakeColumn("spam", {LABEL}), MakeColumn("body", {FREE_TEXT})});
  request.columns[1].applied = MakeTransform(BUCKET);
  EXPECT_THAT(ExplainDecision(request, policy.Decide(request)),
              HasSubstr("columns\n"
                        "  spam  LABEL      KEEP\n"
                        "  body  FREE_TEXT  as sealed: BUCKET, step 10\n"));
}

TEST(Explain, SaysWhoseApprovalsAreNeeded) {
  const LoadedPolicy policy =
      MustLoad(Rule("a", "permit {}", kLabel, "when { approvals_at_least: 1 }"));
  Request request = LabelRequest();
  request.approvals = 1;
  Decision decision = policy.Decide(request);
  TraceDuties(absl::MakeConstSpan(&policy, 1), request, decision);
  EXPECT_EQ(DescribeObligations(TRAIN, decision), "lease 10m (default); needs 1 approval");
  EXPECT_THAT(ExplainDecision(request, decision),
              HasSubstr("approvals     needs those of 1 approver of the policy, other than the "
                        "one who asks\n"));
}

TEST(Explain, ShowsWhyNotAndWhatHelps) {
  const LoadedPolicy policy =
      MustLoad(Rule("a", "permit {}", kLabel, "when { trust_at_least: SANDBOXED }") +
               Rule("no", "forbid { fix_hint: \"leave it\" }", "data_class: HEALTH"));
  Request request = LabelRequest();
  request.trust = PLAIN;
  const std::string missed = ExplainDecision(request, policy.Decide(request));
  EXPECT_THAT(missed, HasSubstr("DENY"));
  EXPECT_THAT(missed, HasSubstr("nearest rule  a (line 2)\n"));
  EXPECT_THAT(missed, HasSubstr("which lacks   when trust_at_least SANDBOXED\n"));
  request.columns[0].classes = {HEALTH};
  const std::string forbidden = ExplainDecision(request, policy.Decide(request));
  EXPECT_THAT(forbidden, HasSubstr("forbidden by  no (line 3)\n"));
  EXPECT_THAT(forbidden, HasSubstr("what helps    leave it\n"));
  EXPECT_THAT(forbidden, ::testing::Not(HasSubstr("columns")));
}

TEST(Explain, SaysWhatWouldEndEachForbid) {
  const LoadedPolicy policy =
      MustLoad(Rule("a", "forbid {}", kLabel,
                    "unless { rows_at_least: 500 } when { trust_at_least: PLAIN }") +
               Rule("b", "forbid {}", "", "unless { dataset_age_below { seconds: 60 } }") +
               Rule("c", "forbid {}", "") + Rule("d", "forbid {}", "data_class: HEALTH"));
  Request request = LabelRequest();
  request.dataset_age.reset();
  Decision decision = policy.Decide(request);
  TraceDuties(absl::MakeConstSpan(&policy, 1), request, decision);
  EXPECT_THAT(ExplainDecision(request, decision),
              HasSubstr("would end it  a: with rows_at_least 500; or without trust_at_least PLAIN; "
                        "or asked without LABEL\n"
                        "would end it  b: with dataset_age_below 1m (not known)\n"
                        "would end it  c: nothing that a fact could change\n"
                        "policy "));
}

TEST(Explain, ShowsTheLeaseThatCustodyGives) {
  Request request = LabelRequest();
  const auto page = [&request](const std::string& permit) {
    const LoadedPolicy policy =
        MustLoad(Rule("a", permit, kLabel, "", "action: TRAIN action: EXPORT_MODEL"));
    Decision decision = policy.Decide(request);
    TraceDuties(absl::MakeConstSpan(&policy, 1), request, decision);
    return ExplainDecision(request, decision);
  };
  const std::string week = page("permit { obligation { lease { seconds: 604800 } } }");
  EXPECT_THAT(week, HasSubstr("\nlease         keys for 24h (a day at most)\n"));
  EXPECT_THAT(week, HasSubstr("lease  24h (a day at most)  a (line 2)\n"));
  EXPECT_THAT(page("permit {}"), HasSubstr("\nlease         keys for 10m (default)\n"));
  request.action = EXPORT_MODEL;  // no keys
  request.columns.clear();
  EXPECT_THAT(page("permit {}"), ::testing::Not(HasSubstr("lease")));
}

TEST(Explain, EscapesControlCharacters) {
  const LoadedPolicy policy = MustLoad(Rule("a", "permit {}", kLabel));
  Request request = LabelRequest();
  request.principal = "x\x1b[2J\n";
  request.purpose = "\r";
  const std::string page = ExplainDecision(request, policy.Decide(request));
  for (const char c : page) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << page;
  EXPECT_THAT(page, HasSubstr("x\\u{1b}[2J\\n"));
}

}  // namespace
}  // namespace sealtrain::policy
