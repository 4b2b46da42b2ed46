// How permits end.
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using custody::Outcome;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Leases : public FurnishedCustodyTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(FurnishedCustodyTest::SetUp());
    ASSERT_OK(IngestOneShard());
  }
  static auto Unusable(const std::string& why) {
    return StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(why));
  }
};

TEST_F(Leases, LastAsLongAsThePolicySays) {
  ASSERT_OK_AND_ASSIGN(auto permits, RequestIngest());
  EXPECT_EQ(permits.seal.grant().expires_at, clock_.now + absl::Minutes(10));
  clock_.now += absl::Minutes(10) - absl::Nanoseconds(1);
  EXPECT_OK(custodian_->ReleaseNewShardKeys(permits.seal));
  EXPECT_OK(custodian_->ReleasePseudonymKey(permits.ingest, "abuse"));
  clock_.now += absl::Nanoseconds(1);
  EXPECT_THAT(custodian_->ReleaseNewShardKeys(permits.seal), Unusable("expired"));
  EXPECT_THAT(custodian_->ReleasePseudonymKey(permits.ingest, "abuse"), Unusable("expired"));
  EXPECT_THAT(Sign(permits.seal, newest_), Unusable("expired"));
}

TEST_F(Leases, LastTenMinutesIfThePolicySaysNothing) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PrivateRun("m")));
  EXPECT_EQ(permit.grant().expires_at, clock_.now + absl::Minutes(10));
  clock_.now += absl::Minutes(10);
  EXPECT_THAT(custodian_->ReleaseShardKeys(permit, newest_.shard(0)), Unusable("expired"));
  EXPECT_THAT(custodian_->ReleaseNewModelKey(permit), Unusable("expired"));
}

TEST_F(Leases, LastADayAtMost) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));  // policy: two days
  EXPECT_EQ(permit.grant().expires_at, clock_.now + absl::Hours(24));
}

TEST_F(Leases, AreNotExtendedByAClockThatGoesBack) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PrivateRun("m")));
  clock_.now += absl::Minutes(10);
  EXPECT_THAT(custodian_->ReleaseShardKeys(permit, newest_.shard(0)), Unusable("expired"));
  clock_.now -= absl::Minutes(9);
  EXPECT_THAT(custodian_->ReleaseShardKeys(permit, newest_.shard(0)), Unusable("expired"));
}

TEST_F(Leases, EndOnTheBootClockToo) {
  std::string text = WithKeys(kMailPolicy);
  text = absl::StrReplaceAll(Next(text, text), {{"seconds: 600", "nanos: 200000000"}});
  ASSERT_OK(ApplyText(text));
  ASSERT_OK_AND_ASSIGN(auto permits, RequestIngest());
  absl::SleepFor(absl::Milliseconds(250));  // while the wall clock stands still
  EXPECT_THAT(custodian_->ReleaseNewShardKeys(permits.seal), Unusable("expired"));
}

TEST_F(Leases, AllowAnExpiredJobToCommitWhatWasSigned) {
  ASSERT_OK_AND_ASSIGN(auto permits, RequestIngest());
  const custody::ShardKeys keys = *custodian_->ReleaseNewShardKeys(permits.seal);
  ASSERT_OK_AND_ASSIGN(const auto signed_manifest,
                       Sign(permits.seal, NextManifest(permits.seal.grant(), {keys.shard_id}, 1)));
  clock_.now += absl::Hours(1);
  EXPECT_OK(custodian_->AdvanceGeneration(std::move(permits.seal), signed_manifest, 0));
}

TEST_F(Leases, AllowAnExpiredRunToFinish) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PrivateRun("m")));
  ASSERT_OK_AND_ASSIGN(const auto key, custodian_->ReleaseNewModelKey(permit));
  clock_.now += absl::Hours(5);
  EXPECT_OK(custodian_->FinishTrain(std::move(permit), Outcome::kSucceeded, 100, key.object_id,
                                    Digest{}));
  EXPECT_OK(custodian_->GetModel("m"));
}

