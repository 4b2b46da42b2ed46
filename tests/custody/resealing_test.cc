// Sealed data stand under the policy they were sealed under, until a reseal.
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using custody::Permit;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What the second version may add to kMailPolicy.
constexpr char kMayReseal[] = R"(
rule {
  id: "reseal" permit {}
  scope { principal: "officer" action: CHANGE_POLICY dataset: "mails" purpose: "abuse" }
}
)";

class Resealing : public FurnishedCustodyTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(FurnishedCustodyTest::SetUp());
    texts_ = {WithKeys(kMailPolicy)};
    ASSERT_OK(IngestOneShard());
  }

  // Puts the next version into force: the first one with replacements.
  void ApplyNext(const std::vector<std::pair<absl::string_view, absl::string_view>>& changes,
                 const std::string& rules = kMayReseal) {
    std::string text = Next(absl::StrReplaceAll(texts_.front(), changes), texts_.back(),
                            absl::StrCat(texts_.size() + 1));
    text = absl::StrReplaceAll(
        text, {{"rule {\n  id: \"seal\"", absl::StrCat(rules, "rule {\n  id: \"seal\"")}});
    ASSERT_OK(ApplyText(text));
    texts_.push_back(text);
  }
  static Digest Sha(const std::string& text) { return crypto::Sha256(AsBytes(text)); }

  absl::StatusOr<Permit<policy::CHANGE_POLICY>> RequestReseal() {
    return custodian_->RequestReseal(
        {.principal = "officer", .dataset = "mails", .purpose = "abuse"});
  }
  absl::StatusOr<custody::SignedManifest> SignReseal(const Permit<policy::CHANGE_POLICY>& permit,
                                                     const custody::Manifest& manifest) const {
    const std::string bytes = manifest.SerializeAsString();
    return custodian_->SignManifest(permit, bytes, writer_.public_key(),
                                    writer_.Sign(custody::ManifestSignedBytes('W', bytes)));
  }
  absl::Status Reseal() {
    ST_ASSIGN_OR_RETURN(auto permit, RequestReseal());
    const custody::Manifest manifest = ResealedManifest(permit.grant());
    ST_ASSIGN_OR_RETURN(const auto signed_manifest, SignReseal(permit, manifest));
    ST_RETURN_IF_ERROR(custodian_->AdvanceGeneration(std::move(permit), signed_manifest));
    newest_ = manifest;
    return absl::OkStatus();
  }
  custody::TrainRequest Ads() const {
    custody::TrainRequest run = PlainRun("ads-model");
    run.purpose = "ads";
    run.columns = {"body", "spam"};
    return run;
  }

  std::vector<std::string> texts_;  // of the versions, the newest last
};

// The second version lets the plain run happen for ads as well.
const std::vector<std::pair<absl::string_view, absl::string_view>> kOpenForAds = {
    {"dataset: \"mails\" purpose: \"plain\"",
     "dataset: \"mails\" purpose: \"plain\" purpose: \"ads\""},
    {"purpose: \"ads\"\n    column", "purpose: \"study\"\n    column"}};

TEST_F(Resealing, IsWhatOpensSealedDataToALooserPolicy) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext(kOpenForAds));
  EXPECT_THAT(custodian_->RequestTrain(Ads()),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("\"mails\" version 1")));
  EXPECT_EQ(LastEvent().phase(), audit::DENIED);
  EXPECT_EQ(LastEvent().reason_code(), "sealed_under");
  Reopen();
  EXPECT_THAT(custodian_->RequestTrain(Ads()), StatusIs(absl::StatusCode::kPermissionDenied));

  ASSERT_OK(Reseal());
  EXPECT_OK(custodian_->RequestTrain(Ads()));
  Reopen();
  EXPECT_OK(custodian_->RequestTrain(Ads()));
}

TEST_F(Resealing, IsInTheLogWithBothPolicies) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext(kOpenForAds));
  ASSERT_OK(Reseal());
  const std::vector<audit::Event> events = Events();
  const audit::Event& intent = events[events.size() - 2];
  const audit::Event& outcome = events.back();
  EXPECT_EQ(intent.phase(), audit::INTENT);
  EXPECT_EQ(outcome.phase(), audit::SUCCEEDED);
  EXPECT_EQ(outcome.request_uid(), intent.request_uid());
  for (const audit::Event* event : {&intent, &outcome}) {
    EXPECT_EQ(event->type(), audit::DATASET_RESEALED);
    EXPECT_EQ(event->action(), "CHANGE_POLICY");
    EXPECT_EQ(event->actor().principal(), "officer");
    EXPECT_EQ(event->object().dataset(), "mails");
    EXPECT_EQ(event->policy().sha256(), Text(Sha(texts_[1])));
    EXPECT_THAT(event->policy().replaced_sha256(), ElementsAre(Text(Sha(texts_[0]))));
  }
  EXPECT_THAT(intent.policy().rule(), ElementsAre("reseal"));
  EXPECT_EQ(outcome.object().generation(), 2u);
  EXPECT_EQ(outcome.object().manifest_sha256(),
            Text(custodian_->GetDataset("mails")->manifest_sha256));
}

