#include "sealtrain/audit/checkpoint.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;

constexpr char kRoot[] = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

Checkpoint Sample() {
  return {.origin = kTestOrigin, .size = 12, .root = crypto::Sha256(AsBytes("root"))};
}

TEST(Checkpoint, RoundTrips) {
  const std::string text = FormatCheckpoint(Sample());
  ASSERT_OK_AND_ASSIGN(const Checkpoint parsed, ParseCheckpoint(text));
  EXPECT_EQ(parsed, Sample());
  ASSERT_OK_AND_ASSIGN(const std::string note, SignCheckpoint(Sample(), TestKey()));
  ASSERT_OK_AND_ASSIGN(const Checkpoint verified, VerifyCheckpoint(note, TestVerifier()));
  EXPECT_EQ(verified, Sample());
}

TEST(Checkpoint, ParsesThePublishedExample) {
  ASSERT_OK_AND_ASSIGN(
      const Checkpoint parsed,
      ParseCheckpoint(absl::StrCat("example.com/behind-the-sofa\n20852163\n", kRoot, "\n")));
  EXPECT_EQ(parsed.origin, "example.com/behind-the-sofa");
  EXPECT_EQ(parsed.size, 20852163u);
  EXPECT_EQ(parsed.root[0], 0x0A);
}

TEST(Checkpoint, RejectsOtherTexts) {
  const std::string root = absl::StrCat(kRoot, "\n");
  for (const std::string& bad :
       {std::string(), std::string("\n\n\n"), "a\n1\n" + std::string(kRoot), "a\n1\n" + root + "\n",
        "a\n1\n" + root + "extension\n", "\n1\n" + root, "a\n01\n" + root, "a\n+1\n" + root,
        "a\n-1\n" + root, "a\n\n" + root, "a\n1 \n" + root, "a\n9223372036854775808\n" + root,
        std::string("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n"),  // spare bits
        std::string("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n"),
        std::string("a\n1\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n"),
        std::string("a\n1\nAAAA\n"), std::string("a\n1\n\n"), "a b\n1\n" + root,
        "a+b\n1\n" + root}) {
    EXPECT_THAT(ParseCheckpoint(bad), StatusIs(kDataLoss)) << bad;
  }
}

TEST(Checkpoint, IsNotVerifiedForAnotherOriginUnderTheSameKey) {
  // Signed with the log's key, under the log's name, about another log.
  Checkpoint other = Sample();
  other.origin = "example.org/other";
  ASSERT_OK_AND_ASSIGN(const std::string note,
                       SignNote(FormatCheckpoint(other), kTestOrigin, TestKey()));
  EXPECT_THAT(VerifyCheckpoint(note, TestVerifier()), StatusIs(kDataLoss));
  ASSERT_OK_AND_ASSIGN(const std::string own, SignCheckpoint(other, TestKey()));
  EXPECT_THAT(VerifyCheckpoint(own, TestVerifier()), StatusIs(kDataLoss));
}

TEST(Checkpoint, CannotBeSignedForABadOrigin) {
  Checkpoint bad = Sample();
  bad.origin = "https://example.org/a b";
  EXPECT_THAT(SignCheckpoint(bad, TestKey()), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace sealtrain::audit
