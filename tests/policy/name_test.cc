// Names that look alike are not the same name: bytes are what counts.
#include <string>
#include <vector>
#include "sealtrain/policy/asked_names.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/base/env.h"
#include "sealtrain/policy/known_names.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/schema.h"
#include "sealtrain/tests/policy/policy_texts.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::policy::testing::MakeColumn;
using ::sealtrain::policy::testing::MustLoad;
using ::sealtrain::policy::testing::TrainRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Permits exactly one principal, data set and purpose.
LoadedPolicy Shop(const std::string& dataset = "shop") {
  return MustLoad(absl::StrCat(R"(rule { id: "r" permit {}
    scope { principal: "ann" action: TRAIN dataset: ")",
                               dataset, R"(" purpose: "safety" data_class: LABEL } })"));
}

bool Allows(const LoadedPolicy& policy, const std::string& principal, const std::string& dataset,
            const std::string& purpose) {
  Request request = TrainRequest({MakeColumn("c", {LABEL})});
  request.principal = principal;
  request.dataset = dataset;
  request.purpose = purpose;
  return policy.Decide(request).allow;
}

// What a person or a font could take for `name`.
std::vector<std::string> LookAlikes(const std::string& name) {
  std::string upper = name;
  upper[0] = static_cast<char>(upper[0] - 'a' + 'A');
  return {"",
          upper,
          name + ".",
          name + " ",
          " " + name,
          name + "\t",
          name + "\n",
          name + std::string(1, '\0'),
          name + "\xc2\xa0",      // no-break space
          name + "\xe2\x80\x8b",  // zero-width space
          "\xef\xbb\xbf" + name,  // byte order mark
          "\xe2\x80\xae" + name,  // right-to-left override
          name + "*",
          name + "/",
          "/" + name,
          "./" + name,
          name + "/.",
          name + "-evil",
          name.substr(0, name.size() - 1),
          name + name};
}

TEST(Names, OfPrincipalsDataSetsAndPurposesAreExactBytes) {
  const LoadedPolicy policy = Shop();
  ASSERT_TRUE(Allows(policy, "ann", "shop", "safety"));
  for (const std::string& name : LookAlikes("ann")) {
    EXPECT_FALSE(Allows(policy, name, "shop", "safety")) << name;
  }
  for (const std::string& name : LookAlikes("shop")) {
    EXPECT_FALSE(Allows(policy, "ann", name, "safety")) << name;
  }
  for (const std::string& name : LookAlikes("safety")) {
    EXPECT_FALSE(Allows(policy, "ann", "shop", name)) << name;
  }
  EXPECT_FALSE(Allows(policy, "\xd0\xb0nn", "shop", "safety"));      // Cyrillic a
  EXPECT_FALSE(Allows(policy, "\xef\xbd\x81nn", "shop", "safety"));  // fullwidth a
  EXPECT_FALSE(Allows(policy, "any", "shop", "safety"));
  EXPECT_FALSE(Allows(policy, "group:team", "shop", "safety"));
}

TEST(Names, InTwoUnicodeFormsAreTwoNames) {
  const std::string composed = "caf\xc3\xa9";
  const std::string decomposed = "cafe\xcc\x81";
  EXPECT_TRUE(Allows(Shop(composed), "ann", composed, "safety"));
  EXPECT_FALSE(Allows(Shop(composed), "ann", decomposed, "safety"));
  EXPECT_TRUE(Allows(Shop(decomposed), "ann", decomposed, "safety"));
  EXPECT_FALSE(Allows(Shop(decomposed), "ann", composed, "safety"));
}

TEST(Names, UnderAPrefixGoOnBehindTheSlash) {
  const LoadedPolicy policy = Shop("shop/*");
  EXPECT_TRUE(Allows(policy, "ann", "shop/a", "safety"));
  EXPECT_TRUE(Allows(policy, "ann", "shop/a/b", "safety"));
  for (const char* name : {"shop", "shop/", "shop-evil", "shop-evil/a", "shopping/a", "a/shop/a",
                           "Shop/a", "shop /a", "shop/*", "shop\\a",
                           "shop\xe2\x81\x84"
                           "a"}) {
    EXPECT_FALSE(Allows(policy, "ann", name, "safety")) << name;
  }
}

