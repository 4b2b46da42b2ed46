// Who approves, and that nobody does for themselves.
#include "sealtrain/policy/approvers.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

namespace sealtrain::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Approval ApprovalOf(const std::string& text) {
  Approval approval;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &approval)) << text;
  return approval;
}

const Approval& Three() {
  static const Approval approval = ApprovalOf(
      "required: 2 approver { name: 'ada' public_key: 'a' principal: 'user:ada' } "
      "approver { name: 'bob' public_key: 'b' } "
      "approver { name: 'eve' public_key: 'c' principal: 'bob' }");
  return approval;
}

TEST(Approvers, DoNotCountForThemselves) {
  const auto without = [](const std::string& principal) {
    return WithoutPerson({"ada", "bob", "eve"}, Three(), principal);
  };
  EXPECT_THAT(without("user:ada"), ElementsAre("bob", "eve"));
  EXPECT_THAT(without("ada"), ElementsAre("bob", "eve"));
  // One by name, one by principal: neither can be told from who asks.
  EXPECT_THAT(without("bob"), ElementsAre("ada"));
  EXPECT_THAT(without("user:bob"), ElementsAre("ada", "bob", "eve"));
  // The absent principal of Bob is not the empty one.
  EXPECT_THAT(without(""), ElementsAre("ada", "bob", "eve"));
}

TEST(Approvers, AreCountedWhereEverySetHasThemAndNotForThemselves) {
  const Approval newest = Three();
  const auto count = [&newest](const Approval& earlier, const std::string& principal) {
    return CountApproversFor({&earlier, &newest}, principal);
  };
  EXPECT_EQ(CountApproversFor({&newest}, "ann"), 3u);
  EXPECT_EQ(CountApproversFor({&newest}, "user:ada"), 2u);
  EXPECT_EQ(CountApproversFor({&newest}, "bob"), 1u);  // two approvers may be he
  EXPECT_EQ(count(newest, "ann"), 3u);
  Approval earlier = newest;
  earlier.mutable_approver(0)->set_public_key("other");
  EXPECT_EQ(count(earlier, "ann"), 2u);
  earlier.mutable_approver()->DeleteSubrange(1, 1);
  EXPECT_EQ(count(earlier, "ann"), 1u);
  // Who asked as somebody else under an earlier set is still the same person.
  earlier = newest;
  earlier.mutable_approver(1)->set_principal("user:bob");
  EXPECT_EQ(count(earlier, "user:bob"), 2u);
}

TEST(Approvers, AreComparedAcrossSets) {
  EXPECT_THAT(DiffApproval(Three(), Three()), IsEmpty());
  EXPECT_THAT(
      DiffApproval(Three(), ApprovalOf("required: 1 "
                                       "approver { name: 'ada' public_key: 'A' principal: 'ada' } "
                                       "approver { name: 'bob' public_key: 'b' } "
                                       "approver { name: 'mal' public_key: 'c' }")),
      ElementsAre("approvals required: 2 -> 1", "ada approves with another key",
                  "ada asks as another principal: \"user:ada\" -> \"ada\"",
                  "eve approves no longer", "mal approves, too"));
}

}  // namespace
}  // namespace sealtrain::policy
