// What rules come to together, and what the tests of a file hold.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/tests/policy/policy_texts.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::policy::testing::MustLoad;
using ::sealtrain::policy::testing::PolicyText;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kTrain[] = R"(rule { id: "train"
  permit {
    obligation { transform { on_class: FREE_TEXT kind: BUCKET step: 1 } }
    obligation { dp { epsilon_max: 3 delta_max: 1e-6 unit: RECORD ledger_epsilon: 8 } } }
  scope { principal: "ann" action: TRAIN dataset: "mails/*" purpose: "safety"
          data_class: FREE_TEXT }
  when { rows_at_least: 1000 } }
)";
constexpr char kForbid[] = R"(rule { id: "no" forbid {}
  scope { principal: "group:team" action: TRAIN dataset: "mails/*" purpose: "safety" }
  unless { trust_at_least: LOCKED } }
)";

// "RULE: message" of each warning.
std::vector<std::string> Findings(const std::string& rules,
                                  std::optional<std::uint64_t> subjects = std::nullopt) {
  std::vector<std::string> findings;
  for (const Finding& finding : Check(PolicyText(rules), "p", nullptr, subjects)) {
    EXPECT_EQ(finding.severity, Finding::Severity::kWarning) << finding.message;
    findings.push_back(absl::StrCat(finding.rule_id, ": ", finding.message));
  }
  return findings;
}

std::string TrainWith(const std::string& from, const std::string& to) {
  EXPECT_THAT(kTrain, HasSubstr(from));
  return absl::StrReplaceAll(kTrain, {{from, to}});
}

TEST(EffectLint, SaysNothingOfRulesThatCount) {
  EXPECT_THAT(Findings(std::string(kTrain) + kForbid),
              Each(Not(AllOf(HasSubstr("train"), HasSubstr("permit")))));
  EXPECT_THAT(Findings(std::string(kTrain) + kForbid), Each(Not(HasSubstr("changes nothing"))));
}

TEST(EffectLint, FindsAPermitThatAForbidShutsForGood) {
  const std::string shut =
      absl::StrReplaceAll(kForbid, {{"unless { trust_at_least: LOCKED }", ""}});
  EXPECT_THAT(Findings(kTrain + shut),
              Contains(HasSubstr("train: the permit can never allow anything: rule \"no\"")));
}

TEST(EffectLint, FindsAPermitWithAnImpossibleCondition) {
  EXPECT_THAT(Findings(TrainWith("when { rows_at_least: 1000 }",
                                 "when { rows_at_least: 9 } unless { rows_at_least: 5 }")),
              Contains(HasSubstr("can never allow anything")));
}

// And not that the forbid denies what it cannot hold for, or the other allows.
TEST(EffectLint, SaysWhyAPermitBesideAnotherNeverAllows) {
  const std::string impossible = TrainWith("when { rows_at_least: 1000 }",
                                           "when { rows_at_least: 9 } unless { rows_at_least: 5 }");
  const std::string always = absl::StrReplaceAll(
      kTrain, {{"\"train\"", "\"always\""}, {"when { rows_at_least: 1000 }", ""}});
  EXPECT_THAT(Findings(impossible + always + kForbid),
              Contains(HasSubstr("can never allow anything: no request meets all of its conditions "
                                 "within its times")));
}

TEST(EffectLint, FindsAPermitThatNeedsMoreApproversThanThereAre) {
  EXPECT_THAT(
      Findings(R"(rule { id: "read" permit {}
      scope { principal: "ada" action: READ_AUDIT dataset: "mails" purpose: "ads" }
      when { approvals_at_least: 1 } }
    rule { id: "erase" permit {}
      scope { principal: "ann" action: ERASE dataset: "mails" purpose: "ads" } })"),
      AllOf(Contains(HasSubstr("read: the permit can never allow anything: no request meets all "
                               "of its conditions")),
            Contains(HasSubstr("erase: the permit can never allow anything: nothing that "
                               "an entry seals is destroyed under a policy set that takes "
                               "effect with fewer than 2 approvals"))));
}

