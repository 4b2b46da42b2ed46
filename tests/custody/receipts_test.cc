// Receipts of models, checked as a stranger does it.
#include "absl/strings/str_replace.h"
#include "sealtrain/audit/model_receipt.h"
#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using custody::Outcome;
using ::testing::HasSubstr;

class Receipts : public FurnishedCustodyTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(FurnishedCustodyTest::SetUp());
    ASSERT_OK(IngestOneShard());
  }

  absl::Status Train(const custody::TrainRequest& request, Outcome outcome = Outcome::kSucceeded) {
    ST_ASSIGN_OR_RETURN(auto permit, custodian_->RequestTrain(request));
    ST_ASSIGN_OR_RETURN(const auto key, custodian_->ReleaseNewModelKey(permit));
    return custodian_->FinishTrain(std::move(permit), outcome,
                                   request.dp ? request.dp->phase.steps : 1, key.object_id,
                                   crypto::Sha256(AsBytes(request.model)));
  }
  absl::StatusOr<audit::CheckedReceipt> Receipt(const std::string& model) {
    ST_ASSIGN_OR_RETURN(const std::string receipt, custodian_->ModelReceipt(model));
    return audit::CheckModelReceipt(receipt, LogVkeys(home()));
  }
  audit::Event EventAt(std::uint64_t index) { return Events()[index]; }
};

TEST_F(Receipts, TellHowAModelCameToBe) {
  ASSERT_OK(Train(PrivateRun("private")));
  ASSERT_OK_AND_ASSIGN(const custody::ModelInfo model, custodian_->GetModel("private"));
  const std::size_t before = Events().size();
  ASSERT_OK_AND_ASSIGN(const audit::CheckedReceipt receipt, Receipt("private"));
  EXPECT_EQ(Events().size(), before);
  EXPECT_EQ(receipt.signer, custodian_->manifest_public_key());
  const auto& subject = receipt.statement["subject"][0];
  EXPECT_EQ(subject["name"], "private");
  EXPECT_EQ(subject["digest"]["sha256"], HexEncode(crypto::Sha256(AsBytes("private"))));
  const auto& predicate = receipt.statement["predicate"];
  EXPECT_EQ(predicate["dataset"]["name"], "mails");
  EXPECT_EQ(predicate["dataset"]["generation"], 1u);
  EXPECT_EQ(predicate["dataset"]["manifest_sha256"],
            HexEncode(crypto::Sha256(AsBytes(newest_.SerializeAsString()))));
  EXPECT_EQ(predicate["dataset"]["review_sha256"], HexEncode(AsBytes(std::string(32, 'r'))));
  EXPECT_EQ(predicate["policy"]["sha256"], HexEncode(model.policy_sha256));
  EXPECT_EQ(predicate["policy"]["rules"][0], "train-private");
  EXPECT_EQ(predicate["privacy"]["epsilon"], model.epsilon);
  EXPECT_EQ(predicate["privacy"]["delta"], 1e-5);
  EXPECT_EQ(predicate["privacy"]["unit"], "RECORD");
  EXPECT_EQ(predicate["columns"].dump(), R"(["body","spam"])");
}

TEST_F(Receipts, OfAPlainModelPromiseNothing) {
  ASSERT_OK(Train(PlainRun("plain")));
  ASSERT_OK_AND_ASSIGN(const audit::CheckedReceipt receipt, Receipt("plain"));
  EXPECT_TRUE(receipt.statement["predicate"]["privacy"].is_null());
}

