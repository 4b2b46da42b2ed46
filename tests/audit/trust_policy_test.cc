#include "sealtrain/audit/trust_policy.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/cosignature.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;
using ::testing::HasSubstr;

WitnessKey PolicyWitnessKey(std::uint8_t n) {
  return {.name = absl::StrCat("w.example/", int{n}),
          .public_key = TestKey(static_cast<std::uint8_t>(100 + n)).public_key()};
}
// The lines of witnesses X1 to X3 and Y1 to Y3.
std::string SixWitnesses() {
  std::string lines;
  for (std::uint8_t n = 0; n < 6; ++n) {
    absl::StrAppend(&lines, "witness ", n < 3 ? "X" : "Y", n % 3 + 1, " ",
                    FormatVkey(PolicyWitnessKey(n)), "\n");
  }
  return lines;
}
// The example of the specification.
std::string TwoLevels() {
  return absl::StrCat("log ", FormatVkey(TestVerifier()), "\n\n", SixWitnesses(),
                      "group X-witnesses 2 X1 X2 X3\n"
                      "group Y-witnesses any Y1 Y2 Y3\n"
                      "group X-and-Y all X-witnesses Y-witnesses\n"
                      "quorum X-and-Y\n");
}

TEST(TrustPolicy, ReadsTheExampleOfTheSpecification) {
  ASSERT_OK_AND_ASSIGN(const TrustPolicy policy, TrustPolicy::Parse(TwoLevels()));
  ASSERT_EQ(policy.logs().size(), 1u);
  EXPECT_EQ(policy.logs()[0].key, TestVerifier());
  ASSERT_EQ(policy.witnesses().size(), 6u);
  EXPECT_EQ(policy.witnesses()[4].name, "Y2");
  EXPECT_EQ(policy.witnesses()[4].key, PolicyWitnessKey(4));
  EXPECT_EQ(policy.witnesses()[4].url, "");
  EXPECT_EQ(policy.quorum(), "X-and-Y");
}

TEST(TrustPolicy, CountsEverySubsetOfWitnessesAsItsGroupsSay) {
  ASSERT_OK_AND_ASSIGN(const TrustPolicy policy, TrustPolicy::Parse(TwoLevels()));
  for (int set = 0; set < 64; ++set) {
    std::vector<bool> cosigned;
    for (int n = 0; n < 6; ++n) cosigned.push_back((set >> n & 1) != 0);
    const int xs = cosigned[0] + cosigned[1] + cosigned[2];
    const bool any_y = cosigned[3] || cosigned[4] || cosigned[5];
    EXPECT_EQ(policy.IsQuorum(cosigned), xs >= 2 && any_y) << set;
  }
}

TEST(TrustPolicy, TakesEveryThreshold) {
  for (int k = 1; k <= 6; ++k) {
    ASSERT_OK_AND_ASSIGN(const TrustPolicy policy,
                         TrustPolicy::Parse(absl::StrCat(SixWitnesses(), "group g ",
                                                         k == 6 ? "all" : absl::StrCat(k),
                                                         " X1 X2 X3 Y1 Y2 Y3\nquorum g\n")));
    for (int count = 0; count <= 6; ++count) {
      std::vector<bool> cosigned(6, false);
      std::fill_n(cosigned.begin(), count, true);
      EXPECT_EQ(policy.IsQuorum(cosigned), count >= k) << k << " of " << count;
    }
  }
}

TEST(TrustPolicy, TakesAWitnessOrNoneForAQuorum) {
  ASSERT_OK_AND_ASSIGN(const TrustPolicy one,
                       TrustPolicy::Parse(absl::StrCat(SixWitnesses(), "quorum X2\n")));
  EXPECT_TRUE(one.IsQuorum({false, true, false, false, false, false}));
  EXPECT_FALSE(one.IsQuorum({true, false, true, true, true, true}));
  ASSERT_OK_AND_ASSIGN(const TrustPolicy none, TrustPolicy::Parse("quorum none\n"));
  EXPECT_TRUE(none.IsQuorum({}));
  EXPECT_EQ(none.quorum(), "none");
  EXPECT_TRUE(none.logs().empty());
}