TEST(EffectLint, FindsAPermitInTheShadowOfAnother) {
  const std::string again =
      absl::StrReplaceAll(kTrain, {{"\"train\"", "\"again\""}, {"\"mails/*\"", "\"mails/a\""}});
  EXPECT_THAT(Findings(kTrain + again), Contains(HasSubstr("again: the permit changes nothing")));
  // With a smaller epsilon it counts.
  EXPECT_THAT(Findings(kTrain + absl::StrReplaceAll(again, {{"epsilon_max: 3", "epsilon_max: 2"}})),
              Each(Not(HasSubstr("changes nothing"))));
}

TEST(EffectLint, FindsForbidsWithinOthers) {
  const std::string narrow = absl::StrReplaceAll(
      kForbid, {{"\"no\"", "\"narrow\""}, {"group:team", "bob"}, {"mails/*", "mails/x/*"}});
  EXPECT_THAT(Findings(kForbid + narrow),
              Contains(HasSubstr("narrow: the forbid changes nothing")));
  EXPECT_THAT(Findings(narrow + kForbid),
              Contains(HasSubstr("narrow: the forbid changes nothing")));
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"bob\"", "\"cat\""},
           {"mails/x/*", "*"},
           {"mails/x/*", "mails"},
           {"purpose: \"safety\"", "purpose: \"ads\""},
           {"action: TRAIN", "action: TRAIN action: SEAL"},
           {"unless { trust_at_least: LOCKED }", ""},
           {"unless { trust_at_least: LOCKED }", "unless { trust_at_least: SANDBOXED }"}}) {
    EXPECT_THAT(Findings(kForbid + absl::StrReplaceAll(narrow, {{from, to}})),
                Each(Not(HasSubstr("forbid changes nothing"))))
        << from << to;
  }
  const std::string twin = absl::StrReplaceAll(kForbid, {{"\"no\"", "\"twin\""}});
  EXPECT_THAT(Findings(kForbid + twin), Contains(HasSubstr("twin: the forbid changes nothing")));
  EXPECT_THAT(Findings(kForbid + twin), Each(Not(HasSubstr("no: the forbid changes nothing"))));
}

TEST(EffectLint, FindsForbidsInTheShadowOfAWeakerThreshold) {
  const auto twin = [](const std::string& id, const std::string& conditions) {
    return absl::StrReplaceAll(kForbid, {{"\"no\"", absl::StrCat("\"", id, "\"")},
                                         {"unless { trust_at_least: LOCKED }", conditions}});
  };
  for (const auto& [wide, narrow] : std::vector<std::pair<std::string, std::string>>{
           {"unless { trust_at_least: LOCKED }", "unless { trust_at_least: PLAIN }"},
           {"unless { rows_at_least: 10 }", "unless { rows_at_least: 5 }"},
           {"when { rows_at_least: 5 }", "when { rows_at_least: 10 }"},
           {"when { approvals_at_least: 1 }",
            "when { approvals_at_least: 1 } when { rows_at_least: 1 }"},
           {"unless { dataset_age_below { seconds: 5 } }",
            "unless { dataset_age_below { seconds: 9 } }"},
           {"when { dataset_age_below { seconds: 9 } }",
            "when { dataset_age_below { seconds: 5 } }"}}) {
    EXPECT_THAT(Findings(twin("narrow", narrow) + twin("wide", wide)),
                AllOf(Contains(HasSubstr("narrow: the forbid changes nothing: rule \"wide\"")),
                      Each(Not(HasSubstr("wide: the forbid changes nothing")))))
        << wide << narrow;
  }
  for (const auto& [one, other] : std::vector<std::pair<std::string, std::string>>{
           {"when { rows_at_least: 5 }", "unless { rows_at_least: 5 }"},
           {"unless { rows_at_least: 5 }", "unless { trust_at_least: LOCKED }"},
           {"when { rows_at_least: 5 }", "when { trust_at_least: LOCKED }"}}) {
    EXPECT_THAT(Findings(twin("one", one) + twin("other", other)),
                Each(Not(HasSubstr("forbid changes nothing"))))
        << one << other;
  }
}

