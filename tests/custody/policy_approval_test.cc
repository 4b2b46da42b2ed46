#include "sealtrain/custody/policy_approval.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::testing {
namespace {

using custody::ApprovePolicy;
using custody::VerifyApprovals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PolicyApproval : public ::testing::Test {
 protected:
  PolicyApproval() {
    Add("ada", ada_);
    Add("bob", bob_);
  }
  void Add(const std::string& name, const crypto::SigningKey& key) {
    policy::Approver& approver = *approvers_.add_approver();
    approver.set_name(name);
    approver.set_public_key(HexEncode(key.public_key()));
  }
  void ExpectRefused(const std::string& approvals, const std::string& message) {
    EXPECT_THAT(VerifyApprovals("text", approvals, approvers_),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  }

  crypto::SigningKey ada_ = *crypto::SigningKey::Generate();
  crypto::SigningKey bob_ = *crypto::SigningKey::Generate();
  policy::Approval approvers_;
};

TEST_F(PolicyApproval, CountsEveryApproverOnce) {
  const std::string ada = *ApprovePolicy("text", "ada", ada_);
  const std::string bob = *ApprovePolicy("text", "bob", bob_);
  ASSERT_OK_AND_ASSIGN(const auto names, VerifyApprovals("text", bob + ada + bob, approvers_));
  EXPECT_THAT(names, ElementsAre("bob", "ada"));
  ASSERT_OK_AND_ASSIGN(const auto none, VerifyApprovals("text", "", approvers_));
  EXPECT_THAT(none, IsEmpty());
}

TEST_F(PolicyApproval, CoversEveryByteOfThePolicy) {
  const std::string ada = *ApprovePolicy("text", "ada", ada_);
  EXPECT_THAT(VerifyApprovals("texT", ada, approvers_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 1")));
  EXPECT_THAT(VerifyApprovals("text ", ada, approvers_),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(PolicyApproval, RefusesAWholeFileForOneBadLine) {
  const std::string ada = *ApprovePolicy("text", "ada", ada_);
  const crypto::SigningKey mallory = *crypto::SigningKey::Generate();
  ExpectRefused(ada + *ApprovePolicy("text", "mallory", mallory), "line 2: mallory is no approver");
  ExpectRefused(ada + *ApprovePolicy("text", "bob", mallory),
                "line 2: not the key of approver bob");
  // Ada's own signature under Bob's name: the name is signed too.
  ExpectRefused(absl::StrCat("bob", ada.substr(3)), "not the key of approver bob");
  policy::Approval same_key;
  for (const char* name : {"ada", "bob"}) {
    policy::Approver& approver = *same_key.add_approver();
    approver.set_name(name);
    approver.set_public_key(HexEncode(ada_.public_key()));
  }
  EXPECT_THAT(VerifyApprovals("text", absl::StrCat("bob", ada.substr(3)), same_key),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("signature of bob")));
}

TEST_F(PolicyApproval, RefusesMalformedLines) {
  const std::string ada = *ApprovePolicy("text", "ada", ada_);
  ExpectRefused(ada.substr(0, ada.size() - 1), "no newline");
  ExpectRefused("\n" + ada, "line 1");
  ExpectRefused(ada + "\n", "line 2");
  ExpectRefused("ada\n", "line 1");
  ExpectRefused("ada  " + ada.substr(4), "line 1");
  ExpectRefused(ada.substr(0, ada.size() - 1) + "\r\n", "line 1");
  ExpectRefused("ada " + absl::Base64Escape(std::string(95, 'x')) + "\n", "line 1");
  ExpectRefused("ada " + absl::Base64Escape(std::string(97, 'x')) + "\n", "line 1");
  ExpectRefused(std::string("a\0a ", 4) + ada.substr(4), "line 1");
  ExpectRefused(std::string(70'000, '\n'), "64 KiB");
}

TEST_F(PolicyApproval, RefusesEveryChangedCharacter) {
  const std::string ada = *ApprovePolicy("text", "ada", ada_);
  for (std::size_t i = 0; i < ada.size(); ++i) {
    for (const char c : {'A', 'z', '=', ' ', '\n', '\0'}) {
      std::string changed = ada;
      if (changed[i] == c) continue;
      changed[i] = c;
      ASSERT_FALSE(VerifyApprovals("text", changed, approvers_).ok()) << i << " " << int{c};
    }
  }
}

TEST_F(PolicyApproval, NeedsANameWithoutSpaces) {
  for (const char* name : {"", "a da", "ada\n", "\x7f", "\xc3\xa4"}) {
    EXPECT_THAT(ApprovePolicy("text", name, ada_), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace sealtrain::testing
