// Putting policy sets into force.
#include <fstream>

#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PolicyInForce : public CustodyTest {
 protected:
  absl::Status Apply(const std::string& text, const std::vector<std::string>& approvers) {
    return custodian_->ApplyPolicy("admin", text, "p.textproto", Approve(text, approvers));
  }
  void ExpectRefused(const absl::Status& status, const std::string& message) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
    ASSERT_OK_AND_ASSIGN(const auto history, custodian_->PolicyHistory());
    EXPECT_THAT(history, IsEmpty());
  }
  const std::string& text() {
    if (text_.empty()) text_ = WithKeys(kMailPolicy);
    return text_;
  }
  std::string text_;
};

TEST_F(PolicyInForce, TakesEffectWithEnoughApprovals) {
  EXPECT_EQ(custodian_->Explain({}).value().reason_code, "no_policy");
  ASSERT_OK(Apply(text(), {"bob", "ada"}));
  ASSERT_OK_AND_ASSIGN(const auto history, custodian_->PolicyHistory());
  ASSERT_THAT(history, SizeIs(1));
  EXPECT_EQ(history[0].version, 1u);
  EXPECT_EQ(history[0].id, "mails");
  EXPECT_EQ(history[0].applied_by, "admin");
  EXPECT_EQ(history[0].sha256, crypto::Sha256(AsBytes(text())));
  EXPECT_EQ(history[0].applied_at, clock_.now);
  EXPECT_THAT(history[0].approvers, ElementsAre("bob", "ada"));
  const audit::Event event = LastEvent();
  EXPECT_EQ(event.type(), audit::POLICY_APPLIED);
  EXPECT_EQ(event.phase(), audit::SUCCEEDED);
  EXPECT_EQ(event.policy().sha256(), Text(history[0].sha256));

  Reopen();
  EXPECT_OK(custodian_->Explain({}));
  ASSERT_OK_AND_ASSIGN(const auto again, custodian_->PolicyHistory());
  EXPECT_THAT(again, SizeIs(1));
}

TEST_F(PolicyInForce, CountsNeitherTheAuthorNorAnybodyTwice) {
  ExpectRefused(Apply(text(), {}), "0 of 2 approvals");
  ExpectRefused(Apply(text(), {"ada"}), "1 of 2 approvals");
  ExpectRefused(Apply(text(), {"ada", "ada"}), "1 of 2 approvals");
  ExpectRefused(Apply(text(), {"ada", "eve"}), "1 of 2 approvals");
}

TEST_F(PolicyInForce, RefusesApprovalsOfOtherBytes) {
  ExpectRefused(custodian_->ApplyPolicy("admin", text() + "\n", "p.textproto",
                                        Approve(text(), {"ada", "bob"})),
                "approvals line 1");
}

TEST_F(PolicyInForce, NeedsTestsThatPass) {
  std::string failing = text();
  failing = absl::StrReplaceAll(failing, {{"expect { allow: false }", "expect { allow: true }"}});
  ExpectRefused(Apply(failing, {"ada", "bob"}), "ads get nothing");
  const std::string untested = text().substr(0, text().find("test {"));
  ExpectRefused(Apply(untested, {"ada", "bob"}), "no tests");
  ExpectRefused(Apply(text() + "nonsense", {"ada", "bob"}), "p.textproto");
}

