// The canonical layout, and the draft of a first policy.
#include "sealtrain/policy/policy_format.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/base/env.h"
#include "sealtrain/policy/draft.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/tests/policy/policy_texts.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::testing::StatusIs;
using ::testing::HasSubstr;

std::string Format(const std::string& text) {
  absl::StatusOr<std::string> page = FormatPolicy(text, "f");
  EXPECT_OK(page);
  return page.ok() ? *page : "";
}

TEST(FormatPolicy, LaysOutBlocksListsAndComments) {
  EXPECT_EQ(Format(R"(# head

id:"p"  version : 1 # first
group: <name: 'g' member: ["a", # an a
  "b"]>; purpose:"x"
purpose: "y"
rule{id:"r"
  # why not
  permit{} scope { principal: "any" # everybody
  action: [TRAIN, SEAL] dataset:"*"}
  # the end
}
# last)"),
            R"(# head

id: "p"
version: 1  # first
group {
  name: 'g'
  member: "a"
  # an a
  member: "b"
}
purpose: "x" purpose: "y"

rule {
  id: "r"
  # why not
  permit {}
  scope {
    principal: "any"  # everybody
    action: TRAIN action: SEAL
    dataset: "*"
  }
  # the end
}
# last
)");
}

TEST(FormatPolicy, IsCanonicalAfterOnce) {
  for (const std::string& text :
       {std::string("id: \"p\""), testing::PolicyText("rule { id: \"r\" }\n\n\n# a\n\n\n# b\n"),
        std::string("\n\n\n# only a comment\n\n"), std::string("")}) {
    const std::string once = Format(text);
    EXPECT_EQ(Format(once), once);
  }
}

TEST(FormatPolicy, ChangesNoDecisionOfTheExamples) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           absl::StrCat(SEALTRAIN_SOURCE_DIR, "/examples"))) {
    const std::string path = entry.path().string();
    if (path.find("policy.textproto.in") == path.npos && path.find("policies/") == path.npos) {
      continue;
    }
    if (entry.path().extension() == ".proto") continue;
    ASSERT_OK_AND_ASSIGN(const std::string text, Env::Posix().ReadFile(path, 1 << 20));
    const std::string once = Format(text);
    EXPECT_EQ(Format(once), once) << path;
    ++files;
  }
  EXPECT_GE(files, 3);
}

TEST(FormatPolicy, NamesTheFirstSyntaxError) {
  EXPECT_THAT(FormatPolicy("id: \"p\"\nversoin: 1", "f"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("f:2:")));
}

TEST(FormatPolicy, LaysOutWhatIsWrongInMeaning) {
  EXPECT_EQ(Format("version:0 rule{}"), "version: 0\n\nrule {\n}\n");
}

TEST(AsVersion, ChangesNothingButTheSuccession) {
  const std::string text = testing::PolicyText("# kept\n");
  const std::string digest(64, '0');
  ASSERT_OK_AND_ASSIGN(const std::string third, AsVersion(text, "f", 3, Digest{}));
  EXPECT_EQ(
      absl::StrReplaceAll(
          third, {{absl::StrCat("version: 3\nprevious_sha256: \"", digest, "\""), "version: 1"}}),
      Format(text));
  Digest other{};
  other[0] = 1;
  ASSERT_OK_AND_ASSIGN(const std::string fourth, AsVersion(third, "f", 4, other));
  EXPECT_THAT(fourth, HasSubstr(absl::StrCat("\"01", digest.substr(2), "\"")));
  EXPECT_THAT(fourth, ::testing::Not(HasSubstr(digest)));
  EXPECT_THAT(AsVersion(text, "f", 0, Digest{}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(AsVersion("id: \"p\"", "f", 2, Digest{}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// --- draft -------------------------------------------------------------------

constexpr char kSchema[] = R"(syntax = "proto3";
import "sealtrain/data_class.proto";
message Mail {
  option (sealtrain.record) = { collected_for: "safety/abuse" };
  string sender = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];
  string body = 2 [(sealtrain.privacy).data_class = FREE_TEXT];
  string copy = 3 [(sealtrain.privacy) = { data_class: FREE_TEXT data_class: HEALTH }];
}
)";

std::shared_ptr<const Schema> MailSchema() {
  const std::string path = ::testing::TempDir() + "/draft_mail.proto";
  std::ofstream(path) << kSchema;
  absl::StatusOr<std::shared_ptr<const Schema>> schema = Schema::FromProtoFile(path, "Mail");
  EXPECT_OK(schema);
  return *schema;
}

DraftOptions MailOptions() {
  DraftOptions options;
  options.id = "mails";
  options.author = "user:eve";
  options.dataset = "mails/*";
  options.approvers = {{.name = "ada", .public_key = std::string(64, 'a')}};
  return options;
}

TEST(DraftPolicy, AllowsNothingListsEveryClassAndPassesItsTests) {
  const std::shared_ptr<const Schema> schema = MailSchema();
  ASSERT_OK_AND_ASSIGN(const std::string draft, DraftPolicy(*schema, MailOptions()));
  for (const Finding& finding : Check(draft, "draft", nullptr)) {
    EXPECT_NE(finding.severity, Finding::Severity::kError) << finding.message;
  }
  EXPECT_THAT(draft, HasSubstr("data_class: SUBJECT_KEY  # sender\n"));
  EXPECT_THAT(draft, HasSubstr("data_class: FREE_TEXT  # body, copy\n"));
  EXPECT_THAT(draft, HasSubstr("data_class: HEALTH  # copy\n"));
  EXPECT_EQ(Format(draft), draft);
  ASSERT_OK_AND_ASSIGN(const LoadedPolicy policy, LoadedPolicy::Load(draft, "draft"));
  const TestReport report = policy.ReportTests();
  for (const TestResult& result : report.tests) EXPECT_TRUE(result.passed) << result.message;
  EXPECT_TRUE(report.complete());
  // Its tests hold it shut: with a class less they fail.
  const std::string open = absl::StrReplaceAll(
      draft, {{"forbid { fix_hint: \"permit the class first\" }", "permit {}"}});
  ASSERT_NE(open, draft);
  ASSERT_OK_AND_ASSIGN(const LoadedPolicy opened, LoadedPolicy::Load(open, "open"));
  EXPECT_FALSE(opened.RunTests()[0].passed);
}

TEST(DraftPolicy, QuotesNames) {
  DraftOptions options = MailOptions();
  options.id = "a\"b\\c";
  ASSERT_OK_AND_ASSIGN(const std::string draft, DraftPolicy(*MailSchema(), options));
  ASSERT_OK_AND_ASSIGN(const LoadedPolicy policy, LoadedPolicy::Load(draft, "draft"));
  EXPECT_EQ(policy.proto().id(), options.id);
}

TEST(DraftPolicy, RefusesKeysAndNamesThatAreNone) {
  DraftOptions options = MailOptions();
  options.approvers[0].public_key = "12";
  EXPECT_THAT(DraftPolicy(*MailSchema(), options), StatusIs(absl::StatusCode::kInvalidArgument));
  options = MailOptions();
  options.approvers.clear();
  EXPECT_THAT(DraftPolicy(*MailSchema(), options), StatusIs(absl::StatusCode::kInvalidArgument));
  options = MailOptions();
  options.approvers[0].name = "user:eve";  // the author
  EXPECT_THAT(DraftPolicy(*MailSchema(), options), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace sealtrain::policy