TEST(EffectLint, FindsTransformsThatCannotBeCompared) {
  const std::string other = absl::StrReplaceAll(
      kTrain, {{"\"train\"", "\"other\""},
               {"kind: BUCKET step: 1", "kind: TRUNCATE_IP prefix_v4: 24 prefix_v6: 48"}});
  EXPECT_THAT(Findings(kTrain + other),
              Contains(AllOf(HasSubstr("train: "), HasSubstr("cannot be compared"),
                             HasSubstr("other, train"))));
}

TEST(EffectLint, FindsClassesThatAreCoveredInVain) {
  EXPECT_THAT(
      Findings(TrainWith("data_class: FREE_TEXT }", "data_class: FREE_TEXT data_class: HEALTH }")),
      Contains(HasSubstr("train: TRAIN never gets a column of HEALTH")));
}

TEST(EffectLint, MissesATestForARule) {
  const std::string test = R"(test { name: "t"
    request { principal: "ann" action: TRAIN dataset: "mails/a" purpose: "safety" trust: PLAIN
              column { name: "b" data_class: FREE_TEXT } }
    expect { allow: false } })";
  EXPECT_THAT(Findings(kTrain + std::string(kForbid) + test),
              AllOf(Contains("train: no test is decided by the rule"),
                    Each(Not(HasSubstr("no: no test")))));
}

TEST(EffectLint, SaysSoWhenThereIsTooMuchToTry) {
  std::string rules;
  for (int i = 0; i < 300; ++i) {
    absl::StrAppend(&rules, "rule { id: \"r", i, "\" permit {} scope { principal: \"p", i,
                    "\" action: READ_AUDIT dataset: \"d", i, "\" purpose: \"ads\" } }\n");
  }
  EXPECT_THAT(Findings(rules), Contains(HasSubstr("were not looked for")));
}

TEST(PolicyLint, AsksForDutiesOnTraining) {
  EXPECT_THAT(Findings(TrainWith("obligation { dp { epsilon_max: 3 delta_max: 1e-6 unit: RECORD "
                                 "ledger_epsilon: 8 } }",
                                 "")),
              Contains(HasSubstr("without differential privacy")));
  EXPECT_THAT(Findings(TrainWith("obligation { dp { epsilon_max: 3 delta_max: 1e-6 unit: RECORD "
                                 "ledger_epsilon: 8 } }",
                                 "obligation { release { epsilon_max: 3 delta_max: 1e-6 unit: "
                                 "RECORD max_bytes: 1 } }")),
              Each(Not(HasSubstr("without differential privacy"))));
  EXPECT_THAT(Findings(R"(rule { id: "r" permit {} scope { principal: "ann" action: TRAIN
                          dataset: "mails" purpose: "ads" data_class: LABEL } })"),
              Contains(HasSubstr("without any obligation")));
}

TEST(PolicyLint, LooksAtWhatLetsModelsLeave) {
  const auto rule = [](const std::string& duty, const std::string& when) {
    return absl::StrCat("rule { id: \"r\" permit { ", duty,
                        " } scope { principal: \"ann\" action: EXPORT_MODEL dataset: \"mails\" "
                        "purpose: \"ads\" data_class: LABEL } ",
                        when, " }");
  };
  const auto release = [](const std::string& epsilon, const std::string& delta) {
    return absl::StrCat("obligation { release { epsilon_max: ", epsilon, " delta_max: ", delta,
                        " unit: SUBJECT max_bytes: 9 } }");
  };
  EXPECT_THAT(Findings(rule("", "")), Contains(HasSubstr("under no `release` of its own")));
  const std::vector<std::string> sound = Findings(rule(release("3", "1e-5"), ""));
  EXPECT_THAT(sound, ::testing::Not(Contains(HasSubstr("release"))));
  EXPECT_THAT(sound, ::testing::Not(Contains(HasSubstr("epsilon"))));
  EXPECT_THAT(Findings(rule(release("11", "1e-5"), "")),
              Contains(HasSubstr("an epsilon above 10")));
  EXPECT_THAT(Findings(rule(release("3", "0.1"), "")), Contains(HasSubstr("a delta above")));
  EXPECT_THAT(Findings(rule(release("3", "1e-5"), "when { rows_at_least: 5 }")),
              Contains(HasSubstr("EXPORT_MODEL never happens by the permit")));
}