TEST_F(PolicyInForce, FollowsItsPredecessor) {
  ExpectRefused(Apply(Next(text(), text()), {"ada", "bob"}), "first policy has version 1");
  ASSERT_OK(Apply(text(), {"ada", "bob"}));
  EXPECT_THAT(Apply(text(), {"ada", "bob"}), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(Apply(Next(text(), text(), "3"), {"ada", "bob"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not follow 1")));
  EXPECT_THAT(Apply(Next(text(), "something else"), {"ada", "bob"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("previous_sha256")));
  EXPECT_THAT(Apply(text() + "# another first\n", {"ada", "bob"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  const std::string second = Next(text(), text());
  ASSERT_OK(Apply(second, {"ada", "bob"}));
  Reopen();
  EXPECT_OK(Apply(Next(text(), second, "3"), {"ada", "bob"}));
}

TEST_F(PolicyInForce, IsApprovedByTheApproversBeforeItAndNotItsOwn) {
  ASSERT_OK(Apply(text(), {"ada", "bob"}));
  // The second version would make one approval of Ada enough. It is judged by the first.
  const std::string second =
      absl::StrReplaceAll(Next(text(), text()), {{"required: 2", "required: 1"}});
  EXPECT_THAT(Apply(second, {"ada"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 of 2")));
  ASSERT_OK(Apply(second, {"ada", "bob"}));
  EXPECT_OK(Apply(Next(absl::StrReplaceAll(text(), {{"required: 2", "required: 1"}}), second, "3"),
                  {"ada"}));
}

TEST_F(PolicyInForce, IsNotApprovedByItsAuthorUnderAnotherName) {
  // Eve, the author, is the principal behind Bob, says the first set.
  const std::string first = absl::StrReplaceAll(
      text(), {{"required: 2", "required: 1"},
               {"approver { name: \"bob\"", "approver { name: \"bob\" principal: \"eve\""},
               {"approver { name: \"eve\"", "approver { name: \"eva\""}});
  EXPECT_THAT(Apply(first, {"bob"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0 of 1")));
  EXPECT_OK(Apply(first, {"ada"}));
}

TEST_F(PolicyInForce, RefusesToOpenWithAChangedPolicyFile) {
  ASSERT_OK(Apply(text(), {"ada", "bob"}));
  custodian_.reset();
  const std::string path = JoinPath(home(), "policy/1.textproto");
  const std::string good = *Env::Posix().ReadFile(path, 1 << 20);
  std::ofstream(path) << absl::StrReplaceAll(good, {{"required: 2", "required: 1"}});
  EXPECT_THAT(Custodian::Open(options(), passphrase_), StatusIs(absl::StatusCode::kDataLoss));
  std::ofstream(path) << good;
  EXPECT_OK(Custodian::Open(options(), passphrase_));
  std::filesystem::remove(path);
  EXPECT_THAT(Custodian::Open(options(), passphrase_), StatusIs(absl::StatusCode::kDataLoss));
}

// Somebody who can write the home but does not know the passphrase makes a
// policy, approvers included, and enters it as custody would.
TEST_F(PolicyInForce, CannotBePutIntoForceByWritingFiles) {
  ASSERT_OK(Apply(text(), {"ada", "bob"}));
  custodian_.reset();
  const std::string theirs = text() + "# theirs\n";
  std::ofstream(JoinPath(home(), "policy/1.textproto")) << theirs;
  std::ofstream(JoinPath(home(), "policy/1.textproto.approvals"))
      << Approve(theirs, {"ada", "bob"});
  {
    ASSERT_OK_AND_ASSIGN(const custody::Database db,
                         custody::Database::Open(JoinPath(home(), "keystore.db")));
    ASSERT_OK_AND_ASSIGN(custody::Statement update, db.Prepare("UPDATE policy SET sha256 = ?"));
    ASSERT_OK(update.Bind(ByteSpan(crypto::Sha256(AsBytes(theirs)))).Run());
  }
  EXPECT_THAT(Custodian::Open(options(), passphrase_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not of this custodian")));
}

TEST_F(PolicyInForce, CanBeReadAgainByteForByte) {
  EXPECT_THAT(custodian_->PolicyText(0), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(Apply(text(), {"ada", "bob"}));
  EXPECT_EQ(*custodian_->PolicyText(0), text());
  EXPECT_EQ(*custodian_->PolicyText(1), text());
  EXPECT_THAT(custodian_->PolicyText(2), StatusIs(absl::StatusCode::kNotFound));
  std::ofstream(JoinPath(home(), "policy/1.textproto")) << text() + "# theirs\n";
  EXPECT_THAT(custodian_->PolicyText(1), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(PolicyInForce, DoesNotTakeEffectWhenItCannotBeWritten) {
  env_.FailOn(FaultEnv::Op::kSync, 0, absl::UnavailableError("disk"));
  EXPECT_THAT(Apply(text(), {"ada", "bob"}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(custodian_->Explain({}).value().reason_code, "no_policy");
  Reopen();
  EXPECT_EQ(custodian_->Explain({}).value().reason_code, "no_policy");
  EXPECT_OK(Apply(text(), {"ada", "bob"}));
}

TEST_F(PolicyInForce, IsToldToTheLogEvenIfTheLogFailedWhenItTookEffect) {
  // Two files are made durable first; then the log's sync fails.
  env_.FailOn(FaultEnv::Op::kSync, 2, absl::UnavailableError("disk"));
  EXPECT_THAT(Apply(text(), {"ada", "bob"}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_NE(LastEvent().type(), audit::POLICY_APPLIED);
  Reopen();
  EXPECT_EQ(LastEvent().type(), audit::POLICY_APPLIED);
  EXPECT_EQ(LastEvent().policy().version(), 1u);
  EXPECT_OK(custodian_->Explain({}));
  const std::size_t events = Events().size();
  Reopen();
  EXPECT_EQ(Events().size(), events);  // told once
}

}  // namespace
}  // namespace sealtrain::testing
