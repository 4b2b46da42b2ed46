// Loading, checking and the tests that stand in a policy file.
#include "sealtrain/policy/loaded_policy.h"

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/policy/policy_texts.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::policy::testing::PolicyText;
using ::sealtrain::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

static_assert(!std::is_copy_constructible_v<LoadedPolicy>);
static_assert(std::is_nothrow_move_constructible_v<LoadedPolicy>);

constexpr char kRule[] = R"(rule { id: "r" why: "because"
  permit {
    obligation { transform { on_class: FREE_TEXT kind: KEEP } }
    obligation { dp { epsilon_max: 3 delta_max: 1e-6 unit: SUBJECT ledger_epsilon: 8 } }
    obligation { lease { seconds: 60 } }
  }
  scope { principal: "group:team" action: TRAIN dataset: "mails/*" purpose: "safety" data_class: FREE_TEXT }
  when { trust_at_least: LOCKED }
  unless { dataset_age_below { seconds: 5 } }
  not_after { seconds: 1900 }
}
)";
constexpr char kTest[] = R"(test { name: "works"
  request { principal: "ann" action: TRAIN dataset: "mails/a" purpose: "safety/abuse" trust: LOCKED
    dataset_age { seconds: 10 }
    column { name: "body" data_class: FREE_TEXT applied { kind: KEEP } } }
  expect { allow: true determining_rule: "r" column_opened: "body" epsilon_max: 3 } }
)";

std::string GoodText() { return PolicyText(std::string(kRule) + kTest); }

// The good text with `from`, which must be there, replaced.
std::string Edited(const std::string& from, const std::string& to) {
  const std::string text = GoodText();
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.substr(0, at) + to + text.substr(at + from.size());
}

absl::Status LoadStatus(const std::string& text) {
  return LoadedPolicy::Load(text, "p.textproto").status();
}

std::vector<std::string> Warnings(const std::string& text, const Schema* schema = nullptr) {
  std::vector<std::string> warnings;
  for (const Finding& finding : Check(text, "p.textproto", schema)) {
    EXPECT_EQ(finding.severity, Finding::Severity::kWarning) << finding.message;
    warnings.push_back(finding.message);
  }
  return warnings;
}

TEST(LoadedPolicy, LoadsAndHashesTheExactBytes) {
  ASSERT_OK_AND_ASSIGN(const LoadedPolicy policy, LoadedPolicy::Load(GoodText(), "p.textproto"));
  EXPECT_EQ(policy.proto().id(), "p");
  EXPECT_EQ(policy.sha256(), crypto::Sha256(AsBytes(GoodText())));
  ASSERT_OK_AND_ASSIGN(const LoadedPolicy other,
                       LoadedPolicy::Load(GoodText() + "# a comment\n", "p.textproto"));
  EXPECT_NE(policy.sha256(), other.sha256());
}