TEST(PolicyLint, ComparesDeltaWithHowManyThereAre) {
  EXPECT_THAT(Findings(kTrain), Each(Not(HasSubstr("delta"))));
  EXPECT_THAT(Findings(TrainWith("delta_max: 1e-6", "delta_max: 1.1e-3")),
              Contains(HasSubstr("a delta above 1/1000 may expose")));
  EXPECT_THAT(Findings(kTrain, 1000000), Each(Not(HasSubstr("delta"))));
  EXPECT_THAT(Findings(kTrain, 1000001), Contains(HasSubstr("a delta above 1/1000001")));
  const std::string release =
      TrainWith("dp { epsilon_max: 3 delta_max: 1e-6 unit: RECORD ledger_epsilon: 8 }",
                "release { epsilon_max: 3 delta_max: 1e-6 unit: SUBJECT max_bytes: 9 }");
  EXPECT_THAT(Findings(release, 1000000), Each(Not(HasSubstr("delta"))));
  EXPECT_THAT(Findings(release, 1000001), Contains(HasSubstr("a delta above 1/1000001")));
}

TEST(PolicyLint, KnowsWhichNamesCustodyTakes) {
  for (const char* name :
       {"Mails/*", "mails /x", "mails.x", "/mails", "mails//x", "-mails", "m\xc3\xa4ils"}) {
    EXPECT_THAT(Findings(TrainWith("\"mails/*\"", absl::StrCat("\"", name, "\""))),
                Contains(HasSubstr("no data set can have a name like")))
        << name;
  }
  EXPECT_THAT(Findings(TrainWith("\"ann\"", "\"ann smith\"")),
              Contains(HasSubstr("nobody can ask as")));
  EXPECT_THAT(Findings(kTrain), Each(Not(HasSubstr("can have a name"))));
}

TEST(PolicyLint, FindsThresholdsThatTellNothingApart) {
  const auto forbid = [](const std::string& conditions) {
    return absl::StrReplaceAll(kForbid, {{"unless { trust_at_least: LOCKED }", conditions}});
  };
  EXPECT_THAT(Findings(kForbid), Each(Not(HasSubstr("`"))));
  EXPECT_THAT(Findings(TrainWith("rows_at_least: 1000", "rows_at_least: 0")),
              Contains("train: `rows_at_least 0` is true of every data set"));
  EXPECT_THAT(Findings(forbid("unless { trust_at_least: PLAIN }")),
              Contains("no: `trust_at_least PLAIN` is true of whoever asks"));
  EXPECT_THAT(Findings(forbid("when { rows_at_least: 5 } when { rows_at_least: 9 }")),
              Contains("no: `rows_at_least 5` changes nothing beside `rows_at_least 9`"));
  EXPECT_THAT(Findings(forbid("unless { rows_at_least: 5 } unless { rows_at_least: 9 }")),
              Contains("no: `rows_at_least 9` changes nothing beside `rows_at_least 5`"));
  EXPECT_THAT(Findings(forbid("when { rows_at_least: 9 } unless { rows_at_least: 5 }")),
              Contains(HasSubstr("no: the forbid never applies where this is known")));
  EXPECT_THAT(Findings(forbid("when { rows_at_least: 5 } unless { rows_at_least: 9 }")),
              Each(Not(HasSubstr("`"))));
}

TEST(PolicyLint, WantsInspectionsToBeShort) {
  const auto findings = [](const std::string& of_rule, const std::string& of_set) {
    std::vector<std::string> found;
    const std::string text = PolicyText(absl::StrCat(
        "rule { id: \"look\" permit { obligation { lease { seconds: 1 } } } scope { principal: ",
        "\"ann\" action: INSPECT dataset: \"mails\" purpose: \"ads\" data_class: LABEL } ", of_rule,
        " }"));
    for (const Finding& finding :
         Check(absl::StrReplaceAll(
                   text, {{"not_before { seconds: 1000 } not_after { seconds: 2000 }", of_set}}),
               "p", nullptr)) {
      found.push_back(finding.message);
    }
    return found;
  };
  const std::string week = "not_before { seconds: 1000 } not_after { seconds: 605800 }";
  const std::string longer = "not_before { seconds: 1000 } not_after { seconds: 605801 }";
  EXPECT_THAT(findings("", ""), Contains(HasSubstr("more than seven days")));
  EXPECT_THAT(findings(week, ""), Each(Not(HasSubstr("more than seven days"))));
  EXPECT_THAT(findings("", week), Each(Not(HasSubstr("more than seven days"))));
  EXPECT_THAT(findings(longer, ""), Contains(HasSubstr("more than seven days")));
  EXPECT_THAT(findings("", longer), Contains(HasSubstr("more than seven days")));
  EXPECT_THAT(findings("not_before { seconds: 1000 }", "not_after { seconds: 605800 }"),
              Each(Not(HasSubstr("more than seven days"))));
}