TEST_F(Resealing, IsNotNeededToTighten) {
  ASSERT_OK(custodian_->RequestTrain(PlainRun("before")));
  ASSERT_NO_FATAL_FAILURE(ApplyNext(
      {{"on_class: FREE_TEXT kind: KEEP } }\n    obligation { transform { on_class: HEALTH",
        "on_class: FREE_TEXT kind: DROP } }\n    obligation { transform { on_class: HEALTH"}}));
  ASSERT_OK_AND_ASSIGN(const auto permit, custodian_->RequestTrain(PlainRun("after")));
  ASSERT_OK_AND_ASSIGN(const custody::ShardKeys keys,
                       custodian_->ReleaseShardKeys(permit, newest_.shard(0)));
  ASSERT_EQ(keys.columns.size(), 1u);
  EXPECT_EQ(keys.columns[0].column_id, "6");
}

TEST_F(Resealing, AloneLoosensAPrivacyObligation) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext(
      {{"epsilon_max: 2", "epsilon_max: 3"}, {"ledger_epsilon: 3", "ledger_epsilon: 9"}}));
  const auto obligation = [this] {
    return custodian_
        ->Explain(*custodian_->RequestFor("trainer", policy::TRAIN, "mails", "abuse",
                                          {"body", "spam"}, ""))
        ->dp;
  };
  EXPECT_EQ(obligation()->epsilon_max(), 2);
  EXPECT_EQ(obligation()->ledger_epsilon(), 3);
  ASSERT_OK(Reseal());
  EXPECT_EQ(obligation()->epsilon_max(), 3);
  EXPECT_EQ(obligation()->ledger_epsilon(), 9);
}

TEST_F(Resealing, CoversWhatWasSealedBeforeItAndNotWhatComesAfter) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext({}));  // as shut as the first
  ASSERT_OK(Reseal());
  ASSERT_OK(IngestOneShard());
  ASSERT_NO_FATAL_FAILURE(ApplyNext(kOpenForAds));
  EXPECT_THAT(custodian_->RequestTrain(Ads()),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("version 2")));
  ASSERT_OK(IngestOneShard());  // sealed under the third
  EXPECT_THAT(custodian_->RequestTrain(Ads()), StatusIs(absl::StatusCode::kPermissionDenied));
  ASSERT_OK(Reseal());
  EXPECT_OK(custodian_->RequestTrain(Ads()));
  EXPECT_THAT(*custody::SealedUnder(newest_), ElementsAre(Sha(texts_[2])));
}

TEST_F(Resealing, TakesAPermitOfThePolicyInForce) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext(kOpenForAds, ""));
  EXPECT_THAT(RequestReseal(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(LastEvent().type(), audit::DATASET_RESEALED);
  EXPECT_EQ(LastEvent().phase(), audit::DENIED);
  EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
}

TEST_F(Resealing, IsRefusedWhereThereIsNothingToDo) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext(kOpenForAds));
  ASSERT_OK(Reseal());
  EXPECT_THAT(RequestReseal(), StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK(custodian_->CreateDataset("admin", "empty", schema_));
  EXPECT_THAT(
      custodian_->RequestReseal({.principal = "officer", .dataset = "empty", .purpose = "abuse"}),
      StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(Resealing, ChangesNothingButThePolicy) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext(kOpenForAds));
  ASSERT_OK_AND_ASSIGN(const auto permit, RequestReseal());
  const custody::Manifest good = ResealedManifest(permit.grant());
  const auto expect_refused = [&](const std::function<void(custody::Manifest&)>& change,
                                  absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
    custody::Manifest manifest = good;
    change(manifest);
    EXPECT_THAT(SignReseal(permit, manifest), StatusIs(code)) << manifest.ShortDebugString();
  };
  expect_refused([](auto& m) { m.set_retention_unix_ns(m.retention_unix_ns() + 1); });
  expect_refused([](auto& m) { m.clear_retention_unix_ns(); });
  expect_refused([](auto& m) { m.set_committed_unix_ns(m.committed_unix_ns() + 1); });
  expect_refused([](auto& m) { m.set_rows(m.rows() - 1); });
  expect_refused([](auto& m) { m.mutable_shard(0)->set_rows(1); });
  expect_refused([](auto& m) { m.mutable_shard()->RemoveLast(); });
  expect_refused([](auto& m) { m.mutable_plan(0)->set_policy_version(2); });
  expect_refused([](auto& m) { m.clear_reseal(); });
  expect_refused([](auto& m) { *m.add_reseal() = m.reseal(0); });
  expect_refused([](auto& m) { m.mutable_reseal(0)->set_plans(2); });
  expect_refused([](auto& m) { m.mutable_reseal(0)->set_policy_sha256(std::string(32, 'x')); });
  expect_refused([](auto& m) { m.mutable_reseal(0)->set_permit_id(std::string(16, 'x')); });
  expect_refused([](auto& m) { m.set_generation(3); }, absl::StatusCode::kAborted);
  expect_refused([](auto& m) { m.set_previous_sha256(std::string(32, 'x')); },
                 absl::StatusCode::kAborted);
  EXPECT_OK(SignReseal(permit, good));
}