TEST(Names, OfPurposesCoverWholeSegmentsOnly) {
  const LoadedPolicy policy = MustLoad(R"(purpose: "safety-evil" purpose: "safetynet/abuse"
    rule { id: "r" permit {}
      scope { principal: "ann" action: TRAIN dataset: "shop" purpose: "safety" data_class: LABEL } })");
  EXPECT_TRUE(Allows(policy, "ann", "shop", "safety/abuse"));
  for (const char* purpose : {"safety-evil", "safetynet/abuse", "safety/", "safety//abuse",
                              "safety/abuse/", "safety/other", "abuse"}) {
    EXPECT_FALSE(Allows(policy, "ann", "shop", purpose)) << purpose;
  }
}

// What custody takes, and what the checker says a rule may speak of.
TEST(AskedNames, ArePathsOfSmallLettersAndDigits) {
  for (const char* name : {"a", "mails/train", "a-b/c_d/0", "a/b/c/d/e/f/g/h"}) {
    EXPECT_TRUE(IsPathName(name)) << name;
  }
  for (const char* name : {"", "/", "a/", "/a", "a//b", "-a", "a/-b", "A", "a b", "a.b", "..",
                           "a\n", "a/b/c/d/e/f/g/h/i", "caf\xc3\xa9"}) {
    EXPECT_FALSE(IsPathName(name)) << name;
  }
  EXPECT_TRUE(IsPathName(std::string(128, 'a')));
  EXPECT_FALSE(IsPathName(std::string(129, 'a')));
}

TEST(AskedNames, AreWordsOfPrintableAscii) {
  for (const char* word : {"ann", "workload:Train@example.org", "~"}) {
    EXPECT_TRUE(IsWord(word)) << word;
  }
  for (const char* word : {"", " ", "a b", "a\tb", "a\x7f", "caf\xc3\xa9"}) {
    EXPECT_FALSE(IsWord(word)) << word;
  }
  EXPECT_TRUE(IsWord(std::string(255, 'a')));
  EXPECT_FALSE(IsWord(std::string(256, 'a')));
}

// "MESSAGE" of each warning about a name.
std::vector<std::string> NameWarnings(const std::string& from, const std::string& to) {
  const std::string text = absl::StrReplaceAll(testing::PolicyText(R"(rule { id: "train" permit {}
        scope { principal: "group:team" action: TRAIN dataset: "shop" purpose: "safety"
                data_class: LABEL } })"),
                                               {{from, to}});
  std::vector<std::string> warnings;
  for (const Finding& finding : Check(text, "p", nullptr)) {
    EXPECT_EQ(finding.severity, Finding::Severity::kWarning) << finding.message;
    if (absl::StrContains(finding.message, "ASCII")) warnings.push_back(finding.message);
  }
  return warnings;
}

TEST(PolicyCheck, WarnsOfNamesThatLookLikeOthers) {
  EXPECT_THAT(NameWarnings("", ""), ::testing::IsEmpty());
  const std::string a = "\xd0\xb0";  // Cyrillic
  EXPECT_THAT(NameWarnings("\"train\"", "\"tr" + a + "in\""),
              ElementsAre(HasSubstr("the rule's `id` \"tr" + a + "in\" has U+0430")));
  EXPECT_THAT(NameWarnings("team\"", "te" + a + "m\""),
              ElementsAre(HasSubstr("the group's `name` \"te" + a + "m\" has U+0430")));
  EXPECT_THAT(NameWarnings("id: \"p\"", "id: \"\xd1\x80\""),
              ElementsAre(HasSubstr("the set's `id`")));
  EXPECT_THAT(NameWarnings("author: \"eve\"", "author: \"ev\xd0\xb5\""),
              ElementsAre(HasSubstr("the set's `author`")));
  EXPECT_THAT(NameWarnings("\"safety/abuse\"", "\"safety/" + a + "buse\""),
              ElementsAre(HasSubstr("nobody can ask for \"safety/" + a + "buse\"")));
  EXPECT_THAT(NameWarnings("\"ann\"", "\"" + a + "nn\""),
              ElementsAre(HasSubstr("nobody can ask as \"" + a + "nn\"")));
  EXPECT_THAT(NameWarnings("name: \"ada\"", "name: \"" + a + "da\" principal: \"user: a\""),
              ElementsAre(HasSubstr("nobody can approve as"), HasSubstr("nobody can ask as")));
}