// --- what tests hold -----------------------------------------------------------

std::vector<std::string> UnnoticedMutants(const TestReport& report) {
  std::vector<std::string> unnoticed;
  for (const MutantResult& mutant : report.mutants) {
    if (!mutant.noticed) unnoticed.push_back(absl::StrCat(mutant.part, ": ", mutant.change));
  }
  return unnoticed;
}

// Of a column that was sealed under `applied`.
std::string TestOf(const std::string& name, const std::string& facts, bool allow,
                   const std::string& expect = "", const std::string& applied = "kind: REDACT") {
  return absl::StrCat(
      "test { name: \"", name,
      "\" request { principal: \"ann\" action: TRAIN dataset: \"mails/a\" purpose: \"safety\" ",
      facts, " column { name: \"b\" data_class: FREE_TEXT applied { ", applied,
      " } } } expect { allow: ", allow ? "true" : "false", " ", expect, " } }\n");
}

constexpr char kPrivately[] =
    "obligation { dp { epsilon_max: 3 delta_max: 1e-6 unit: RECORD ledger_epsilon: 8 } }";

TEST(TestReport, IsCompleteWhenNoSmallChangeGoesUnnoticed) {
  const std::string rules = std::string(kTrain) + kForbid;
  const TestReport report =
      MustLoad(rules + TestOf("yes", "trust: LOCKED rows: 1000", true, kPrivately) +
               TestOf("few", "trust: LOCKED rows: 999", false) +
               TestOf("plain", "trust: PLAIN rows: 1000", false) +
               TestOf("fine", "trust: LOCKED rows: 1000", false, "", "kind: BUCKET step: 0.95"))
          .ReportTests();
  ASSERT_EQ(report.rules.size(), 2u);
  EXPECT_TRUE(report.rules[0].decided);
  EXPECT_TRUE(report.rules[1].decided);
  ASSERT_EQ(report.conditions.size(), 2u);
  EXPECT_EQ(report.conditions[0].text, "when rows_at_least 1000");
  EXPECT_EQ(report.conditions[1].text, "unless trust_at_least LOCKED");
  for (const ConditionCoverage& condition : report.conditions) {
    EXPECT_TRUE(condition.complete()) << condition.text;
  }
  EXPECT_THAT(UnnoticedMutants(report), IsEmpty());
  EXPECT_EQ(report.mutants.size(), 15u);
  EXPECT_TRUE(report.complete());
}