TEST(TrustPolicy, TakesWhiteSpaceCommentsUrlsAndAnyOctets) {
  ASSERT_OK_AND_ASSIGN(
      const TrustPolicy policy,
      TrustPolicy::Parse(absl::StrCat(
          "# comment \xFF\n \t# another\n\t \n\n", "  log\t", FormatVkey(TestVerifier()),
          " https://log.example/  \n", "witness \xE2\x84\xAA ", FormatVkey(PolicyWitnessKey(0)),
          " http://[::1]:80/\n", "witness K ", FormatVkey(PolicyWitnessKey(1)), "\n",
          "witness \xFF# ", FormatVkey(PolicyWitnessKey(2)), "\n",
          "group quorum any \xE2\x84\xAA \xFF#\nquorum quorum\n", "group later all K\n")));
  EXPECT_EQ(policy.logs()[0].url, "https://log.example/");
  EXPECT_EQ(policy.witnesses()[0].url, "http://[::1]:80/");
  EXPECT_EQ(policy.witnesses()[2].name, "\xFF#");
  EXPECT_TRUE(policy.IsQuorum({true, false, false}));
  EXPECT_FALSE(policy.IsQuorum({false, true, false}));
}

TEST(TrustPolicy, SaysInWhichLineItIsNone) {
  const std::string log = absl::StrCat("log ", FormatVkey(TestVerifier()), "\n");
  const std::string w = FormatVkey(PolicyWitnessKey(0));
  const std::string other = FormatVkey(PolicyWitnessKey(1));
  // The same key under another name.
  WitnessKey renamed = PolicyWitnessKey(0);
  renamed.name = "renamed";
  WitnessKey of_the_log{.name = "witness", .public_key = TestVerifier().public_key};
  VerifierKey renamed_log = TestVerifier();
  renamed_log.name = "example.org/other";
  const struct {
    std::string text;
    const char* what;
  } kCases[] = {
      {"", "line 1: no quorum line"},
      {log, "line 2: no quorum line"},
      {"quorum none", "line 1: no newline"},
      {"\nquorum none\nquorum none\n", "line 3: a second quorum"},
      {"quorum\n", "line 1: not: quorum"},
      {"quorum none none\n", "line 1: not: quorum"},
      {"quorum a\n", "line 1: not defined before: a"},
      {"quorum none # comment\n", "line 1: not: quorum"},
      {"Quorum none\n", "line 1: neither log"},
      {"quorum none\r\n", "line 1: a control character"},
      {std::string("quorum\0none\n", 12), "line 1: a control character"},
      {"quorum none\x7F\n", "line 1: a control character"},
      {"quorum none\n\v\n", "line 2: a control character"},
      {"quorum\xC2\xA0none\n", "line 1: neither log"},
      {"log\nquorum none\n", "line 1: not: log"},
      {"log nonsense\nquorum none\n", "line 1: malformed verifier key"},
      {log + "log x y z\n", "line 2: not: log"},
      {log + log + "quorum none\n", "line 2: a public key that is in the policy already"},
      {log + "log " + FormatVkey(renamed_log) + "\nquorum none\n", "line 2: a public key"},
      {"log " + w + "\nquorum none\n", "line 1: verifier key of type 4"},
      {"witness a " + FormatVkey(TestVerifier()) + "\nquorum none\n", "verifier key of type 1"},
      {"witness a\nquorum none\n", "line 1: not: witness"},
      {"witness a " + w + " url more\nquorum none\n", "line 1: not: witness"},
      {"witness none " + w + "\nquorum none\n", "line 1: the name none is taken"},
      {"witness a " + w + "\nwitness a " + other + "\nquorum none\n", "line 2: defined already: a"},
      {"witness a " + w + "\nwitness b " + FormatVkey(renamed) + "\nquorum none\n",
       "line 2: a public key"},
      {log + "witness a " + FormatVkey(of_the_log) + "\nquorum none\n", "line 2: a public key"},
      {"witness a " + w + "\ngroup g any\nquorum g\n", "line 2: not: group"},
      {"witness a " + w + "\ngroup g 0 a\nquorum g\n", "line 2: neither all"},
      {"witness a " + w + "\ngroup g 2 a\nquorum g\n", "line 2: neither all"},
      {"witness a " + w + "\ngroup g 01 a\nquorum g\n", "line 2: neither all"},
      {"witness a " + w + "\ngroup g ALL a\nquorum g\n", "line 2: neither all"},
      {"witness a " + w + "\ngroup g -1 a\nquorum g\n", "line 2: neither all"},
      {"witness a " + w + "\ngroup g any a a\nquorum g\n", "line 2: a member of a group already"},
      {"witness a " + w + "\ngroup g any a\ngroup h any a\nquorum g\n", "line 3: a member of a"},
      {"witness a " + w + "\ngroup g any none\nquorum g\n", "line 2: not defined before: none"},
      {"witness a " + w + "\ngroup none any a\nquorum none\n", "line 2: the name none"},
      {"witness a " + w + "\ngroup a any a\nquorum a\n", "line 2: defined already"},
      {"witness a " + w + "\ngroup g any g\nquorum g\n", "line 2: not defined before: g"},
      {"group g any a\nwitness a " + w + "\nquorum g\n", "line 1: not defined before: a"},
      {"quorum a\nwitness a " + w + "\n", "line 1: not defined before: a"},
  };
  for (const auto& [text, what] : kCases) {
    EXPECT_THAT(TrustPolicy::Parse(text), StatusIs(kInvalid, HasSubstr(what))) << text;
  }
  EXPECT_THAT(TrustPolicy::Parse(std::string(kMaxTrustPolicyBytes, '\n') + "quorum none\n"),
              StatusIs(kInvalid, HasSubstr("1 MiB")));
}