// --- names in questions -------------------------------------------------------

TEST(KnownNames, AreThePurposesThatAreDeclared) {
  const PolicySet set = Shop().proto();
  EXPECT_OK(CheckPurposeIsKnown(set, "safety/abuse"));
  EXPECT_THAT(CheckPurposeIsKnown(set, "safety/abuze"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no purpose \"safety/abuze\", but safety/abuse, safety, ads")));
  EXPECT_FALSE(CheckPurposeIsKnown(set, "").ok());
  EXPECT_FALSE(CheckPurposeIsKnown(set, "safety/abuse/x").ok());
}

TEST(KnownNames, AreTheDataSetsThatSomeRuleSpeaksOf) {
  const PolicySet one = Shop().proto();
  EXPECT_OK(CheckDatasetIsKnown(one, "shop"));
  EXPECT_THAT(CheckDatasetIsKnown(one, "shops"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no rule speaks of data set \"shops\", but of shop")));
  const PolicySet under = Shop("shop/*").proto();
  EXPECT_OK(CheckDatasetIsKnown(under, "shop/2026"));
  EXPECT_FALSE(CheckDatasetIsKnown(under, "shop").ok());
  EXPECT_THAT(CheckDatasetIsKnown(under, "shop/*"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("one data set")));
  EXPECT_OK(CheckDatasetIsKnown(Shop("*").proto(), "anything"));
}

TEST(KnownNames, AreAllPrincipalsThatCanAsk) {
  const PolicySet set = Shop().proto();
  EXPECT_OK(CheckPrincipalCanAsk(set, "ann"));
  EXPECT_OK(CheckPrincipalCanAsk(set, "somebody-else"));
  EXPECT_FALSE(CheckPrincipalCanAsk(set, "any").ok());
  EXPECT_FALSE(CheckPrincipalCanAsk(set, "group:teem").ok());
  EXPECT_THAT(CheckPrincipalCanAsk(set, "group:team"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("but of ann, bob")));
}

TEST(KnownNames, AreListedFromTheMostAlikeUpToALimit) {
  PolicySet set;
  for (int i = 10; i < 24; ++i) set.add_purpose(absl::StrCat("p", i));
  const absl::Status status = CheckPurposeIsKnown(set, "p2");
  EXPECT_THAT(status.message(), HasSubstr("but p20, p21, p22, p23, p10, p11"));
  EXPECT_THAT(status.message(), HasSubstr("p17 and 2 others"));
}

TEST(KnownNames, AreTheColumnsOfTheRecordEachOnce) {
  ASSERT_OK_AND_ASSIGN(
      const auto schema,
      Schema::FromProtoFile(JoinPath(SEALTRAIN_SOURCE_DIR, "examples/policies/hospital.proto"),
                            "Stay"));
  const auto check = [&schema](const std::vector<std::string>& names) {
    return CheckColumnsAreKnown(*schema, names);
  };
  EXPECT_OK(check({}));
  EXPECT_OK(check({"age", "patient"}));
  EXPECT_THAT(check({"patient", "agee"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no such column: \"agee\", but age, admitted_unix")));
  EXPECT_THAT(check({"age", "age"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("twice")));
}

TEST(KnownNames, AreNoPrincipalsThatCustodyWouldNotTake) {
  const PolicySet set = Shop().proto();
  EXPECT_OK(CheckPrincipalCanAsk(set, "workload:x"));
  for (const char* name : {"\xd0\xb0nn", "ann smith"}) {
    EXPECT_THAT(CheckPrincipalCanAsk(set, name),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nobody can ask as")))
        << name;
  }
}

}  // namespace
}  // namespace sealtrain::policy