TEST_F(Leases, AreListedWhileTheyLive) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK_AND_ASSIGN(const auto leases, custodian_->ListLeases());
  ASSERT_THAT(leases, SizeIs(1));
  EXPECT_EQ(leases[0].permit_id, permit.grant().permit_id);
  EXPECT_EQ(leases[0].action, policy::TRAIN);
  EXPECT_EQ(leases[0].principal, "trainer");
  EXPECT_EQ(leases[0].dataset, "mails");
  EXPECT_EQ(leases[0].purpose, "plain");
  EXPECT_EQ(leases[0].expires_at, permit.grant().expires_at);
  EXPECT_FALSE(leases[0].revoked);
  ASSERT_OK(custodian_->FinishTrain(std::move(permit), Outcome::kFailed, 0, Id{}, Digest{}));
  EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
}

TEST_F(Leases, StopAtOnceWhenTheyAreRevoked) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK(custodian_->ReleaseShardKeys(permit, newest_.shard(0)));
  ASSERT_OK_AND_ASSIGN(const auto key, custodian_->ReleaseNewModelKey(permit));
  ASSERT_OK(custodian_->RevokeLease("admin", permit.grant().permit_id));
  EXPECT_EQ(LastEvent().type(), audit::LEASE_REVOKED);
  EXPECT_EQ(LastEvent().actor().principal(), "admin");
  EXPECT_EQ(LastEvent().object().key_id(), HexEncode(permit.grant().permit_id));
  EXPECT_TRUE((*custodian_->ListLeases())[0].revoked);

  EXPECT_THAT(custodian_->ReleaseShardKeys(permit, newest_.shard(0)), Unusable("revoked"));
  EXPECT_THAT(custodian_->ReleaseNewModelKey(permit), Unusable("revoked"));
  EXPECT_THAT(
      custodian_->FinishTrain(std::move(permit), Outcome::kSucceeded, 1, key.object_id, Digest{}),
      Unusable("revoked"));
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
  EXPECT_THAT(custodian_->GetModel("m"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(Leases, StopACommitWhenTheyAreRevoked) {
  ASSERT_OK_AND_ASSIGN(auto permits, RequestIngest());
  const Id permit_id = permits.seal.grant().permit_id;
  const custody::ShardKeys keys = *custodian_->ReleaseNewShardKeys(permits.seal);
  const custody::Manifest manifest = NextManifest(permits.seal.grant(), {keys.shard_id}, 1);
  ASSERT_OK_AND_ASSIGN(const auto signed_manifest, Sign(permits.seal, manifest));
  ASSERT_OK(custodian_->RevokeLease("admin", permit_id));
  EXPECT_THAT(Sign(permits.seal, manifest), Unusable("revoked"));
  // Both permits of the job are one lease.
  EXPECT_THAT(custodian_->ReleasePseudonymKey(permits.ingest, "abuse"), Unusable("revoked"));
  EXPECT_THAT(custodian_->AdvanceGeneration(std::move(permits.seal), signed_manifest, 0),
              Unusable("revoked"));
  EXPECT_EQ(custodian_->GetDataset("mails")->generation, 1u);
  EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
}

TEST_F(Leases, CanBeRevokedOnlyWhileTheyLive) {
  EXPECT_THAT(custodian_->RevokeLease("admin", Id{}), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  const Id permit_id = permit.grant().permit_id;
  ASSERT_OK(custodian_->RevokeLease("admin", permit_id));
  const std::size_t events = Events().size();
  EXPECT_OK(custodian_->RevokeLease("admin", permit_id));
  EXPECT_EQ(Events().size(), events);
  ASSERT_OK(custodian_->FinishTrain(std::move(permit), Outcome::kFailed, 0, Id{}, Digest{}));
  EXPECT_THAT(custodian_->RevokeLease("admin", permit_id), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(Leases, AreWorthNothingToAnotherCustodian) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  const custody::CustodianOptions other{.home = dir_.Join("other")};
  ASSERT_OK(Custodian::Create(other, init(), passphrase_));
  ASSERT_OK_AND_ASSIGN(auto stranger, Custodian::Open(other, passphrase_));
  EXPECT_THAT(stranger->ReleaseShardKeys(permit, newest_.shard(0)), Unusable("not of this"));
  EXPECT_THAT(stranger->ReleaseNewModelKey(permit), Unusable("not of this"));
}

}  // namespace
}  // namespace sealtrain::testing