// Every obligation that there is, and what becomes of it.
TEST(TestReport, ChangesEveryNumberOfEveryObligation) {
  const auto unnoticed = [](const std::string& action, const std::string& obligations) {
    return UnnoticedMutants(
        MustLoad(absl::StrCat("rule { id: \"r\" permit { ", obligations,
                              " } scope { principal: \"ann\" action: ", action,
                              " dataset: \"mails\" purpose: \"ads\" data_class: LABEL } }"))
            .ReportTests());
  };
  EXPECT_THAT(
      unnoticed(
          "TRAIN",
          "obligation { dp { epsilon_max: 3 delta_max: 1e-6 unit: SUBJECT ledger_epsilon: 8 } "
          "} obligation { lease { seconds: 90 } } obligation { retention { seconds: 172800 } } "
          "obligation { max_opens: 5 } obligation { release { epsilon_max: 1 delta_max: 1e-5 "
          "unit: SUBJECT max_bytes: 9 } }"),
      ElementsAre("dp: taken out", "dp.epsilon_max 3: 3.3", "dp.delta_max 1e-06: 1.1e-06",
                  "dp.unit SUBJECT: RECORD", "dp.ledger_epsilon 8: 8.8", "lease: taken out",
                  "lease 1m30s: 1m31s", "retention: taken out", "retention 2 days: 48h1s",
                  "max_opens: taken out", "max_opens 5: 6", "release: taken out",
                  "release.epsilon_max 1: 1.1", "release.delta_max 1e-05: 1.1e-05",
                  "release.unit SUBJECT: RECORD", "release.max_bytes 9: 10"));
  EXPECT_THAT(
      unnoticed("SEAL",
                "obligation { k_anonymity { k: 5 max_suppressed: 0 } } obligation { text_scan { "
                "on_class: LABEL on_class: FEATURE look_for: IBAN look_for: EMAIL_ADDRESS "
                "then: REFUSE } } "
                "obligation { transform { on_class: LABEL kind: TRUNCATE_IP prefix_v4: 24 "
                "prefix_v6: 128 } } obligation { transform { on_class: LABEL kind: KEEP } } "
                "obligation { transform { on_class: LABEL on_class: FEATURE kind: BUCKET step: "
                "10 } } obligation { transform { on_class: LABEL kind: PSEUDONYMIZE domain: \"d\" "
                "} }"),
      ElementsAre(
          "k_anonymity: taken out", "k_anonymity.k 5: 4", "k_anonymity.max_suppressed 0: 0.01",
          "text_scan: taken out", "text_scan.then REFUSE: SUPPRESS",
          "text_scan.on_class FEATURE: taken out", "text_scan.on_class LABEL: taken out",
          "text_scan.look_for EMAIL_ADDRESS: taken out", "text_scan.look_for IBAN: taken out",
          "transform TRUNCATE_IP, IPv4 /24, IPv6 /128 on LABEL: KEEP",
          "transform TRUNCATE_IP, IPv4 /24, IPv6 /128 on LABEL: TRUNCATE_IP, IPv4 /25, "
          "IPv6 /128",
          "transform BUCKET, step 10 on LABEL FEATURE: KEEP",
          "transform BUCKET, step 10 on LABEL FEATURE: without FEATURE",
          "transform BUCKET, step 10 on LABEL FEATURE: without LABEL",
          "transform BUCKET, step 10 on LABEL FEATURE: BUCKET, step 9",
          "transform PSEUDONYMIZE, domain \"d\" on LABEL: KEEP",
          "transform PSEUDONYMIZE, domain \"d\" on LABEL: PSEUDONYMIZE, domain \"d-2\""));
}

TEST(TestReport, TakesEveryEntryOutOfTheScopeOfAForbid) {
  const std::string rules = R"(rule { id: "no" forbid {}
    scope { principal: "ann" principal: "bob" action: TRAIN action: EVALUATE
            dataset: "mails" dataset: "notes" purpose: "ads" purpose: "safety"
            data_class: LABEL data_class: HEALTH } }
  )";
  EXPECT_THAT(UnnoticedMutants(MustLoad(rules).ReportTests()),
              ElementsAre("forbid: taken out", "scope.principal ann: taken out",
                          "scope.principal bob: taken out", "scope.action TRAIN: taken out",
                          "scope.action EVALUATE: taken out", "scope.dataset mails: taken out",
                          "scope.dataset notes: taken out", "scope.purpose ads: taken out",
                          "scope.purpose safety: taken out", "scope.data_class HEALTH: taken out",
                          "scope.data_class LABEL: taken out"));
  const auto denied = [](const std::string& who, const std::string& action,
                         const std::string& dataset, const std::string& purpose,
                         const std::string& data_class) {
    return absl::StrCat("test { name: \"", who, action, "\" request { principal: \"", who,
                        "\" action: ", action, " dataset: \"", dataset, "\" purpose: \"", purpose,
                        "\" column { name: \"c\" data_class: ", data_class,
                        " } } expect { allow: false determining_rule: \"no\" } }\n");
  };
  EXPECT_TRUE(MustLoad(rules + denied("ann", "TRAIN", "mails", "ads", "HEALTH") +
                       denied("bob", "EVALUATE", "notes", "safety", "LABEL"))
                  .ReportTests()
                  .complete());
  // What stands alone in a list is the rule itself.
  EXPECT_THAT(UnnoticedMutants(MustLoad(R"(rule { id: "no" forbid {}
    scope { principal: "ann" action: TRAIN action: TRAIN dataset: "mails" purpose: "ads"
            data_class: LABEL } })")
                                   .ReportTests()),
              ElementsAre("forbid: taken out"));
}