TEST_F(Receipts, AreOfTheRunThatMadeTheModel) {
  ASSERT_OK(Train(PlainRun("m"), Outcome::kFailed));
  ASSERT_OK_AND_ASSIGN(auto unfinished, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK(Train(PrivateRun("m")));
  ASSERT_OK(Train(PrivateRun("other", 50)));
  ASSERT_OK_AND_ASSIGN(const audit::CheckedReceipt receipt, Receipt("m"));
  EXPECT_EQ(receipt.statement["predicate"]["purpose"], "abuse");
  const audit::Event access = EventAt(receipt.entries[2].index);
  const audit::Event sealed = EventAt(receipt.entries[3].index);
  EXPECT_EQ(access.uid(), sealed.request_uid());
  EXPECT_EQ(sealed.object().model(), "m");
}

TEST_F(Receipts, TellOfTheSnapshotThatWasOpened) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK_AND_ASSIGN(const auto key, custodian_->ReleaseNewModelKey(permit));
  ASSERT_OK(IngestOneShard());
  ASSERT_OK(custodian_->FinishTrain(std::move(permit), Outcome::kSucceeded, 1, key.object_id,
                                    crypto::Sha256(AsBytes("m"))));
  ASSERT_OK_AND_ASSIGN(const audit::CheckedReceipt receipt, Receipt("m"));
  EXPECT_EQ(receipt.statement["predicate"]["dataset"]["generation"], 1u);
}

TEST_F(Receipts, StayTrueWhateverComesLater) {
  ASSERT_OK(Train(PrivateRun("m")));
  ASSERT_OK_AND_ASSIGN(const audit::CheckedReceipt before, Receipt("m"));
  ASSERT_OK(IngestOneShard());
  const std::string first = WithKeys(kMailPolicy);
  ASSERT_OK(ApplyText(Next(first, first)));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const audit::CheckedReceipt after, Receipt("m"));
  EXPECT_GT(after.entries[0].checkpoint.size, before.entries[0].checkpoint.size);
  auto statements = {before.statement, after.statement};
  for (auto statement : statements) {
    statement["predicate"].erase("log");
    auto expected = before.statement;
    expected["predicate"].erase("log");
    EXPECT_EQ(statement, expected);
  }
}

TEST_F(Receipts, TellOfAResealedSnapshot) {
  const std::string first = WithKeys(kMailPolicy);
  const std::string reseal = R"(rule {
  id: "reseal" permit {}
  scope { principal: "officer" action: CHANGE_POLICY dataset: "mails" purpose: "abuse" }
}
)";
  ASSERT_OK(ApplyText(Next(first + reseal, first)));
  ASSERT_OK_AND_ASSIGN(
      auto permit,
      custodian_->RequestReseal({.principal = "officer", .dataset = "mails", .purpose = "abuse"}));
  const std::string bytes = ResealedManifest(permit.grant()).SerializeAsString();
  ASSERT_OK_AND_ASSIGN(
      const auto manifest,
      custodian_->SignManifest(permit, bytes, writer_.public_key(),
                               writer_.Sign(custody::ManifestSignedBytes('W', bytes))));
  ASSERT_OK(custodian_->AdvanceGeneration(std::move(permit), manifest));
  ASSERT_OK(Train(PlainRun("m")));
  ASSERT_OK_AND_ASSIGN(const audit::CheckedReceipt receipt, Receipt("m"));
  EXPECT_EQ(EventAt(receipt.entries[1].index).type(), audit::DATASET_RESEALED);
  const auto& predicate = receipt.statement["predicate"];
  EXPECT_EQ(predicate["policy"]["version"], 2u);
  EXPECT_EQ(predicate["dataset"]["generation"], 2u);
  EXPECT_TRUE(predicate["dataset"]["review_sha256"].is_null());
}

TEST_F(Receipts, AreOfModelsThatThereAre) {
  EXPECT_THAT(custodian_->ModelReceipt("m"), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(Train(PlainRun("m"), Outcome::kFailed));
  EXPECT_THAT(custodian_->ModelReceipt("m"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(Receipts, AreNotMadeOfWhatTheLogDoesNotTell) {
  for (const char* column : {"artifact_sha256", "policy_sha256"}) {
    ASSERT_OK(Train(PlainRun(column)));
    ASSERT_OK(custodian_->ModelReceipt(column));
    ASSERT_OK_AND_ASSIGN(custody::Database db,
                         custody::Database::Open(JoinPath(home(), "keystore.db")));
    ASSERT_OK(db.Execute(
        absl::StrCat("UPDATE model SET ", column, " = zeroblob(32) WHERE name = '", column, "'")
            .c_str()));
    EXPECT_THAT(custodian_->ModelReceipt(column),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("does not tell")));
  }
}

}  // namespace
}  // namespace sealtrain::testing