TEST_F(Resealing, CannotBeDoneByASealingJob) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext(kOpenForAds));
  ASSERT_OK_AND_ASSIGN(const auto permits, RequestIngest());
  ASSERT_OK_AND_ASSIGN(const auto keys, custodian_->ReleaseNewShardKeys(permits.seal));
  custody::Manifest manifest = NextManifest(permits.seal.grant(), {keys.shard_id}, 5);
  *manifest.add_reseal() = ResealedManifest(permits.seal.grant()).reseal(0);
  EXPECT_THAT(Sign(permits.seal, manifest),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("reseals")));
}

TEST_F(Resealing, KeepsTheAgeOfTheData) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext(kOpenForAds));
  const absl::Time committed = custodian_->GetDataset("mails")->last_commit;
  clock_.now += absl::Hours(5);
  ASSERT_OK(Reseal());
  ASSERT_OK_AND_ASSIGN(const custody::DatasetInfo info, custodian_->GetDataset("mails"));
  EXPECT_EQ(info.last_commit, committed);
  EXPECT_EQ(info.generation, 2u);
  EXPECT_EQ(info.rows, 100u);
}

TEST_F(Resealing, EndsWithItsLease) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext(kOpenForAds));
  ASSERT_OK_AND_ASSIGN(auto permit, RequestReseal());
  ASSERT_OK_AND_ASSIGN(const auto signed_manifest,
                       SignReseal(permit, ResealedManifest(permit.grant())));
  clock_.now += absl::Minutes(11);
  EXPECT_THAT(custodian_->AdvanceGeneration(std::move(permit), signed_manifest),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
  EXPECT_EQ(custodian_->GetDataset("mails")->generation, 1u);
  EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
}

TEST_F(Resealing, ThatFailsOrDiesLeavesTheOldSnapshot) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext(kOpenForAds));
  ASSERT_OK_AND_ASSIGN(auto given_up, RequestReseal());
  ASSERT_OK(custodian_->FinishReseal(std::move(given_up)));
  EXPECT_EQ(LastEvent().type(), audit::DATASET_RESEALED);
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
  ASSERT_OK_AND_ASSIGN(const auto died, RequestReseal());
  ASSERT_OK(SignReseal(died, ResealedManifest(died.grant())));
  Reopen();
  EXPECT_EQ(LastEvent().type(), audit::DATASET_RESEALED);
  EXPECT_EQ(LastEvent().phase(), audit::ABANDONED);
  EXPECT_EQ(custodian_->GetDataset("mails")->generation, 1u);
  EXPECT_THAT(custodian_->RequestTrain(Ads()), StatusIs(absl::StatusCode::kPermissionDenied));
}

// If the log cannot be written, nothing is opened.
TEST_F(Resealing, IsNotDoneWithoutARecord) {
  ASSERT_NO_FATAL_FAILURE(ApplyNext(kOpenForAds));
  env_.FailOn(FaultEnv::Op::kSync, 0, absl::UnavailableError("disk"));
  EXPECT_THAT(RequestReseal(), StatusIs(absl::StatusCode::kUnavailable));
  Reopen();
  EXPECT_EQ(custodian_->GetDataset("mails")->generation, 1u);
}

}  // namespace
}  // namespace sealtrain::testing
