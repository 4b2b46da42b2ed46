#include "sealtrain/audit/opening.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;

TEST(Opening, OpensWhatTheEventCommitsTo) {
  Event event = TestEvent(0);
  EXPECT_FALSE(SealsAnything(event));
  ASSERT_OK_AND_ASSIGN(const std::string opening, SealWhy("ticket 4711", event));
  EXPECT_TRUE(SealsAnything(event));
  EXPECT_TRUE(IsOpening(opening));
  EXPECT_FALSE(absl::StrContains(event.SerializeAsString(), "4711"));
  ASSERT_OK_AND_ASSIGN(const OpenedText opened, CheckOpening(opening, event));
  EXPECT_EQ(opened.field, "why");
  EXPECT_EQ(opened.text, "ticket 4711");
}

TEST(Opening, IsSaltedAnewEachTime) {
  Event one = TestEvent(0);
  Event two = TestEvent(0);
  ASSERT_OK_AND_ASSIGN(const std::string first, SealWhy("yes", one));
  ASSERT_OK_AND_ASSIGN(const std::string second, SealWhy("yes", two));
  EXPECT_NE(one.why(), two.why());
  EXPECT_THAT(CheckOpening(first, two), StatusIs(kDataLoss));
  EXPECT_OK(CheckOpening(second, two));
}

TEST(Opening, TakesTextsOnly) {
  Event event = TestEvent(0);
  const std::string before = event.SerializeAsString();
  for (const std::string& text :
       {std::string(), std::string(kMaxSealedTextBytes + 1, 'x'), std::string("\xC3")}) {
    EXPECT_THAT(SealWhy(text, event), StatusIs(kInvalid));
  }
  EXPECT_EQ(event.SerializeAsString(), before);
  EXPECT_OK(SealWhy(std::string(kMaxSealedTextBytes, 'x'), event));
}

TEST(Opening, RefusesEveryOtherByte) {
  Event event = TestEvent(0);
  ASSERT_OK_AND_ASSIGN(const std::string opening, SealWhy("x", event));
  for (std::size_t i = 0; i < opening.size(); ++i) {
    std::string changed = opening;
    changed[i] ^= 1;
    EXPECT_THAT(CheckOpening(changed, event), StatusIs(kDataLoss)) << i;
    EXPECT_THAT(CheckOpening(opening.substr(0, i), event), StatusIs(kDataLoss)) << i;
  }
  EXPECT_THAT(CheckOpening(opening, TestEvent(0)), StatusIs(kDataLoss));
}

TEST(Opening, IsKnownByItsLabelAlone) {
  Event event = TestEvent(0);
  ASSERT_OK_AND_ASSIGN(const std::string opening, SealWhy("x", event));
  const std::string label = opening.substr(0, opening.find('\0') + 1);
  EXPECT_TRUE(IsOpening(label));
  EXPECT_THAT(CheckOpening(label, event), StatusIs(kDataLoss));
  EXPECT_FALSE(IsOpening(label.substr(0, label.size() - 1)));
  EXPECT_FALSE(IsOpening("what somebody else puts there"));
}

// Whoever writes the log can commit to anything; that is no text then.
TEST(Opening, RefusesWhatWasNeverOne) {
  Event event = TestEvent(0);
  ASSERT_OK_AND_ASSIGN(const std::string opening, SealWhy("x", event));
  std::string other_field = opening;
  other_field[opening.size() - 1 - 32 - 1] = 16;
  std::string no_text = opening;
  no_text.back() = '\xFF';
  for (const std::string& odd : {std::string("x"), other_field, no_text}) {
    event.set_why(std::string(AsText(crypto::Sha256(AsBytes(odd)))));
    EXPECT_THAT(CheckOpening(odd, event), StatusIs(kDataLoss));
  }
}

}  // namespace
}  // namespace sealtrain::audit
