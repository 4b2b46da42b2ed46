// docs/policy.md and examples/policies: the policies there load without a
// finding and their tests pass, on the schemas that stand beside them.
#include <fstream>
#include <string>
#include <vector>

#include "sealtrain/base/env.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/policy_format.h"
#include "sealtrain/policy/schema.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::policy {
namespace {

std::string Document() {
  auto text = Env::Posix().ReadFile(JoinPath(SEALTRAIN_SOURCE_DIR, "docs/policy.md"), 1 << 20);
  EXPECT_OK(text);
  return text.value_or("");
}

// The first block of the document that is fenced as `language`.
std::string Block(const std::string& document, const std::string& language) {
  const std::string fence = "\n```" + language + "\n";
  const std::size_t begin = document.find(fence);
  EXPECT_NE(begin, std::string::npos) << language;
  if (begin == std::string::npos) return "";
  const std::size_t end = document.find("\n```\n", begin + fence.size());
  return document.substr(begin + fence.size(), end + 1 - begin - fence.size());
}

TEST(PolicyDocument, HasAnExampleThatHolds) {
  const std::string document = Document();
  ::sealtrain::testing::TempDir dir;
  std::ofstream(dir.Join("stay.proto")) << Block(document, "proto");
  ASSERT_OK_AND_ASSIGN(const auto schema, Schema::FromProtoFile(dir.Join("stay.proto"), "Stay"));
  const std::string text = Block(document, "textproto");
  for (const Finding& finding : Check(text, "policy.md", nullptr)) {
    ADD_FAILURE() << finding.line << ": " << finding.message;
  }
  ASSERT_OK_AND_ASSIGN(const LoadedPolicy policy, LoadedPolicy::Load(text, "policy.md"));
  const std::vector<TestResult> results = policy.RunTests();
  EXPECT_EQ(results.size(), 5u);
  for (const TestResult& result : results)
    EXPECT_TRUE(result.passed) << result.name << ": " << result.message;

  Request seal = SealRequestFor(*schema);
  seal.principal = "workload:ward-export";
  seal.dataset = "stays/2026";
  seal.purpose = "care/readmission";
  seal.now = absl::FromUnixSeconds(policy.proto().not_before().seconds());
  const Decision decision = policy.Decide(seal);
  EXPECT_TRUE(decision.allow) << decision.reason;
}

struct Example {
  const char* name;
  const char* message;
  // What the policy means to keep from training, and nothing else, is what Check sees
  // no TRAIN permit could ever open. Of a policy that trains nothing it says nothing.
  std::vector<std::string> shut;
};

class PolicyExamples : public ::testing::TestWithParam<Example> {};

TEST_P(PolicyExamples, AreSoundOnTheirSchemasAndHeldByTheirTests) {
  const std::string folder = JoinPath(SEALTRAIN_SOURCE_DIR, "examples/policies");
  const std::string name = GetParam().name;
  ASSERT_OK_AND_ASSIGN(const auto schema, Schema::FromProtoFile(JoinPath(folder, name + ".proto"),
                                                                GetParam().message));
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       Env::Posix().ReadFile(JoinPath(folder, name + ".textproto"), 1 << 20));
  for (const Finding& finding : Check(text, name, nullptr)) {
    ADD_FAILURE() << finding.line << ": " << finding.message;
  }
  std::vector<std::string> shut;
  for (const Finding& finding : Check(text, name, schema.get())) shut.push_back(finding.message);
  std::vector<::testing::Matcher<std::string>> expected;
  for (const std::string& column : GetParam().shut) {
    expected.push_back(::testing::HasSubstr("could ever open column \"" + column + "\""));
  }
  EXPECT_THAT(shut, ::testing::ElementsAreArray(expected));

  ASSERT_OK_AND_ASSIGN(const LoadedPolicy policy, LoadedPolicy::Load(text, name));
  const TestReport report = policy.ReportTests();
  for (const TestResult& result : report.tests) {
    EXPECT_TRUE(result.passed) << result.name << ": " << result.message;
  }
  for (const RuleCoverage& rule : report.rules) EXPECT_TRUE(rule.decided) << rule.rule.id;
  for (const ConditionCoverage& condition : report.conditions) {
    EXPECT_TRUE(condition.complete()) << condition.rule.id << ": " << condition.text;
  }
  for (const MutantResult& mutant : report.mutants) {
    EXPECT_TRUE(mutant.noticed) << mutant.rule.id << ": " << mutant.part << ": " << mutant.change;
  }
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(*FormatPolicy(text, name), text);
}

INSTANTIATE_TEST_SUITE_P(
    All, PolicyExamples,
    ::testing::Values(
        Example{"ads_clicks", "Click", {"email", "client_ip", "at_unix", "query", "server"}},
        Example{"bank_fraud", "Payment", {"holder", "card", "place", "age"}},
        Example{"break_glass", "Ticket", {}},
        Example{"hospital", "Stay", {"name", "phone", "admitted_unix", "invoice"}},
        Example{"mail_abuse", "Mail", {"recipient", "client_ip", "sent_unix"}},
        Example{"telemetry", "Crash", {"client_ip", "log"}}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(PolicyDocument, NamesEveryWordOfTheLanguage) {
  const std::string document = Document();
  const auto names = [&](const google::protobuf::EnumDescriptor& words) {
    for (int i = 1; i < words.value_count(); ++i) {
      EXPECT_NE(document.find(words.value(i)->name()), std::string::npos) << words.value(i)->name();
    }
  };
  names(*Action_descriptor());
  names(*TransformKind_descriptor());
  names(*Trust_descriptor());
  names(*PrivacyUnit_descriptor());
  names(*DataClass_descriptor());
  for (const auto* message : {PolicySet::descriptor(), Scope::descriptor(), Condition::descriptor(),
                              Obligation::descriptor(), Transform::descriptor(),
                              DifferentialPrivacy::descriptor(), Expect::descriptor()}) {
    for (int i = 0; i < message->field_count(); ++i) {
      EXPECT_NE(document.find(message->field(i)->name()), std::string::npos)
          << message->field(i)->full_name();
    }
  }
}

}  // namespace
}  // namespace sealtrain::policy
