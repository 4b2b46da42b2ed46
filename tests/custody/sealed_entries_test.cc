// What entries of the audit log seal: kept from who reads the log, opened under the policy,
// destroyed with two approvals and without breaking a proof.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/audit/opening.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/tests/custody/sealed_entries_fixture.h"

namespace sealtrain::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using SealedEntries = SealedEntriesTest;

TEST_F(SealedEntries, KeepTheReasonFromWhoReadsTheHome) {
  LogAReason();
  EXPECT_EQ(LastEvent().why().size(), 32u);
  EXPECT_FALSE(HomeHas("4711"));
  EXPECT_FALSE(HomeHas("Miller"));
  // The search does find what is not sealed.
  EXPECT_TRUE(HomeHas("trainer"));
}

TEST_F(SealedEntries, SealEveryReasonWithASaltOfItsOwn) {
  ASSERT_OK(custodian_->RequestTrain(ExplainedRun("m1")));
  const std::string first = LastEvent().why();
  ASSERT_OK(custodian_->RequestTrain(ExplainedRun("m2")));
  EXPECT_NE(LastEvent().why(), first);
}

TEST_F(SealedEntries, HoldReasonsOfWhatIsDenied) {
  custody::TrainRequest run = ExplainedRun("m");
  run.principal = "stranger";
  EXPECT_THAT(custodian_->RequestTrain(run), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(LastEvent().phase(), audit::DENIED);
  ASSERT_OK_AND_ASSIGN(const custody::RevealedEntry revealed, Reveal(Last()));
  EXPECT_EQ(Check(revealed)->text, kWhy);
}

TEST_F(SealedEntries, HoldReasonsOfIngestionAndOfApprovals) {
  ASSERT_OK(custodian_->RequestIngest(
      {.principal = "job", .dataset = "mails", .purpose = "abuse", .why = "backfill"}));
  // The first of the job's two entries has it.
  const std::uint64_t ingest = Last() - 1;
  EXPECT_EQ(Events()[ingest].action(), "INGEST");
  ASSERT_OK_AND_ASSIGN(custody::RevealedEntry revealed, Reveal(ingest));
  EXPECT_EQ(Check(revealed)->text, "backfill");
  EXPECT_THAT(Events().back().why(), IsEmpty());

  custody::AccessRequest request;
  request.set_principal("trainer");
  request.add_action(policy::TRAIN);
  request.set_dataset("mails");
  request.set_purpose("plain");
  request.set_why("a case of break-glass");
  request.mutable_not_after()->set_seconds(absl::ToUnixSeconds(clock_.now + absl::Hours(1)));
  ASSERT_OK_AND_ASSIGN(const std::string text, custodian_->DraftAccess(request));
  ASSERT_OK(
      custodian_->SubmitAccess("clerk", text, "run.textproto",
                               *custody::ApproveAccess(text, "ada", approver_keys_.at("ada"))));
  ASSERT_OK_AND_ASSIGN(revealed, Reveal(Last()));
  EXPECT_EQ(Check(revealed)->text, "a case of break-glass");
}

TEST_F(SealedEntries, RefuseATextThatIsNone) {
  custody::TrainRequest run = PlainRun("m");
  const std::size_t before = Events().size();
  for (const std::string& why : {std::string(4097, 'x'), std::string("\xff")}) {
    run.why = why;
    EXPECT_THAT(custodian_->RequestTrain(run), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(Events().size(), before);
  run.why = std::string(4096, 'x');
  EXPECT_OK(custodian_->RequestTrain(run));
}

TEST_F(SealedEntries, AreRevealedUnderThePolicyAndToldOf) {
  const std::uint64_t index = LogAReason();
  const std::string uid = LastEvent().uid();
  ASSERT_OK_AND_ASSIGN(const custody::RevealedEntry revealed, Reveal(index));
  ASSERT_OK_AND_ASSIGN(const audit::OpenedText opened, Check(revealed));
  EXPECT_EQ(opened.field, "why");
  EXPECT_EQ(opened.text, kWhy);
  const audit::Event told = LastEvent();
  EXPECT_EQ(told.type(), audit::AUDIT_READ);
  EXPECT_EQ(told.phase(), audit::SUCCEEDED);
  EXPECT_EQ(told.actor().principal(), "auditor");
  EXPECT_EQ(told.object().dataset(), "mails");
  EXPECT_EQ(told.object().generation(), 0u);
  EXPECT_EQ(told.object().entry_uid(), uid);
  EXPECT_THAT(told.object().withheld_column(), IsEmpty());
  EXPECT_THAT(told.policy().rule(), ElementsAre("read-reasons"));
}

TEST_F(SealedEntries, AreNotRevealedToWhoMayNotRead) {
  const std::uint64_t index = LogAReason();
  EXPECT_THAT(Reveal(index, "trainer"), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(LastEvent().type(), audit::AUDIT_READ);
  EXPECT_EQ(LastEvent().phase(), audit::DENIED);
  EXPECT_EQ(LastEvent().object().entry_uid(), Events()[index].uid());
}

TEST_F(SealedEntries, AreNotRevealedUnlessTheLogTellsOfIt) {
  const std::uint64_t index = LogAReason();
  env_.FailOn(FaultEnv::Op::kAppend, 0, absl::UnavailableError("disk"));
  EXPECT_THAT(Reveal(index), Not(IsOk()));
}

TEST_F(SealedEntries, RefuseEntriesThatSealNothing) {
  EXPECT_THAT(Reveal(0), StatusIs(absl::StatusCode::kNotFound, HasSubstr("entry 0 seals nothing")));
  EXPECT_THAT(Reveal(1000), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(SealedEntries, ADisclosureOfAnotherTextIsRefused) {
  const std::uint64_t index = LogAReason();
  ASSERT_OK_AND_ASSIGN(custody::RevealedEntry revealed, Reveal(index));
  ASSERT_OK_AND_ASSIGN(audit::TlogProof proof, audit::ParseTlogProof(revealed.proof));
  for (std::size_t i = 0; i < proof.extra.size(); ++i) {
    audit::TlogProof changed = proof;
    changed.extra[i] ^= 1;
    revealed.proof = audit::FormatTlogProof(changed);
    EXPECT_THAT(Check(revealed), StatusIs(absl::StatusCode::kDataLoss)) << i;
  }
}

TEST_F(SealedEntries, AreRedactedWithTwoApprovalsWhateverThePolicySays) {
  const std::uint64_t index = LogAReason();
  const audit::Event entry = LastEvent();
  ASSERT_OK_AND_ASSIGN(const custody::RevealedEntry before, Reveal(index));
  const std::string wrapped = WrappedOpening(entry.uid());

  EXPECT_THAT(Redact(index),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("2 approvals")));
  EXPECT_EQ(LastEvent().type(), audit::ENTRY_REDACTED);
  EXPECT_EQ(LastEvent().phase(), audit::DENIED);
  EXPECT_EQ(LastEvent().reason_code(), "too_few_approvals");
  ASSERT_OK(ApproveRedaction(entry.uid(), {"ada"}));
  EXPECT_THAT(Redact(index),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("there are 1")));
  EXPECT_OK(Reveal(index));
  ASSERT_OK(ApproveRedaction(entry.uid(), {"ada", "bob"}));
  ASSERT_OK(Redact(index));
  const audit::Event told = LastEvent();
  EXPECT_EQ(told.type(), audit::ENTRY_REDACTED);
  EXPECT_EQ(told.phase(), audit::SUCCEEDED);
  EXPECT_EQ(told.object().entry_uid(), entry.uid());
  EXPECT_EQ(told.approvals(), 2u);

  EXPECT_THAT(Reveal(index), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
  EXPECT_THAT(Redact(index), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(HomeHas(wrapped));
  Reopen();
  EXPECT_THAT(Reveal(index), StatusIs(absl::StatusCode::kFailedPrecondition));
  // What was proven stays proven.
  EXPECT_EQ(Check(before)->text, kWhy);
  ASSERT_OK_AND_ASSIGN(const auto log,
                       audit::LogReader::Open(Env::Posix(), JoinPath(home(), "audit")));
  EXPECT_OK(log->Verify({}));
}

TEST_F(SealedEntries, ApprovalsToRedactCountForOneEntry) {
  const std::uint64_t index = LogAReason();
  ASSERT_OK(custodian_->RequestTrain(ExplainedRun("other")));
  ASSERT_OK(ApproveRedaction(LastEvent().uid(), {"ada", "bob"}));
  EXPECT_THAT(Redact(index),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("there are 0")));
}

TEST_F(SealedEntries, RedactingAnApprovalEndsIt) {
  ASSERT_OK_AND_ASSIGN(const std::string text, DraftRun());
  ASSERT_OK(SubmitRun(text));
  const auto approvals = [&] {
    return *custodian_->RequestFor("trainer", policy::TRAIN, "mails", "plain", {}, "")->approvals;
  };
  const std::uint64_t index = Last();
  EXPECT_EQ(approvals(), 1u);
  EXPECT_TRUE(HomeHas("4711"));  // in the text that was signed, while it counts
  ASSERT_OK(ApproveRedaction(Events()[index].uid(), {"ada", "bob"}));
  ASSERT_OK(Redact(index));
  EXPECT_EQ(approvals(), 0u);
  EXPECT_FALSE(HomeHas("4711"));
  EXPECT_THAT(SubmitRun(text), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(HomeHas("4711"));
}

TEST_F(SealedEntries, ATextHandedInTwiceIsSealedOnce) {
  ASSERT_OK_AND_ASSIGN(const std::string text, DraftRun());
  ASSERT_OK(SubmitRun(text));
  const std::int64_t openings = Openings();
  ASSERT_OK(SubmitRun(text));
  EXPECT_EQ(Openings(), openings);
  EXPECT_THAT(LastEvent().why(), IsEmpty());
}

TEST_F(SealedEntries, ARedactionThatFailsEndsNoApproval) {
  ASSERT_OK_AND_ASSIGN(const std::string text, DraftRun());
  ASSERT_OK(SubmitRun(text));
  const std::uint64_t index = Last();
  const std::string uid = LastEvent().uid();
  ASSERT_OK(ApproveRedaction(uid, {"ada", "bob"}));
  EXPECT_EQ(LastEvent().object().entry_uid(), uid);  // what the approval is for
  custodian_.reset();
  {
    ASSERT_OK_AND_ASSIGN(custody::Database db,
                         custody::Database::Open(JoinPath(home(), "keystore.db")));
    ASSERT_OK(db.Execute("DELETE FROM opening"));
  }
  Open();
  EXPECT_THAT(Redact(index), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
  EXPECT_EQ(*custodian_->RequestFor("trainer", policy::TRAIN, "mails", "plain", {}, "")->approvals,
            1u);
}

TEST_F(SealedEntries, AreNotRevealedOnceTheLogSaysTheyAreDestroyed) {
  const std::uint64_t index = LogAReason();
  const std::string uid = LastEvent().uid();
  const std::string wrapped = WrappedOpening(uid);
  ASSERT_OK(ApproveRedaction(uid, {"ada", "bob"}));
  ASSERT_OK(Redact(index));
  custodian_.reset();
  {
    ASSERT_OK_AND_ASSIGN(custody::Database db,
                         custody::Database::Open(JoinPath(home(), "keystore.db")));
    ASSERT_OK_AND_ASSIGN(custody::Statement put_back,
                         db.Prepare("UPDATE opening SET wrapped = ? WHERE entry_uid = ?"));
    ASSERT_OK(put_back.Bind(AsBytes(wrapped)).Bind(AsBytes(uid)).Run());
  }
  Open();
  EXPECT_THAT(Reveal(index), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(SealedEntries, AreNotRedactedWhereOneMayChangeWhoApproves) {
  const std::string first = WithKeys(absl::StrCat(kMailPolicy, kEntryRules));
  ASSERT_OK(ApplyText(Next(absl::StrReplaceAll(first, {{"required: 2", "required: 1"}}), first)));
  ASSERT_OK(custodian_->RequestIngest(
      {.principal = "job", .dataset = "mails", .purpose = "abuse", .why = kWhy}));
  const std::uint64_t index = Last() - 1;
  ASSERT_OK(ApproveRedaction(Events()[index].uid(), {"ada", "bob"}));
  EXPECT_THAT(Redact(index),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("`required`")));
  EXPECT_OK(Reveal(index));
}

TEST_F(SealedEntries, LeaveNoOpeningWithoutAnEntry) {
  const auto entries = [this] {
    std::int64_t count = 0;
    for (const audit::Event& event : Events()) count += audit::SealsAnything(event) ? 1 : 0;
    return count;
  };
  // Denied, or nothing to do.
  EXPECT_THAT(custodian_->RequestReseal(
                  {.principal = "officer", .dataset = "mails", .purpose = "abuse", .why = kWhy}),
              Not(IsOk()));
  EXPECT_EQ(Openings(), entries());
  // A disk that fails between the key store and the log: it is told when custody is opened.
  env_.FailOn(FaultEnv::Op::kSync, 0, absl::UnavailableError("disk"));
  EXPECT_THAT(custodian_->RequestTrain(ExplainedRun("m")), Not(IsOk()));
  Reopen();
  EXPECT_EQ(Openings(), entries());
  EXPECT_GE(entries(), 1);
}

TEST_F(SealedEntries, AreNamedInOneWayOnly) {
  custody::AccessRequest request;
  request.set_principal("officer");
  request.add_action(policy::ERASE);
  request.set_dataset("mails");
  request.set_purpose("abuse");
  request.mutable_not_after()->set_seconds(absl::ToUnixSeconds(clock_.now + absl::Hours(1)));
  for (const std::string& uid : {std::string(), std::string("ab"), std::string(32, 'A')}) {
    request.set_entry_uid(uid);
    EXPECT_THAT(custodian_->DraftAccess(request), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  request.set_entry_uid(std::string(32, 'a'));
  EXPECT_OK(custodian_->DraftAccess(request));
  request.add_action(policy::TRAIN);
  EXPECT_THAT(custodian_->DraftAccess(request), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SealedEntries, GoIntoAHomeThatWasMadeBeforeThereWereAny) {
  custodian_.reset();
  const std::string path = JoinPath(home(), "keystore.db");
  {
    ASSERT_OK_AND_ASSIGN(custody::Database db, custody::Database::Open(path));
    ASSERT_OK(db.Execute("DROP TABLE opening; PRAGMA user_version=1"));
  }
  Open();
  const std::uint64_t index = LogAReason();
  EXPECT_EQ(Check(*Reveal(index))->text, kWhy);
  custodian_.reset();
  {
    ASSERT_OK_AND_ASSIGN(custody::Database db, custody::Database::Open(path));
    EXPECT_EQ(*db.QueryInt("PRAGMA user_version"), 2);
    // There were such as well, and nothing of theirs is lost.
    ASSERT_OK(db.Execute("PRAGMA user_version=1"));
  }
  Open();
  EXPECT_EQ(Check(*Reveal(index))->text, kWhy);
}

TEST_F(SealedEntries, OutliveANewRootKey) {
  const std::uint64_t index = LogAReason();
  const std::string wrapped = WrappedOpening(LastEvent().uid());
  ASSERT_OK_AND_ASSIGN(crypto::SecretBytes next, crypto::SecretBytes::CopyFrom(AsBytes("next")));
  ASSERT_OK(custodian_->RotateRootKey("admin", next));
  passphrase_ = std::move(next);
  EXPECT_FALSE(HomeHas(wrapped));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const custody::RevealedEntry revealed, Reveal(index));
  EXPECT_EQ(Check(revealed)->text, kWhy);
}

}  // namespace
}  // namespace sealtrain::testing