TEST(TestReport, MovesEveryThresholdOfACondition) {
  const TestReport report = MustLoad(R"(rule { id: "r" forbid {}
                  scope { principal: "ann" action: TRAIN dataset: "mails" purpose: "ads" }
                  when { rows_at_least: 0 } when { approvals_at_least: 1 }
                  unless { dataset_age_below { seconds: 60 } } unless { trust_at_least: PLAIN } })")
                                .ReportTests();
  std::vector<std::string> moved;
  for (const MutantResult& mutant : report.mutants) {
    const bool is_moved = mutant.change != "taken out" && mutant.change != "turned round";
    if (is_moved) moved.push_back(mutant.change);
  }
  ASSERT_EQ(report.mutants.back().part, "forbid");
  EXPECT_THAT(moved,
              ElementsAre("rows_at_least 1", "approvals_at_least 2", "dataset_age_below 1m1s",
                          "dataset_age_below 59s", "trust_at_least LOCKED"));
}

TEST(TestReport, SaysHowManyChangesItDidNotTry) {
  std::string rules;
  for (int i = 0; i < 300; ++i) {
    absl::StrAppend(
        &rules, "rule { id: \"r", i, "\" permit { obligation { lease { seconds: 9 } } ",
        "obligation { max_opens: 9 } obligation { retention { seconds: 9 } } } scope { ",
        "principal: \"any\" action: TRAIN dataset: \"*\" purpose: \"safety\" ",
        "data_class: FREE_TEXT } }\n");
  }
  for (int i = 0; i < 60; ++i) absl::StrAppend(&rules, TestOf(absl::StrCat(i), "", false));
  const TestReport report = MustLoad(rules).ReportTests();
  EXPECT_GT(report.untried_mutants, 0u);
  EXPECT_GT(report.mutants.size(), 0u);
  EXPECT_FALSE(report.complete());
}

// A list of thousands is not copied thousands of times.
TEST(TestReport, SaysHowManyEntriesItDidNotTakeOut) {
  std::string rule = "rule { id: \"no\" forbid {} scope { principal: \"ann\" action: TRAIN ";
  for (int i = 0; i < 20000; ++i) absl::StrAppend(&rule, "dataset: \"mails/data-set-", i, "\" ");
  absl::StrAppend(&rule, "dataset: \"mails/a\" purpose: \"safety\" } }\n");
  const TestReport report =
      MustLoad(rule + TestOf("no", "", false, "determining_rule: \"no\"")).ReportTests();
  EXPECT_GT(report.untried_mutants, 10000u);
  EXPECT_GT(report.mutants.size(), 10u);
  EXPECT_TRUE(report.mutants[0].noticed);
}

TEST(TestReport, TellsWhichConditionNoTestHolds) {
  const std::string rules = std::string(kTrain) + kForbid;
  const TestReport report =
      MustLoad(rules + TestOf("yes", "trust: LOCKED rows: 1000", true)).ReportTests();
  EXPECT_FALSE(report.rules[1].decided);
  const ConditionCoverage& rows = report.conditions[0];
  EXPECT_TRUE(rows.held);
  EXPECT_FALSE(rows.failed);
  EXPECT_THAT(UnnoticedMutants(report), Contains("when rows_at_least 1000: taken out"));
  EXPECT_THAT(UnnoticedMutants(report), Not(Contains("when rows_at_least 1000: turned round")));
  EXPECT_FALSE(report.complete());
}

TEST(TestReport, SaysNothingOfRulesWhileATestFails) {
  const TestReport report = MustLoad(kTrain + TestOf("no", "rows: 1000", false)).ReportTests();
  EXPECT_FALSE(report.tests[0].passed);
  EXPECT_THAT(report.rules, IsEmpty());
  EXPECT_THAT(report.conditions, IsEmpty());
}

}  // namespace
}  // namespace sealtrain::policy