class JudgeTest : public ::testing::Test {
 protected:
  const std::string text_ =
      FormatCheckpoint({.origin = kTestOrigin, .size = 5, .root = crypto::Sha256({})});
  const std::string note_ = *SignNote(text_, kTestOrigin, TestKey());
  const TrustPolicy policy_ = *TrustPolicy::Parse(TwoLevels());

  std::string By(std::uint8_t n, std::int64_t time_s = 1000) {
    return *Cosign(text_, PolicyWitnessKey(n).name, TestKey(static_cast<std::uint8_t>(100 + n)),
                   static_cast<std::uint64_t>(time_s));
  }
  absl::StatusOr<WitnessedCheckpoint> Judge(const std::string& note,
                                            const TrustPolicy::Times& times = {}) {
    return policy_.Judge(note, {TestVerifier()}, times);
  }
};

TEST_F(JudgeTest, CountsCosignaturesTowardsTheQuorum) {
  ASSERT_OK_AND_ASSIGN(const auto none, Judge(note_));
  EXPECT_FALSE(none.quorum);
  EXPECT_EQ(none.counted(), 0u);
  EXPECT_EQ(none.checkpoint.size, 5u);
  ASSERT_OK_AND_ASSIGN(const auto two, Judge(note_ + By(0) + By(2)));
  EXPECT_FALSE(two.quorum);
  ASSERT_OK_AND_ASSIGN(const auto three, Judge(note_ + By(0) + By(2) + By(5, 1234)));
  EXPECT_TRUE(three.quorum);
  EXPECT_EQ(three.counted(), 3u);
  ASSERT_EQ(three.witnesses.size(), 6u);
  EXPECT_EQ(three.witnesses[5].name, "Y3");
  EXPECT_EQ(three.witnesses[5].time_s, 1234u);
  EXPECT_EQ(three.witnesses[1].time_s, std::nullopt);
}

TEST_F(JudgeTest, CountsOneKeyOnceHoweverOftenItSigned) {
  ASSERT_OK_AND_ASSIGN(const auto judged, Judge(note_ + By(0, 1) + By(0, 2) + By(0, 3) + By(4)));
  EXPECT_FALSE(judged.quorum);
  EXPECT_EQ(judged.counted(), 2u);
}

TEST_F(JudgeTest, CountsNoCosignatureOfAnotherTime) {
  const std::string note = note_ + By(0, 100) + By(1, 200) + By(3, 300);
  const auto at = [](std::int64_t s) { return absl::FromUnixSeconds(s); };
  const auto quorum = [&](const TrustPolicy::Times& times) { return Judge(note, times)->quorum; };
  EXPECT_TRUE(quorum({.not_before = at(100), .not_after = at(300)}));
  EXPECT_FALSE(quorum({.not_before = at(101), .not_after = at(300)}));
  EXPECT_FALSE(quorum({.not_before = at(100), .not_after = at(299)}));
  // The time is told all the same.
  ASSERT_OK_AND_ASSIGN(const auto judged, Judge(note, {.not_before = at(101)}));
  EXPECT_EQ(judged.witnesses[0].time_s, 100u);
  EXPECT_FALSE(judged.witnesses[0].counted);
}

TEST_F(JudgeTest, RefusesWrongSignaturesOfKnownKeys) {
  std::string other_text = text_;
  other_text[other_text.find("\n5\n") + 1] = '6';
  const std::string of_another = *Cosign(other_text, PolicyWitnessKey(3).name, TestKey(103), 7);
  EXPECT_THAT(Judge(note_ + By(0) + By(1) + By(3) + of_another), StatusIs(kDataLoss));
  // Not by the log, whatever the witnesses say.
  const std::string unsigned_note = text_ + "\n" + By(0) + By(1) + By(3);
  EXPECT_THAT(Judge(unsigned_note), StatusIs(kDataLoss));
  EXPECT_THAT(policy_.Judge(note_ + By(0) + By(1) + By(3), {TestVerifier(8)}, {}),
              StatusIs(kDataLoss));
  EXPECT_THAT(Judge("nonsense"), StatusIs(kDataLoss));
}

}  // namespace
}  // namespace sealtrain::audit
