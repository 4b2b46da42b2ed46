// Requests that approvers sign before they are made.
#include "google/protobuf/text_format.h"
#include "sealtrain/custody/policy_approval.h"
#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

custody::AccessRequest PlainRequest(absl::Time not_after) {
  custody::AccessRequest request;
  request.set_principal("trainer");
  request.add_action(policy::TRAIN);
  request.set_dataset("mails");
  request.set_purpose("plain");
  request.mutable_not_after()->set_seconds(absl::ToUnixSeconds(not_after));
  return request;
}

// The trainer's plain run takes two approvals.
class Access : public CustodyTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(CustodyTest::SetUp());
    ASSERT_OK(custodian_->CreateDataset("admin", "mails", schema_));
    first_ = absl::StrReplaceAll(
        WithKeys(kMailPolicy),
        {{"data_class: FREE_TEXT data_class: HEALTH data_class: LABEL\n  }\n}\nrule {\n  id: "
          "\"train-locked\"",
          "data_class: FREE_TEXT data_class: HEALTH data_class: LABEL\n  }\n"
          "  when { approvals_at_least: 2 }\n}\nrule {\n  id: \"train-locked\""}});
    ASSERT_OK(ApplyText(first_));
    ASSERT_OK(IngestOneShard());
  }

  // As custody names it.
  std::string Home() {
    custody::AccessRequest request = PlainRequest(clock_.now + absl::Hours(1));
    const std::string text = custodian_->DraftAccess(request).value_or("");
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request));
    return request.custody();
  }
  std::string RequestText(const std::string& action = "TRAIN",
                          absl::Duration lasts = absl::Hours(24)) {
    return absl::StrCat("principal: \"trainer\" action: ", action,
                        " dataset: \"mails\" purpose: \"plain\" not_after { seconds: ",
                        absl::ToUnixSeconds(clock_.now + lasts), " }\n", "custody: \"", Home(),
                        "\" policy_sha256: \"",
                        HexEncode(custodian_->PolicyHistory()->back().sha256), "\"\n");
  }
  std::string ApproveText(const std::string& text, const std::vector<std::string>& names) const {
    std::string lines;
    for (const std::string& name : names) {
      // None for what is no request.
      lines += custody::ApproveAccess(text, name, approver_keys_.at(name)).value_or("");
    }
    return lines;
  }
  absl::Status Submit(const std::string& text, const std::vector<std::string>& names) {
    return custodian_->SubmitAccess("clerk", text, "run.textproto", ApproveText(text, names));
  }
  // Writes over what was handed in, as who can write the home might.
  void PutInTheStore(const std::string& text, const std::string& approvals) {
    custodian_.reset();
    {
      ASSERT_OK_AND_ASSIGN(const custody::Database db,
                           custody::Database::Open(JoinPath(home(), "keystore.db")));
      ASSERT_OK_AND_ASSIGN(custody::Statement update,
                           db.Prepare("UPDATE approved_access SET request = ?, approvals = ?"));
      ASSERT_OK(update.Bind(AsBytes(text)).Bind(AsBytes(approvals)).Run());
    }
    Open();
  }
  std::uint64_t ApprovalsNow(const std::string& principal = "trainer") {
    return *custodian_->RequestFor(principal, policy::TRAIN, "mails", "plain", {}, "")->approvals;
  }
  absl::Status Train() {
    custody::TrainRequest run = PlainRun(absl::StrCat("m", ++runs_));
    return custodian_->RequestTrain(run).status();
  }

  std::string first_;
  int runs_ = 0;
};

TEST_F(Access, IsGrantedOnceEnoughHaveSigned) {
  EXPECT_EQ(ApprovalsNow(), 0u);
  EXPECT_THAT(Train(), StatusIs(absl::StatusCode::kPermissionDenied));
  ASSERT_OK(Submit(RequestText(), {"ada"}));
  EXPECT_EQ(ApprovalsNow(), 1u);
  EXPECT_THAT(Train(), StatusIs(absl::StatusCode::kPermissionDenied));
  ASSERT_OK(Submit(RequestText(), {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow(), 2u);
  EXPECT_OK(Train());
  Reopen();
  EXPECT_OK(Train());
}

TEST_F(Access, CountsEachApproverOnce) {
  ASSERT_OK(Submit(RequestText(), {"ada", "ada"}));
  EXPECT_EQ(ApprovalsNow(), 1u);
  // Nor do approvals of two texts add up.
  ASSERT_OK(Submit(RequestText() + "why: \"again\"\n", {"bob"}));
  EXPECT_EQ(ApprovalsNow(), 1u);
}

TEST_F(Access, IsToldWithWhoMayDoWhatUntilWhen) {
  ASSERT_OK(Submit(RequestText("EVALUATE action: TRAIN"), {"bob", "ada"}));
  const audit::Event told = LastEvent();
  EXPECT_EQ(told.type(), audit::ACCESS_APPROVED);
  EXPECT_EQ(told.actor().principal(), "clerk");
  EXPECT_EQ(told.purpose(), "plain");
  EXPECT_EQ(told.approval().principal(), "trainer");
  EXPECT_THAT(told.approval().action(), ElementsAre("EVALUATE", "TRAIN"));
  EXPECT_THAT(told.approval().approver(), ElementsAre("bob", "ada"));
  EXPECT_EQ(told.approval().not_after_ns(),
            static_cast<std::uint64_t>(absl::ToUnixNanos(
                absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.now)) + absl::Hours(24))));
}