TEST(LoadedPolicy, NamesThePlaceOfASyntaxError) {
  EXPECT_THAT(LoadStatus(Edited("action: TRAIN", "action: TRIAN")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("p.textproto:8:"), HasSubstr("TRIAN"))));
  EXPECT_THAT(LoadStatus(Edited("epsilon_max: 3", "epsilon_mx: 3")),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("p.textproto:5:")));
  EXPECT_THAT(LoadStatus(Edited("permit {", "forbid {} permit {")),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(LoadStatus(""), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(LoadedPolicy, RefusesLargeAndDeepText) {
  EXPECT_THAT(LoadStatus(GoodText() + "#" + std::string(1 << 20, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 1048576 bytes")));
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "rule {";
  EXPECT_THAT(LoadStatus(deep), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(LoadedPolicy, RefusesRulesInAListBecauseTheyHaveNoLines) {
  EXPECT_THAT(LoadStatus(PolicyText("rule: [{ id: \"a\" }, { id: \"b\" }]")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("as its own `rule")));
}

// Each edit breaks exactly one thing; the error must say what, and where.
TEST(LoadedPolicy, RefusesWhatIsMissingOrOutOfRange) {
  struct Case {
    std::string from, to, says;
    int line;
  };
  const Case cases[] = {
      {"id: \"p\"", "", "`id` is required", 1},
      {"id: \"p\"", "id: \"" + std::string(257, 'p') + "\"", "1 to 256 bytes", 1},
      {"author: \"eve\"", "", "`author` is required", 1},
      {"author: \"eve\"", "author: \"group:team\"", "`author` is required", 1},
      {"version: 1", "", "`version` is required", 1},
      {"version: 1", "version: 0", "`version` is required", 1},
      {"version: 1", "version: 2", "`previous_sha256` must be", 1},
      {"version: 1", "version: 2 previous_sha256: \"AA\"", "`previous_sha256` must be", 1},
      {"version: 1", "version: 1 previous_sha256: \"aa\"", "no predecessor", 1},
      {"not_after { seconds: 2000 }", "not_after { seconds: 1000 }", "must lie behind", 1},
      {"not_after { seconds: 2000 }", "not_after { nanos: -1 }", "no valid time", 1},
      {"purpose: \"safety\" ", "purpose: \"safety/\" ", "is no purpose", 1},
      {"purpose: \"safety\" ", "purpose: \"safety/*\" ", "without '*'", 1},
      {"purpose: \"safety\" ", "purpose: \"ads\" ", "declared twice", 1},
      {"name: \"nobody\"", "name: \"team\"", "declared twice", 1},
      {"name: \"nobody\"", "", "needs a `name`", 1},
      {"name: \"nobody\"", "name: \"*\"", "needs a `name` without '*'", 1},
      {"member: \"bob\"", "member: \"group:team\"", "cannot be a member", 1},
      {"member: \"bob\"", "member: \"any\"", "cannot be a member", 1},
      {"member: \"bob\"", "member: \"Any\"", "\"Any\" cannot be a member", 1},
      {"member: \"bob\"", "member: \"GROUP:team\"", "cannot be a member", 1},
      {"member: \"bob\"", "member: \"w:*\"", "without '*'", 1},
      {"required: 1", "", "`required` is required", 1},
      {"required: 1", "required: 0", "`required` is required", 1},
      {"required: 1", "required: 2", "only 1 approvers", 1},
      {"name: \"ada\"", "name: \"eve\"", "only 0 approvers", 1},
      {"name: \"ada\"", "name: \"ada\" principal: \"eve\"", "only 0 approvers", 1},
      {"name: \"ada\"", "name: \"ada\" principal: \"any\"", "nobody asks as \"any\"", 1},
      {"name: \"ada\"", "name: \"ada\" principal: \"w:*\"", "nobody asks as \"w:*\"", 1},
      {"name: \"ada\"", "name: \"ANY\"", "nobody asks as \"ANY\"", 1},
      {"name: \"ada\"", "name: \"ada\" principal: \"\"", "nobody asks as \"\"", 1},
      {"name: \"ada\"", "name: \"a da\"", "without spaces", 1},
      {std::string(64, 'a'), std::string(64, 'A'), "64 lower-case hex digits", 1},
      {"approval {",
       "approval { approver { name: \"bea\" public_key: \"" + std::string(64, 'a') + "\" }",
       "stands for another", 1},
      {"id: \"r\" ", "", "needs an `id`", 2},
      {"id: \"r\" why: \"because\"", "id: \"r\" when {}", "empty condition", 2},
      {"scope {", "not_before {} #", "needs a `scope`", 2},
      {"principal: \"group:team\"", "", "would match nobody", 8},
      {"principal: \"group:team\"", "principal: \"group:gone\"", "is not declared", 8},
      {"principal: \"group:team\"", "principal: \"\"", "is no principal", 8},
      {"principal: \"group:team\"", "principal: \"*\"", "\"*\" is no principal", 8},
      {"principal: \"group:team\"", "principal: \"workload:*\"", "without '*'", 8},
      {"principal: \"group:team\"", "principal: \"ANY\"", "\"ANY\" is no principal", 8},
      {"principal: \"group:team\"", "principal: \"Group:team\"", "in small letters", 8},
      {"action: TRAIN", "", "`action` is empty", 8},
      {"action: TRAIN", "action: ACTION_UNSPECIFIED", "ACTION_UNSPECIFIED is no action", 8},
      {"dataset: \"mails/*\"", "", "`dataset` is empty", 8},
      {"dataset: \"mails/*\"", "dataset: \"ma*ls\"", "is no data set", 8},
      {"dataset: \"mails/*\"", "dataset: \"/*\"", "is no data set", 8},
      {"purpose: \"safety\" data_class", "data_class", "`purpose` is empty", 8},
      {"purpose: \"safety\" data_class", "purpose: \"safe\" data_class", "is not declared", 8},
      {"data_class: FREE_TEXT }", "data_class: DATA_CLASS_UNSPECIFIED }", "is no data class", 8},
      {"kind: KEEP } }\n", "} }\n", "`kind` is not given", 4},
      {"kind: KEEP } }\n", "kind: BUCKET } }\n", "BUCKET needs `step`", 4},
      {"kind: KEEP } }\n", "kind: BUCKET step: 0 } }\n", "`step` must be positive", 4},
      {"kind: KEEP } }\n", "kind: BUCKET step: nan } }\n", "`step` must be positive", 4},
      {"kind: KEEP } }\n", "kind: DROP step: 1 } }\n", "DROP takes no `step`", 4},
      {"kind: KEEP } }\n", "kind: TRUNCATE_IP prefix_v4: 8 } }\n", "`prefix_v6`", 4},
      {"kind: KEEP } }\n", "kind: TRUNCATE_IP prefix_v4: 33 prefix_v6: 8 } }\n", "at most 32", 4},
      {"kind: KEEP } }\n", "kind: TRUNCATE_IP prefix_v4: 8 prefix_v6: 129 } }\n", "most 128", 4},
      {"kind: KEEP } }\n", "kind: PSEUDONYMIZE } }\n", "needs `domain`", 4},
      {"kind: KEEP } }\n", "kind: PSEUDONYMIZE domain: \"\" } }\n", "not a name", 4},
      {"kind: KEEP } }\n", "kind: REDACT domain: \"d\" } }\n", "takes no `domain`", 4},
      {"on_class: FREE_TEXT ", "", "at least one `on_class`", 4},
      {"epsilon_max: 3 ", "", "`epsilon_max` is required", 5},
      {"epsilon_max: 3 ", "epsilon_max: inf ", "`epsilon_max` is required", 5},
      {"delta_max: 1e-6 ", "delta_max: 1 ", "`delta_max` is required", 5},
      {"delta_max: 1e-6 ", "", "`delta_max` is required", 5},
      {"unit: SUBJECT ", "", "`unit` is required", 5},
      {"ledger_epsilon: 8 ", "", "`ledger_epsilon` is required", 5},
      {"lease { seconds: 60 }", "lease {}", "`lease` must be a positive", 6},
      {"lease { seconds: 60 }", "retention { seconds: -1 }", "`retention` must be", 6},
      {"lease { seconds: 60 }", "", "empty obligation", 6},
      {"lease { seconds: 60 }", "k_anonymity { max_suppressed: 0 }", "`k` is required", 6},
      {"lease { seconds: 60 }", "k_anonymity { k: 1 max_suppressed: 0 }", "`k` is required", 6},
      {"lease { seconds: 60 }", "k_anonymity { k: 2 }", "`max_suppressed` is required", 6},
      {"lease { seconds: 60 }", "k_anonymity { k: 2 max_suppressed: 1.5 }",
       "`max_suppressed` is required", 6},
      {"lease { seconds: 60 }", "k_anonymity { k: 2 max_suppressed: nan }",
       "`max_suppressed` is required", 6},
      {"lease { seconds: 60 }", "text_scan { look_for: IBAN then: SCRUB }",
       "at least one `on_class`", 6},
      {"lease { seconds: 60 }", "text_scan { on_class: FREE_TEXT then: SCRUB }",
       "at least one `look_for`", 6},
      {"lease { seconds: 60 }",
       "text_scan { on_class: FREE_TEXT look_for: KIND_UNSPECIFIED then: SCRUB }", "is no kind", 6},
      {"lease { seconds: 60 }", "text_scan { on_class: FREE_TEXT look_for: IBAN }",
       "`then` is required", 6},
      {"lease { seconds: 60 }", "release { delta_max: 1e-6 unit: SUBJECT max_bytes: 9 }",
       "`epsilon_max` is required", 6},
      {"lease { seconds: 60 }", "release { epsilon_max: 3 unit: SUBJECT max_bytes: 9 }",
       "`delta_max` is required", 6},
      {"lease { seconds: 60 }", "release { epsilon_max: 3 delta_max: 1e-6 max_bytes: 9 }",
       "`unit` is required", 6},
      {"lease { seconds: 60 }", "release { epsilon_max: 3 delta_max: 1e-6 unit: SUBJECT }",
       "`max_bytes` is required", 6},
      {"trust_at_least: LOCKED", "trust_at_least: TRUST_UNSPECIFIED", "is no trust", 9},
      {"dataset_age_below { seconds: 5 }", "dataset_age_below {}", "must be a positive", 10},
      {"not_after { seconds: 1900 }", "not_before { seconds: 1900 } not_after { seconds: 1900 }",
       "must lie behind", 11},
      {"name: \"works\"", "", "a test needs a `name`", 13},
      {"expect { allow: true", "expect {", "`allow` is required", 16},
      {"expect { allow: true", "expect { allow: false", "has no columns and no obligations", 16},
      {"determining_rule: \"r\"", "determining_rule: \"q\"", "there is no rule \"q\"", 16},
      {"column_opened: \"body\"", "column_opened: \"head\"", "has no column \"head\"", 16},
      {"action: TRAIN dataset: \"mails/a\"", "dataset: \"mails/a\"", "needs an `action`", 14},
      {"principal: \"ann\"", "", "one `principal`, not \"\"", 14},
      {"principal: \"ann\"", "principal: \"any\"", "one `principal`, not \"any\"", 14},
      {"principal: \"ann\"", "principal: \"a*\"", "one `principal`, not \"a*\"", 14},
      {"action: TRAIN dataset: \"mails/a\"", "action: EXPORT_MODEL dataset: \"mails/a\"",
       "`dataset_age` is never known of EXPORT_MODEL", 15},
      {"action: TRAIN dataset: \"mails/a\"", "action: EXPORT_MODEL rows: 1 dataset: \"mails/a\"",
       "`rows` is never known of EXPORT_MODEL", 14},
      {"data_class: FREE_TEXT applied", "applied", "at least one `data_class`", 15},
      {"applied { kind: KEEP }", "applied {}", "`kind` is not given", 15},
      {"dataset_age { seconds: 10 }", "dataset_age { seconds: -1 }", "may not be negative", 15},
  };
  for (const Case& c : cases) {
    const std::vector<Finding> findings = Check(Edited(c.from, c.to), "p.textproto", nullptr);
    ASSERT_FALSE(findings.empty()) << c.to;
    EXPECT_EQ(findings[0].severity, Finding::Severity::kError) << c.to;
    EXPECT_THAT(LoadStatus(Edited(c.from, c.to)), StatusIs(absl::StatusCode::kInvalidArgument))
        << c.to;
    bool found = false;
    for (const Finding& finding : findings) {
      found = found || (finding.message.find(c.says) != std::string::npos &&
                        finding.line >= c.line - 1 && finding.line <= c.line + 1);
    }
    EXPECT_TRUE(found) << "for \"" << c.to << "\" expected \"" << c.says << "\" about line "
                       << c.line << ", got line " << findings[0].line << ": "
                       << findings[0].message;
  }
}

TEST(LoadedPolicy, RefusesTwoRulesOrTestsOfOneName) {
  EXPECT_THAT(LoadStatus(PolicyText(std::string(kRule) + kRule)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("p.textproto:13:8: "), HasSubstr("is there twice"))));
  EXPECT_THAT(LoadStatus(PolicyText(std::string(kRule) + kTest + kTest)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is there twice")));
}

TEST(LoadedPolicy, RefusesOnePersonAsTwoApprovers) {
  const std::string key(64, 'b');
  const auto with = [&key](const std::string& ada, const std::string& other) {
    return LoadStatus(Edited(
        "approver { name: \"ada\"",
        absl::StrCat("approver { ", other, " public_key: \"", key, "\" } approver { ", ada)));
  };
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument,
                                HasSubstr("principal \"ada\" stands for another approver"));
  EXPECT_OK(with("name: \"ada\"", "name: \"ada2\""));
  EXPECT_THAT(with("name: \"ada\"", "name: \"ada2\" principal: \"ada\""), refused);
  EXPECT_THAT(with("name: \"ada1\" principal: \"ada\"", "name: \"ada\""), refused);
  EXPECT_THAT(with("name: \"ada1\" principal: \"ada\"", "name: \"ada2\" principal: \"ada\""),
              refused);
  EXPECT_OK(with("name: \"ada\" principal: \"user:ada\"", "name: \"ada2\" principal: \"ada\""));
}

TEST(LoadedPolicy, RefusesARuleWithoutEffect) {
  EXPECT_THAT(LoadStatus(PolicyText("rule { id: \"r\" scope { principal: \"any\" action: TRAIN "
                                    "dataset: \"*\" purpose: \"ads\" } }")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("`permit` or `forbid`")));
}

TEST(LoadedPolicy, ReportsEveryErrorInOrderOfLines) {
  std::string text = Edited("epsilon_max: 3 ", "");
  text = absl::StrReplaceAll(text, {{"id: \"p\"", ""}, {"group:team", "group:gone"}});
  const std::vector<Finding> findings = Check(text, "p.textproto", nullptr);
  ASSERT_EQ(findings.size(), 3u);
  EXPECT_EQ(findings[0].line, 1);
  EXPECT_EQ(findings[1].line, 5);
  EXPECT_EQ(findings[2].line, 8);
  EXPECT_EQ(findings[1].rule_id, "r");
}

TEST(LoadedPolicy, RunsItsTests) {
  ASSERT_OK_AND_ASSIGN(const LoadedPolicy policy, LoadedPolicy::Load(GoodText(), "p.textproto"));
  const std::vector<TestResult> results = policy.RunTests();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].passed) << results[0].message;
  EXPECT_EQ(results[0].name, "works");
  EXPECT_EQ(results[0].line, 13);
}

TEST(LoadedPolicy, SaysHowATestFails) {
  const std::pair<std::string, std::string> edits[] = {
      {"allow: true determining_rule: \"r\" column_opened: \"body\" epsilon_max: 3",
       "allow: false"},
      {"trust: LOCKED", "trust: PLAIN"},
      {"trust: LOCKED", ""},
      {"column_opened", "column_dropped"},
      {"column_opened: \"body\" epsilon_max: 3", "epsilon_max: 2"},
      {"applied { kind: KEEP } } }", "} }"},
      {"applied { kind: KEEP } } }", "applied { kind: KEEP } } now { seconds: 1900 } }"},
      {"applied { kind: KEEP } } }", "applied { kind: KEEP } } now { seconds: 999 } }"},
      {"dataset_age { seconds: 10 }", ""},
      {"dataset_age { seconds: 10 }", "dataset_age { seconds: 4 }"},
      {"principal: \"ann\"", "principal: \"eve\""},
      {"purpose: \"safety/abuse\" trust", "purpose: \"ads\" trust"},
      {"dataset: \"mails/a\"", "dataset: \"mails\""},
  };
  for (const auto& [from, to] : edits) {
    ASSERT_OK_AND_ASSIGN(const LoadedPolicy policy,
                         LoadedPolicy::Load(Edited(from, to), "p.textproto"));
    EXPECT_FALSE(policy.RunTests()[0].passed) << to;
    EXPECT_FALSE(policy.RunTests()[0].message.empty()) << to;
  }
}

// --- obligations that tests expect ----------------------------------------------

// One test of each kind of obligation; `met` is what the rule says, each of `looser` is weaker
// than it, each of `stricter` is not.
struct Expected {
  std::string action;
  std::string met;
  std::vector<std::string> looser;
  std::vector<std::string> stricter;
};

std::string ExpectingText(const std::string& action, const std::string& rule_says,
                          const std::string& test_says) {
  return PolicyText(absl::StrCat(
      "rule { id: \"r\" permit { ", rule_says,
      " obligation { transform { on_class: HEALTH kind: KEEP } } } scope { principal: \"ann\" "
      "action: ",
      action,
      " dataset: \"mails\" purpose: \"ads\" data_class: FREE_TEXT data_class: HEALTH } }\n"
      "test { name: \"t\" request { principal: \"ann\" action: ",
      action,
      " dataset: \"mails\" purpose: \"ads\" column { name: \"a\" data_class: FREE_TEXT applied { "
      "kind: BUCKET step: 10 } } column { name: \"b\" data_class: HEALTH applied { kind: KEEP } } "
      "}\n"
      " expect { allow: true ",
      test_says, " } }\n"));
}

std::string Treated(const std::string& kind) {
  return "obligation { transform { on_class: FREE_TEXT kind: " + kind + " } }";
}

TEST(Expect, IsMetByWhatIsAtLeastAsStrict) {
  const std::string bucket = Treated("BUCKET step: 10");
  const auto dp = [](const std::string& numbers) {
    return "obligation { dp { " + numbers + " } }";
  };
  const auto release = [](const std::string& numbers) {
    return "obligation { release { " + numbers + " } }";
  };
  const auto scan = [](const std::string& words) {
    return "obligation { text_scan { on_class: HEALTH " + words + " } }";
  };
  const Expected cases[] = {
      {"SEAL",
       bucket,
       {Treated("KEEP"), Treated("BUCKET step: 5")},
       {Treated("BUCKET step: 20"), Treated("DROP")}},
      {"TRAIN",
       dp("epsilon_max: 3 delta_max: 1e-6 unit: RECORD ledger_epsilon: 8"),
       {dp("epsilon_max: 4 delta_max: 1e-6 unit: RECORD ledger_epsilon: 8"),
        dp("epsilon_max: 3 delta_max: 2e-6 unit: RECORD ledger_epsilon: 8"),
        dp("epsilon_max: 3 delta_max: 1e-6 unit: RECORD ledger_epsilon: 9")},
       {dp("epsilon_max: 2 delta_max: 1e-6 unit: RECORD ledger_epsilon: 8"),
        dp("epsilon_max: 3 delta_max: 1e-7 unit: RECORD ledger_epsilon: 8"),
        dp("epsilon_max: 3 delta_max: 1e-6 unit: SUBJECT ledger_epsilon: 8"),
        dp("epsilon_max: 3 delta_max: 1e-6 unit: RECORD ledger_epsilon: 7")}},
      {"TRAIN",
       "obligation { lease { seconds: 60 } }",
       {"obligation { lease { seconds: 61 } }"},
       {"obligation { lease { seconds: 59 } }"}},
      {"SEAL",
       "obligation { retention { seconds: 60 } }",
       {"obligation { retention { seconds: 61 } }"},
       {"obligation { retention { seconds: 59 } }"}},
      {"TRAIN",
       "obligation { max_opens: 5 }",
       {"obligation { max_opens: 6 }"},
       {"obligation { max_opens: 4 }"}},
      {"SEAL",
       "obligation { k_anonymity { k: 5 max_suppressed: 0.1 } }",
       {"obligation { k_anonymity { k: 4 max_suppressed: 0.1 } }",
        "obligation { k_anonymity { k: 5 max_suppressed: 0.2 } }"},
       {"obligation { k_anonymity { k: 6 max_suppressed: 0.1 } }",
        "obligation { k_anonymity { k: 5 max_suppressed: 0 } }"}},
      {"SEAL",
       scan("look_for: IBAN then: SUPPRESS"),
       {scan("look_for: IBAN then: SCRUB")},
       {scan("look_for: IBAN then: REFUSE"), scan("look_for: PHONE_NUMBER then: SCRUB")}},
      {"TRAIN",
       release("epsilon_max: 3 delta_max: 1e-6 unit: RECORD max_bytes: 9"),
       {release("epsilon_max: 3 delta_max: 1e-6 unit: RECORD max_bytes: 10")},
       {release("epsilon_max: 2 delta_max: 1e-6 unit: RECORD max_bytes: 9"),
        release("epsilon_max: 3 delta_max: 1e-6 unit: SUBJECT max_bytes: 9"),
        release("epsilon_max: 3 delta_max: 1e-6 unit: RECORD max_bytes: 8")}},
  };
  const auto passes = [](const std::string& text) {
    absl::StatusOr<LoadedPolicy> policy = LoadedPolicy::Load(text, "p");
    EXPECT_OK(policy);
    return policy->RunTests()[0].passed;
  };
  for (const Expected& c : cases) {
    const std::string rule = c.met == bucket ? bucket : c.met + bucket;
    EXPECT_TRUE(passes(ExpectingText(c.action, rule, c.met))) << c.met;
    for (const std::string& looser : c.looser) {
      EXPECT_TRUE(passes(ExpectingText(c.action, rule, looser))) << looser;
    }
    for (const std::string& stricter : c.stricter) {
      EXPECT_FALSE(passes(ExpectingText(c.action, rule, stricter))) << stricter;
    }
    const bool without =
        passes(ExpectingText(c.action, c.met == bucket ? Treated("KEEP") : bucket, c.met));
    EXPECT_FALSE(without) << c.met;
  }
  // Of what opens, it is not the test's own `applied` (BUCKET 10) that must be so, but what
  // the rule asks for.
  for (const char* action : {"TRAIN", "INSPECT", "EVALUATE"}) {
    EXPECT_TRUE(passes(ExpectingText(action, bucket, bucket))) << action;
    EXPECT_TRUE(passes(ExpectingText(action, bucket, Treated("BUCKET step: 9")))) << action;
    EXPECT_FALSE(passes(ExpectingText(action, bucket, Treated("REDACT")))) << action;
    EXPECT_FALSE(passes(ExpectingText(action, Treated("BUCKET step: 9"), bucket))) << action;
    EXPECT_FALSE(passes(ExpectingText(action, Treated("KEEP"), bucket))) << action;
    EXPECT_TRUE(passes(ExpectingText(action, Treated("DROP"), Treated("DROP")))) << action;
  }
}

TEST(Expect, SaysWhatIsAskedForInstead) {
  ASSERT_OK_AND_ASSIGN(
      const LoadedPolicy policy,
      LoadedPolicy::Load(
          ExpectingText("TRAIN", Treated("BUCKET step: 9"), Treated("BUCKET step: 10")), "p"));
  EXPECT_THAT(policy.RunTests()[0].message,
              HasSubstr("but column \"a\" need only be under BUCKET, step 9"));
}

// Dropped when it was sealed, which no rule asks for.
TEST(Expect, DoesNotTakeWhatTheReviewDroppedForARule) {
  const std::string text = absl::StrReplaceAll(
      Edited("applied { kind: KEEP }", "applied { kind: DROP }"),
      {{"column_opened: \"body\"",
        "column_dropped: \"body\" obligation { transform { on_class: FREE_TEXT kind: DROP } }"}});
  ASSERT_OK_AND_ASSIGN(const LoadedPolicy policy, LoadedPolicy::Load(text, "p"));
  EXPECT_THAT(policy.RunTests()[0].message, HasSubstr("need only be under KEEP"));
}

TEST(Expect, RefusesWhatCouldNeverFail) {
  EXPECT_THAT(
      LoadStatus(Edited("epsilon_max: 3 } }\n",
                        "obligation { transform { on_class: HEALTH kind: DROP } } } }\n")),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(StartsWith("p.textproto:17:"), HasSubstr("no column of class HEALTH"))));
  EXPECT_THAT(
      LoadStatus(Edited("epsilon_max: 3 } }\n", "obligation { dp { epsilon_max: 3 } } } }\n")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("`delta_max` is required")));
  EXPECT_THAT(LoadStatus(Edited("epsilon_max: 3 } }\n", "obligation {} } }\n")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("an empty obligation")));
}

TEST(Check, HasNothingToSayAboutAGoodSet) {
  // "nobody" and "ads" are unused on purpose: PolicyText declares them for all.
  EXPECT_THAT(Warnings(GoodText()),
              ::testing::UnorderedElementsAre("no rule speaks of purpose \"ads\"",
                                              "no rule speaks of group \"nobody\""));
}

TEST(Check, WarnsOfWhatIsDoubtful) {
  struct Case {
    std::string from, to, says;
  };
  const Case cases[] = {
      {kTest, "", "has no tests"},
      {"group:team", "any", "for anybody"},
      {"group:team", "any", "no rule speaks of group \"team\""},
      {"group:team", "group:nobody", "its groups have no members"},
      {"not_after { seconds: 1900 }", "not_before { seconds: 2000 }", "outside the set's"},
      {"epsilon_max: 3 ", "epsilon_max: 10.5 ", "epsilon above 10"},
      {"epsilon_max: 3 ", "epsilon_max: 8.5 ", "more than the ledger holds"},
      {"delta_max: 1e-6", "delta_max: 0.01", "delta above 0.001"},
      {" data_class: FREE_TEXT }", " }", "covers no data class"},
      {" data_class: FREE_TEXT }", " data_class: LABEL }", "does not cover FREE_TEXT"},
      {"action: TRAIN", "action: TRAIN action: SEAL", "SEAL cannot carry out `dp`"},
      {"group:team", "team",
       "\"team\" is one principal, not the group of that name, which is \"group:team\""},
      {"member: \"bob\"", "member: \"nobody\"", "\"nobody\" is one principal, not the group"},
      {"name: \"ada\"", "name: \"ada\" principal: \"team\"", "\"team\" is one principal"},
      {"principal: \"ann\"", "principal: \"team\"", "\"team\" is one principal"},
  };
  for (const Case& c : cases) {
    bool found = false;
    for (const std::string& warning : Warnings(Edited(c.from, c.to))) {
      found = found || warning.find(c.says) != std::string::npos;
    }
    EXPECT_TRUE(found) << c.says;
  }
  std::string endless = Edited("not_after { seconds: 1900 }", "");
  endless = absl::StrReplaceAll(endless, {{"not_after { seconds: 2000 }", ""}});
  EXPECT_THAT(Warnings(endless), ::testing::Contains(HasSubstr("never ends")));
  EXPECT_THAT(Warnings(Edited("not_after { seconds: 1900 }", "")),
              ::testing::Not(::testing::Contains(HasSubstr("never ends"))));
}

class CheckWithSchema : public ::testing::Test {
 protected:
  std::shared_ptr<const Schema> Load() {
    google::protobuf::FileDescriptorSet set;
    google::protobuf::FieldOptions::descriptor()->file()->CopyTo(set.add_file());
    DataClass_descriptor()->file()->CopyTo(set.add_file());
    google::protobuf::FileDescriptorProto& file = *set.add_file();
    file.set_name("m.proto");
    file.set_syntax("proto3");
    file.add_dependency("sealtrain/data_class.proto");
    google::protobuf::DescriptorProto& message = *file.add_message_type();
    message.set_name("M");
    const std::pair<const char*, DataClass> fields[] = {
        {"who", SUBJECT_KEY}, {"body", FREE_TEXT}, {"ip", NETWORK_ID}};
    for (const auto& [name, data_class] : fields) {
      google::protobuf::FieldDescriptorProto& field = *message.add_field();
      field.set_name(name);
      field.set_number(message.field_size());
      field.set_type(google::protobuf::FieldDescriptorProto::TYPE_STRING);
      field.set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
      field.mutable_options()->MutableExtension(sealtrain::privacy)->add_data_class(data_class);
    }
    auto schema = Schema::FromDescriptorSet(AsBytes(set.SerializeAsString()), "M");
    EXPECT_OK(schema);
    return schema.value_or(nullptr);
  }
};

// All columns of M but "ip" are sealed, its texts under `transform`.
std::string SealRule(const std::string& transform) {
  return absl::StrCat(R"(rule { id: "s" permit {
      obligation { transform { on_class: SUBJECT_KEY kind: PSEUDONYMIZE domain: "d" } })",
                      transform.empty() ? "" : "obligation { transform { on_class: FREE_TEXT ",
                      transform, transform.empty() ? "" : " } }", R"( }
    scope { principal: "ann" action: INGEST action: SEAL dataset: "*" purpose: "ads"
      data_class: SUBJECT_KEY data_class: FREE_TEXT } }
  )");
}

TEST_F(CheckWithSchema, WarnsOfColumnsThatNobodySealsOrOpens) {
  EXPECT_THAT(
      Warnings(PolicyText(kRule + SealRule("") + kTest), Load().get()),
      ::testing::IsSupersetOf({
          "no SEAL permit could ever seal column \"ip\" of M: no permit covers all of its classes",
          "no SEAL permit could ever seal column \"body\" of M: column \"body\" is FREE_TEXT, and "
          "no matching permit says how to treat that class",
          "no TRAIN permit could ever open column \"who\" of M: no permit covers all of its "
          "classes",
      }));
  EXPECT_THAT(Warnings(PolicyText(kRule + SealRule("kind: KEEP") + kTest), Load().get()),
              ::testing::Not(::testing::Contains(HasSubstr("\"body\""))));
  EXPECT_THAT(Warnings(PolicyText(kRule + SealRule("kind: DROP") + kTest), Load().get()),
              ::testing::Contains("no TRAIN permit could ever open column \"body\" of M: it is "
                                  "dropped when it is sealed"));
  const std::string train = absl::StrReplaceAll(kRule, {{"kind: KEEP", "kind: REDACT"}});
  EXPECT_THAT(Warnings(PolicyText(train + SealRule("kind: KEEP")), Load().get()),
              ::testing::Contains("no TRAIN permit could ever open column \"body\" of M: it is "
                                  "never sealed as strictly as TRAIN asks"));
  const std::string withheld = absl::StrReplaceAll(kRule, {{"kind: KEEP", "kind: DROP"}});
  EXPECT_THAT(Warnings(PolicyText(withheld + SealRule("kind: KEEP")), Load().get()),
              ::testing::Contains("no TRAIN permit could ever open column \"body\" of M: it is "
                                  "withheld"));
}

TEST_F(CheckWithSchema, WantsRowsToBeTakenInAsWellAsSealed) {
  const std::string both = SealRule("kind: REDACT");
  const auto findings = [this](const std::string& rules) {
    return Warnings(PolicyText(kRule + rules), Load().get());
  };
  const auto edited = [](const std::string& rule, const std::string& from, const std::string& to) {
    EXPECT_THAT(rule, HasSubstr(from));
    return absl::StrReplaceAll(rule, {{from, to}});
  };
  const std::string seal = edited(both, "action: INGEST ", "");
  const std::string ingest = edited(edited(both, "action: SEAL ", ""), "id: \"s\"", "id: \"i\"");
  const auto says_nothing =
      ::testing::Not(::testing::Contains(HasSubstr("take in column \"body\"")));
  const auto is_no_job = ::testing::Contains(HasSubstr(
      "no job could ever take in and seal column \"body\" of M: nobody may INGEST and SEAL it"));
  EXPECT_THAT(findings(both), says_nothing);
  EXPECT_THAT(findings(both), ::testing::Not(is_no_job));
  EXPECT_THAT(findings(seal),
              ::testing::Contains("no INGEST permit could ever take in column \"body\" of M: no "
                                  "permit covers all of its classes"));
  EXPECT_THAT(
      findings(ingest),
      ::testing::Contains(HasSubstr("no SEAL permit could ever seal column \"body\" of M")));
  EXPECT_THAT(findings(seal + ingest), says_nothing);
  EXPECT_THAT(findings(seal + ingest), ::testing::Not(is_no_job));
  EXPECT_THAT(findings(seal + edited(ingest, "\"ann\"", "\"bob\"")), is_no_job);
  EXPECT_THAT(findings(seal + edited(ingest, "purpose: \"ads\"", "purpose: \"safety\"")),
              is_no_job);
  // A job treats a column once: INGEST may leave that to SEAL, or ask for the same.
  EXPECT_THAT(findings(seal + edited(ingest, "REDACT", "KEEP")), ::testing::Not(is_no_job));
  EXPECT_THAT(findings(seal + edited(ingest, "REDACT", "DROP")), is_no_job);
}

TEST_F(CheckWithSchema, AsksWhatTrainsOnlyWhereSomethingMay) {
  const auto trains = ::testing::Contains(HasSubstr("no TRAIN permit could ever open"));
  EXPECT_THAT(Warnings(PolicyText(kRule + SealRule("kind: DROP")), Load().get()), trains);
  EXPECT_THAT(Warnings(PolicyText(SealRule("kind: DROP")), Load().get()), ::testing::Not(trains));
  const std::string inspect = absl::StrReplaceAll(kRule, {{"TRAIN", "INSPECT"}});
  EXPECT_THAT(Warnings(PolicyText(inspect + SealRule("kind: DROP")), Load().get()),
              ::testing::Not(trains));
}

TEST_F(CheckWithSchema, WarnsOfTransformsThatNoColumnOfThatTypeCanTake) {
  EXPECT_THAT(Warnings(PolicyText(kRule + SealRule("kind: BUCKET step: 5")), Load().get()),
              ::testing::Contains("SEAL asks for BUCKET of column \"body\", which cannot be: only "
                                  "numbers have buckets"));
  EXPECT_THAT(Warnings(PolicyText(kRule + SealRule("kind: REDACT")), Load().get()),
              ::testing::Not(::testing::Contains(HasSubstr("which cannot be"))));
}

TEST_F(CheckWithSchema, WarnsOfRulesThatDoNothingForIt) {
  const auto others = [](const std::string& data_class) {
    return absl::StrCat(R"(rule { id: "other" permit { obligation { lease { seconds: 9 } } }
        scope { principal: "eve" action: TRAIN dataset: "*" purpose: "ads" data_class: )",
                        data_class, R"( } } rule { id: "no" forbid {}
        scope { principal: "any" action: TRAIN dataset: "*" purpose: "ads" data_class: )",
                        data_class, " } when { trust_at_least: LOCKED } }");
  };
  EXPECT_THAT(Warnings(PolicyText(others("LABEL")), Load().get()),
              ::testing::IsSupersetOf(
                  {"the permit allows nothing of M", "the forbid concerns no column of M"}));
  const std::vector<std::string> met = Warnings(PolicyText(others("SUBJECT_KEY")), Load().get());
  EXPECT_THAT(met, ::testing::Not(::testing::Contains(HasSubstr("allows nothing"))));
  EXPECT_THAT(met, ::testing::Not(::testing::Contains(HasSubstr("concerns no column"))));
}

TEST_F(CheckWithSchema, AsksForAllColumnsToSeal) {
  const std::shared_ptr<const Schema> schema = Load();
  const Request request = SealRequestFor(*schema);
  EXPECT_EQ(request.action, SEAL);
  ASSERT_EQ(request.columns.size(), 3u);
  EXPECT_EQ(request.columns[1].name, "body");
  EXPECT_THAT(request.columns[1].classes, ::testing::ElementsAre(FREE_TEXT));
  EXPECT_FALSE(request.columns[1].applied.has_value());
  EXPECT_EQ(request.trust, TRUST_UNSPECIFIED);
  EXPECT_EQ(request.now, absl::InfinitePast());
}

}  // namespace
}  // namespace sealtrain::policy