TEST_F(Access, IsNotApprovedByWhoAsksAsAnotherPrincipal) {
  // "trainer" is what Ada asks as, says the second set.
  const std::string second = absl::StrReplaceAll(
      Next(first_, first_),
      {{"approver { name: \"ada\"", "approver { name: \"ada\" principal: \"trainer\""}});
  ASSERT_OK(ApplyText(second));
  const std::string text = RequestText();
  ASSERT_OK(Submit(text, {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow(), 1u);
  EXPECT_THAT(LastEvent().approval().approver(), ElementsAre("bob"));
  ASSERT_OK(Submit(text, {"ada", "bob", "eve"}));
  EXPECT_EQ(ApprovalsNow(), 2u);
}

TEST_F(Access, IsForThisRequestOnly) {
  ASSERT_OK(Submit(RequestText("EVALUATE"), {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow(), 0u);
  ASSERT_OK(
      Submit(absl::StrReplaceAll(RequestText(), {{"\"plain\"", "\"study\""}}), {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow(), 0u);
  ASSERT_OK(
      Submit(absl::StrReplaceAll(RequestText(), {{"\"trainer\"", "\"other\""}}), {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow(), 0u);
  ASSERT_OK(Submit(RequestText("EVALUATE action: TRAIN"), {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow(), 2u);
}

TEST_F(Access, TakesTheApproversThatTheDataWereSealedUnder) {
  const std::string second = absl::StrReplaceAll(
      Next(first_, first_), {{"approver { name: \"ada\"", "approver { name: \"mal\""}});
  ASSERT_OK(ApplyText(second));
  const std::string text = RequestText();
  // Mal, who came with the second set, has Ada's key: only the name is new.
  ASSERT_OK(custodian_->SubmitAccess(
      "clerk", text, "run.textproto",
      *custody::ApproveAccess(text, "mal", approver_keys_.at("ada")) + ApproveText(text, {"bob"})));
  EXPECT_EQ(ApprovalsNow(), 1u);  // Bob's
  EXPECT_THAT(Train(), StatusIs(absl::StatusCode::kPermissionDenied));
  ASSERT_OK(Submit(text + "why: \"again\"\n", {"bob", "eve"}));
  EXPECT_EQ(ApprovalsNow(), 2u);
  EXPECT_OK(Train());
}

TEST_F(Access, CountsThoseWhoAreApproversOfEveryEarlierSet) {
  const auto with = [&](const std::string& previous, const char* version, const char* from,
                        const char* to) {
    return absl::StrReplaceAll(Next(first_, previous, version),
                               {{absl::StrCat("approver { name: \"", from, "\""),
                                 absl::StrCat("approver { name: \"", to, "\"")}});
  };
  const std::string second = with(first_, "2", "eve", "ev");
  ASSERT_OK(ApplyText(second));
  ASSERT_OK(IngestOneShard());
  const std::string third = with(second, "3", "bob", "bo");
  ASSERT_OK(ApplyText(third));
  ASSERT_OK(IngestOneShard());
  const std::string fourth = Next(first_, third, "4");
  ASSERT_OK(custodian_->ApplyPolicy(
      "admin", fourth, "mails.textproto",
      Approve(fourth, {"ada"}) + *custody::ApprovePolicy(fourth, "bo", approver_keys_.at("bob"))));
  // The second set knows Ada and Bob, the third Ada and Eve.
  ASSERT_OK(Submit(RequestText(), {"ada", "bob", "eve"}));
  EXPECT_EQ(ApprovalsNow(), 1u);
}

TEST_F(Access, IsDraftedForThisHomeAndThePolicyInForce) {
  custody::AccessRequest request;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(RequestText(), &request));
  request.clear_custody();
  request.set_policy_sha256("of another");
  request.set_why("because");
  ASSERT_OK_AND_ASSIGN(const std::string text, custodian_->DraftAccess(request));
  EXPECT_THAT(text, HasSubstr("because"));
  ASSERT_OK(Submit(text, {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow(), 2u);

  const auto refuses = [&](absl::StatusCode code, auto change) {
    custody::AccessRequest changed = request;
    change(changed);
    EXPECT_THAT(custodian_->DraftAccess(changed).status(), StatusIs(code))
        << changed.ShortDebugString();
  };
  refuses(absl::StatusCode::kNotFound, [](auto& r) { r.set_dataset("none"); });
  refuses(absl::StatusCode::kInvalidArgument, [](auto& r) { r.set_dataset("No Name"); });
  refuses(absl::StatusCode::kInvalidArgument, [](auto& r) { r.set_purpose("undeclared"); });
  refuses(absl::StatusCode::kInvalidArgument, [](auto& r) { r.clear_principal(); });
  refuses(absl::StatusCode::kInvalidArgument, [](auto& r) { r.clear_action(); });
  refuses(absl::StatusCode::kInvalidArgument,
          [&](auto& r) { r.mutable_not_after()->set_seconds(absl::ToUnixSeconds(clock_.now)); });
}

TEST_F(CustodyTest, ApprovesNothingWithoutAPolicy) {
  ASSERT_OK(custodian_->CreateDataset("admin", "mails", schema_));
  custody::AccessRequest request = PlainRequest(clock_.now + absl::Hours(1));
  request.set_custody("c");
  request.set_policy_sha256("p");
  std::string text;
  ASSERT_TRUE(google::protobuf::TextFormat::PrintToString(request, &text));
  EXPECT_THAT(custodian_->SubmitAccess("clerk", text, "run.textproto", ""),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(custodian_->DraftAccess(request), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(custodian_->RequestFor("trainer", policy::TRAIN, "mails", "plain", {}, "")->approvals,
            std::nullopt);
}

TEST_F(Access, IsForThisHomeOnly) {
  const std::string text = absl::StrReplaceAll(
      RequestText(), {{Home(), "example.org/sealtrain/audit+0123456789abcdef"}});
  EXPECT_THAT(Home(), ::testing::MatchesRegex("example.org/sealtrain/audit\\+[0-9a-f]{16}"));
  EXPECT_THAT(Submit(text, {"ada", "bob"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0123456789abcdef")));
  ASSERT_OK(Submit(RequestText(), {"ada", "bob"}));
  PutInTheStore(text, ApproveText(text, {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow(), 0u);
}

TEST_F(Access, EndsWithThePolicySetItWasWrittenUnder) {
  const std::string text = RequestText();
  ASSERT_OK(Submit(text, {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow(), 2u);
  ASSERT_OK(ApplyText(Next(first_, first_)));
  EXPECT_EQ(ApprovalsNow(), 0u);
  EXPECT_THAT(Train(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(Submit(text, {"ada", "bob"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another policy set")));
  ASSERT_OK(Submit(RequestText(), {"ada", "bob"}));
  EXPECT_OK(Train());
}

TEST_F(Access, IsTheOnlyThingThatIsApproved) {
  EXPECT_THAT(custody::ApproveAccess(first_, "ada", approver_keys_.at("ada")),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(Access, RunsOut) {
  ASSERT_OK(Submit(RequestText(), {"ada", "bob"}));
  clock_.now += absl::Hours(24) - absl::Seconds(1);
  EXPECT_OK(Train());
  clock_.now += absl::Seconds(1);
  EXPECT_EQ(ApprovalsNow(), 0u);
  EXPECT_THAT(Train(), StatusIs(absl::StatusCode::kPermissionDenied));
}

// What could not be handed in does not count for having got into the key store.
TEST_F(Access, DoesNotCountForLongerThanThirtyDays) {
  const std::string longer = RequestText("TRAIN", absl::Hours(31 * 24));
  EXPECT_THAT(Submit(longer, {"ada", "bob"}), StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK(Submit(RequestText(), {"ada", "bob"}));
  PutInTheStore(longer, ApproveText(longer, {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow(), 0u);
  EXPECT_THAT(Train(), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(Access, IsForgottenWhenItHasRunOut) {
  ASSERT_OK(Submit(RequestText(), {"ada"}));
  clock_.now += absl::Hours(25);
  ASSERT_OK(Submit(RequestText(), {"ada"}));
  custodian_.reset();
  ASSERT_OK_AND_ASSIGN(const custody::Database db,
                       custody::Database::Open(JoinPath(home(), "keystore.db")));
  EXPECT_EQ(*db.QueryInt("SELECT count(*) FROM approved_access"), 1);
}

TEST_F(Access, IsNotApprovedByWhoAsks) {
  const std::string own = absl::StrReplaceAll(RequestText(), {{"\"trainer\"", "\"ada\""}});
  ASSERT_OK(Submit(own, {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow("ada"), 1u);
  EXPECT_THAT(Submit(own + "why: \"x\"\n", {"ada"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nobody has approved")));
}

TEST_F(Access, TakesSignaturesOverThisTextByThoseWhoMay) {
  const auto expect_refused = [&](const std::string& text, const std::string& approvals) {
    EXPECT_THAT(custodian_->SubmitAccess("clerk", text, "run.textproto", approvals),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("run.textproto")));
  };
  const std::string text = RequestText();
  expect_refused(text, "");
  expect_refused(text, ApproveText(text + "\n", {"ada"}));
  expect_refused(text, *custody::ApproveAccess(text, "ada", approver_keys_.at("bob")));
  expect_refused(text, *custody::ApproveAccess(text, "mallory", approver_keys_.at("bob")));
  // An approval of a policy is none of a request that has the same bytes.
  expect_refused(text, *custody::ApprovePolicy(text, "ada", approver_keys_.at("ada")));
  EXPECT_EQ(ApprovalsNow(), 0u);
}

TEST_F(Access, TakesWellFormedRequestsOfThirtyDaysAtMost) {
  EXPECT_OK(Submit(RequestText("TRAIN", absl::Hours(30 * 24)), {"ada"}));
  for (const std::string& text :
       {RequestText("TRAIN", absl::Hours(30 * 24) + absl::Seconds(1)),
        RequestText("TRAIN", absl::ZeroDuration()), RequestText("ACTION_UNSPECIFIED"),
        absl::StrReplaceAll(RequestText(), {{"action: TRAIN", ""}}),
        absl::StrReplaceAll(RequestText(), {{"seconds:", "nanos:"}}),
        absl::StrReplaceAll(RequestText(), {{"purpose: \"plain\"", ""}}),
        absl::StrReplaceAll(RequestText(), {{"custody:", "why:"}}),
        absl::StrReplaceAll(RequestText(), {{"policy_sha256:", "why:"}}),
        absl::StrReplaceAll(RequestText(), {{"purpose: \"plain\"", "purpose: \"plane\""}}),
        RequestText() + "nonsense", std::string("")}) {
    EXPECT_THAT(Submit(text, {"ada", "bob"}), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
  EXPECT_THAT(Submit(absl::StrReplaceAll(RequestText(), {{"\"mails\"", "\"none\""}}), {"ada"}),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(Access, IsInTheLogWithTheNamesOfThoseWhoSigned) {
  const std::string text = RequestText();
  ASSERT_OK(Submit(text, {"bob", "ada"}));
  const audit::Event event = LastEvent();
  EXPECT_EQ(event.type(), audit::ACCESS_APPROVED);
  EXPECT_EQ(event.phase(), audit::SUCCEEDED);
  EXPECT_EQ(event.actor().principal(), "clerk");
  EXPECT_EQ(event.approval().principal(), "trainer");
  EXPECT_EQ(event.approvals(), 0u);
  EXPECT_THAT(event.approval().approver(), ElementsAre("bob", "ada"));
  EXPECT_EQ(event.approval().sha256(), Text(crypto::Sha256(AsBytes(text))));
  EXPECT_EQ(event.approval().not_after_ns(),
            static_cast<std::uint64_t>(absl::ToUnixNanos(clock_.now + absl::Hours(24))));
}

TEST_F(Access, IsCountedInTheLogOfWhatIsAskedFor) {
  ASSERT_OK(Submit(RequestText(), {"ada"}));
  EXPECT_THAT(Train(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(LastEvent().phase(), audit::DENIED);
  EXPECT_EQ(LastEvent().approvals(), 1u);
  const std::string again = RequestText() + "why: \"again\"\n";
  ASSERT_OK(Submit(again, {"ada", "bob"}));
  ASSERT_OK(Train());
  EXPECT_EQ(LastEvent().phase(), audit::INTENT);
  EXPECT_EQ(LastEvent().approvals(), 2u);
  EXPECT_EQ(LastEvent().approval().sha256(), Text(crypto::Sha256(AsBytes(again))));
}

// Who can write the home but has no approver's key gains nothing.
TEST_F(Access, CannotBeForgedByWritingTheKeyStore) {
  const std::string other = RequestText("EVALUATE");
  const std::string text = RequestText();
  ASSERT_OK(Submit(other, {"ada", "bob"}));
  PutInTheStore(text, ApproveText(other, {"ada", "bob"}));
  EXPECT_EQ(ApprovalsNow(), 0u);
  PutInTheStore(text, ApproveText(text, {"ada", "bob"}));  // the control
  EXPECT_EQ(ApprovalsNow(), 2u);
}

}  // namespace
}  // namespace sealtrain::testing
