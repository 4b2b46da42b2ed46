// From the request to ingest to a new generation.
#include "sealtrain/crypto/random.h"
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using custody::Manifest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class Sealing : public FurnishedCustodyTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(FurnishedCustodyTest::SetUp());
    permits_ = std::make_unique<custody::IngestPermits>(*RequestIngest());
    const custody::ShardKeys keys = *custodian_->ReleaseNewShardKeys(permits_->seal);
    shard_ = keys.shard_id;
    manifest_ = NextManifest(permits_->seal.grant(), {shard_}, 100);
  }
  absl::Status Commit() {
    ST_ASSIGN_OR_RETURN(const custody::SignedManifest signed_manifest,
                        Sign(permits_->seal, manifest_));
    return custodian_->AdvanceGeneration(std::move(permits_->seal), signed_manifest, 3);
  }
  void ExpectUnsigned(const Manifest& manifest, const std::string& message,
                      absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
    EXPECT_THAT(Sign(permits_->seal, manifest), StatusIs(code, HasSubstr(message)));
  }
  custody::Shard* new_shard(Manifest& manifest) {
    return manifest.mutable_shard(manifest.shard_size() - 1);
  }
  custody::SealPlan* new_plan(Manifest& manifest) {
    return manifest.mutable_plan(manifest.plan_size() - 1);
  }

  std::unique_ptr<custody::IngestPermits> permits_;
  Id shard_{};
  Manifest manifest_;
};

TEST_F(Sealing, AdvancesTheGeneration) {
  ASSERT_OK(Commit());
  ASSERT_OK_AND_ASSIGN(const custody::DatasetInfo info, custodian_->GetDataset("mails"));
  EXPECT_EQ(info.generation, 1u);
  EXPECT_EQ(info.rows, 100u);
  EXPECT_EQ(info.last_commit, clock_.now);
  EXPECT_EQ(info.manifest_sha256, crypto::Sha256(AsBytes(manifest_.SerializeAsString())));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const custody::DatasetInfo again, custodian_->GetDataset("mails"));
  EXPECT_EQ(again.generation, 1u);
  EXPECT_EQ(again.manifest_sha256, info.manifest_sha256);
}

TEST_F(Sealing, WritesTwoIntentsAndOneOutcome) {
  const std::string permit_id = Text(permits_->seal.grant().permit_id);
  EXPECT_EQ(Text(permits_->ingest.grant().permit_id), permit_id);
  ASSERT_OK(Commit());
  const std::vector<audit::Event> events = Events();
  ASSERT_GE(events.size(), 4u);
  const auto* last = &events[events.size() - 4];
  EXPECT_EQ(last[0].uid(), permit_id);
  EXPECT_EQ(last[0].action(), "INGEST");
  EXPECT_EQ(last[1].action(), "SEAL");
  for (int i : {0, 1}) {
    EXPECT_EQ(last[i].type(), audit::SEAL_ACCESS);
    EXPECT_EQ(last[i].phase(), audit::INTENT);
    EXPECT_THAT(last[i].object().column(),
                ElementsAre("sender", "client_ip", "body", "note", "spam"));
    EXPECT_THAT(last[i].object().withheld_column(), ElementsAre("message_id"));
    EXPECT_THAT(last[i].policy().rule(), ElementsAre("seal"));
    EXPECT_EQ(last[i].purpose(), "abuse");
    EXPECT_EQ(last[i].actor().principal(), "job");
    EXPECT_EQ(last[i].actor().executable_sha256().size(), 32u);
    EXPECT_GT(last[i].actor().pid(), 1u);
  }
  EXPECT_EQ(last[2].type(), audit::SNAPSHOT_COMMITTED);
  EXPECT_EQ(last[2].phase(), audit::INTENT);
  EXPECT_EQ(last[3].type(), audit::SNAPSHOT_COMMITTED);
  EXPECT_EQ(last[3].phase(), audit::SUCCEEDED);
  EXPECT_EQ(last[3].object().generation(), 1u);
  EXPECT_EQ(last[3].object().rows(), 100u);
  EXPECT_EQ(last[3].object().shards(), 1u);
  EXPECT_EQ(last[3].object().suppressed_rows(), 3u);
  EXPECT_EQ(last[3].object().review_sha256(), std::string(32, 'r'));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(last[i].request_uid(), permit_id) << i;
}

TEST_F(Sealing, IsSignedByTheCustodianOverTheVeryBytes) {
  ASSERT_OK_AND_ASSIGN(const custody::SignedManifest signed_manifest,
                       Sign(permits_->seal, manifest_));
  EXPECT_OK(crypto::VerifySignature(custodian_->manifest_public_key(),
                                    custody::ManifestSignedBytes('C', signed_manifest.manifest()),
                                    AsBytes(signed_manifest.custodian_signature())));
  // The two roles cannot stand in for each other.
  EXPECT_THAT(crypto::VerifySignature(custodian_->manifest_public_key(),
                                      custody::ManifestSignedBytes('W', signed_manifest.manifest()),
                                      AsBytes(signed_manifest.custodian_signature())),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(Sealing, RefusesAnotherWritersSignature) {
  const std::string bytes = manifest_.SerializeAsString();
  EXPECT_THAT(custodian_->SignManifest(permits_->seal, bytes, writer_.public_key(),
                                       writer_.Sign(custody::ManifestSignedBytes('C', bytes))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("writer")));
}

TEST_F(Sealing, StoresNoDroppedColumn) {
  ASSERT_OK_AND_ASSIGN(const custody::ShardKeys keys,
                       custodian_->ReleaseNewShardKeys(permits_->seal));
  std::vector<std::string> ids;
  for (const custody::ColumnKey& key : keys.columns) ids.push_back(key.column_id);
  EXPECT_THAT(ids, ElementsAre("2", "3", "4", "5", "6"));
  EXPECT_NE(keys.shard_id, shard_);
}

TEST_F(Sealing, GivesPseudonymKeysOfTheDomainsOfThePolicyOnly) {
  ASSERT_OK_AND_ASSIGN(const crypto::MacKey key,
                       custodian_->ReleasePseudonymKey(permits_->ingest, "abuse"));
  ASSERT_OK_AND_ASSIGN(const crypto::MacKey again,
                       custodian_->ReleasePseudonymKey(permits_->ingest, "abuse"));
  EXPECT_EQ(*crypto::Mac::Compute(key, AsBytes("x")), *crypto::Mac::Compute(again, AsBytes("x")));
  EXPECT_THAT(custodian_->ReleasePseudonymKey(permits_->ingest, "other"),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(Sealing, GivesPseudonymsThatStayTheSameFromJobToJob) {
  ASSERT_OK_AND_ASSIGN(const crypto::MacKey key,
                       custodian_->ReleasePseudonymKey(permits_->ingest, "abuse"));
  Reopen();
  const custody::IngestPermits later = *RequestIngest();
  ASSERT_OK_AND_ASSIGN(const crypto::MacKey again,
                       custodian_->ReleasePseudonymKey(later.ingest, "abuse"));
  EXPECT_EQ(*crypto::Mac::Compute(key, AsBytes("x")), *crypto::Mac::Compute(again, AsBytes("x")));
}

TEST_F(Sealing, RefusesAHeadThatSaysSomethingElse) {
  const auto expect = [&](void (*change)(Manifest&), const std::string& message) {
    Manifest manifest = manifest_;
    change(manifest);
    ExpectUnsigned(manifest, message);
  };
  expect([](Manifest& m) { m.set_format(2); }, "format");
  expect([](Manifest& m) { m.set_dataset("other"); }, "data set");
  expect([](Manifest& m) { m.set_message_name("Other"); }, "schema");
  expect([](Manifest& m) { m.set_schema_sha256(std::string(32, 'x')); }, "schema");
  expect([](Manifest& m) { m.set_rows(99); }, "rows");
  expect([](Manifest& m) { m.set_retention_unix_ns(0); }, "retention");
  expect([](Manifest& m) { m.set_retention_unix_ns(m.retention_unix_ns() + 1); }, "retention");
  // Retention counts from the commit, so it cannot be dated forward.
  expect(
      [](Manifest& m) {
        m.set_committed_unix_ns(m.committed_unix_ns() + 3'600'000'000'000);
        m.set_retention_unix_ns(m.retention_unix_ns() + 3'600'000'000'000);
      },
      "committed");
  EXPECT_OK(Sign(permits_->seal, manifest_));
}

TEST_F(Sealing, RefusesAManifestOnAnotherSnapshot) {
  Manifest manifest = manifest_;
  manifest.set_generation(2);
  ExpectUnsigned(manifest, "generation", absl::StatusCode::kAborted);
  manifest = manifest_;
  manifest.set_previous_sha256(std::string(32, 'p'));
  ExpectUnsigned(manifest, "stand on", absl::StatusCode::kAborted);
}

TEST_F(Sealing, RefusesShardsThatWereNotGranted) {
  const auto expect = [&](std::function<void(Manifest&)> change, const std::string& message) {
    Manifest manifest = manifest_;
    change(manifest);
    ExpectUnsigned(manifest, message);
  };
  expect([&](Manifest& m) { new_shard(m)->set_id(Text(*crypto::RandomId())); }, "not granted");
  expect([&](Manifest& m) { new_shard(m)->set_id("short"); }, "16 bytes");
  expect([&](Manifest& m) { *m.add_shard() = *new_shard(m); }, "twice");
  expect([&](Manifest& m) { new_shard(m)->set_plan(1); }, "another plan");
  expect([&](Manifest& m) { new_shard(m)->set_key_epoch(2); }, "key epoch");
  expect([&](Manifest& m) { new_shard(m)->set_segments(0); }, "incomplete");
  expect([&](Manifest& m) { new_shard(m)->set_rows(0), m.set_rows(0); }, "incomplete");
  expect([&](Manifest& m) { new_shard(m)->clear_header_sha256(); }, "incomplete");
  expect([&](Manifest& m) { new_shard(m)->set_segments_root("x"); }, "incomplete");
  expect([&](Manifest& m) { m.clear_shard(), m.set_rows(0); }, "no new shard");
  expect([&](Manifest& m) { new_shard(m)->set_rows(~0ull), m.set_rows(~0ull); }, "too many rows");
  // A shard of another job of the same data set.
  const custody::IngestPermits other = *RequestIngest();
  const custody::ShardKeys theirs = *custodian_->ReleaseNewShardKeys(other.seal);
  expect([&](Manifest& m) { new_shard(m)->set_id(Text(theirs.shard_id)); }, "not granted");
}

TEST_F(Sealing, RefusesAPlanThatIsNotTheGrant) {
  const auto expect = [&](std::function<void(custody::SealPlan&)> change,
                          const std::string& message) {
    Manifest manifest = manifest_;
    change(*new_plan(manifest));
    ExpectUnsigned(manifest, message);
  };
  using custody::SealPlan;
  expect([](SealPlan& p) { p.set_permit_id(std::string(16, 'x')); }, "another permit");
  expect([](SealPlan& p) { p.set_policy_sha256(std::string(32, 'x')); }, "another policy");
  expect([](SealPlan& p) { p.set_policy_version(2); }, "another policy");
  expect([](SealPlan& p) { p.clear_review_sha256(); }, "review");
  expect([](SealPlan& p) { p.mutable_column()->RemoveLast(); }, "all columns");
  expect([](SealPlan& p) { p.mutable_column()->SwapElements(0, 1); }, "column 0");
  expect([](SealPlan& p) { p.mutable_column(3)->clear_data_class(); }, "column 3");
  // Sealed as it came, where the policy asked for a pseudonym, and less of an
  // address cut off than was asked for.
  expect([](SealPlan& p) { p.mutable_column(1)->mutable_applied()->set_kind(policy::KEEP); },
         "column sender was not treated");
  expect([](SealPlan& p) { p.mutable_column(2)->mutable_applied()->set_prefix_v4(32); },
         "column client_ip was not treated");
  expect([](SealPlan& p) { p.mutable_column(0)->clear_applied(); },
         "column message_id was not treated");
  Manifest manifest = manifest_;
  *manifest.add_plan() = manifest.plan(0);
  ExpectUnsigned(manifest, "one new plan");
  manifest = manifest_;
  manifest.clear_plan();
  ExpectUnsigned(manifest, "one new plan");
}

TEST_F(Sealing, SignsOnlyWhatItCanRead) {
  const std::string bytes = manifest_.SerializeAsString();
  const auto expect = [&](const std::string& changed) {
    EXPECT_THAT(Sign(permits_->seal, changed), StatusIs(absl::StatusCode::kInvalidArgument));
  };
  expect(bytes + std::string("\xf8\x07\x01", 3));            // unknown field 127
  expect(std::string("\x08\x81\x00", 3) + bytes.substr(2));  // over-long format number
  expect(bytes.substr(2) + bytes.substr(0, 2));              // fields out of order
  expect(bytes.substr(0, 2) + bytes);                        // a field twice
  expect(bytes.substr(0, bytes.size() - 1));
  expect("");
  Manifest nested = manifest_;
  nested.GetReflection();
  new_shard(nested)->GetReflection()->MutableUnknownFields(new_shard(nested))->AddVarint(99, 1);
  expect(nested.SerializeAsString());
}

TEST_F(Sealing, KeepsWhatWasThereBefore) {
  ASSERT_OK(Commit());
  newest_ = manifest_;
  clock_.now += absl::Hours(1);
  permits_ = std::make_unique<custody::IngestPermits>(*RequestIngest());
  const custody::ShardKeys keys = *custodian_->ReleaseNewShardKeys(permits_->seal);
  manifest_ = NextManifest(permits_->seal.grant(), {keys.shard_id}, 50);
  // What was sealed first keeps its deadline, and with it the snapshot.
  EXPECT_EQ(manifest_.retention_unix_ns(), newest_.retention_unix_ns());

  Manifest changed = manifest_;
  changed.mutable_shard(0)->set_file_bytes(1);
  ExpectUnsigned(changed, "previous snapshot");
  changed = manifest_;
  changed.mutable_plan(0)->set_review_sha256(std::string(32, 'x'));
  ExpectUnsigned(changed, "previous snapshot");
  changed = manifest_;
  changed.mutable_shard()->DeleteSubrange(0, 1);
  ExpectUnsigned(changed, "previous snapshot");
  changed = manifest_;
  changed.mutable_shard()->SwapElements(0, 1);
  ExpectUnsigned(changed, "previous snapshot");
  changed = manifest_;
  changed.set_committed_unix_ns(newest_.committed_unix_ns() - 1);
  ExpectUnsigned(changed, "committed");
  changed = manifest_;
  changed.set_retention_unix_ns(changed.committed_unix_ns() + 864'000'000'000'000);
  ExpectUnsigned(changed, "retention");
  ASSERT_OK(Commit());
  EXPECT_EQ(custodian_->GetDataset("mails")->rows, 150u);
}

TEST_F(Sealing, EndsWithTheRetentionDeadline) {
  ASSERT_OK(Commit());
  newest_ = manifest_;
  const absl::Time deadline = custody::DeadlineOf(newest_);
  clock_.now = deadline - absl::Minutes(1);
  permits_ = std::make_unique<custody::IngestPermits>(*RequestIngest());
  EXPECT_EQ(permits_->ingest.grant().expires_at, deadline);
  EXPECT_EQ(permits_->seal.grant().expires_at, deadline);
  const custody::ShardKeys keys = *custodian_->ReleaseNewShardKeys(permits_->seal);
  manifest_ = NextManifest(permits_->seal.grant(), {keys.shard_id}, 50);
  ASSERT_OK_AND_ASSIGN(const custody::SignedManifest signed_manifest,
                       Sign(permits_->seal, manifest_));
  clock_.now = deadline;
  EXPECT_THAT(custodian_->ReleaseNewShardKeys(permits_->seal),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("expired")));
  EXPECT_THAT(custodian_->ReleasePseudonymKey(permits_->ingest, "abuse"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("expired")));
  EXPECT_THAT(custodian_->AdvanceGeneration(std::move(permits_->seal), signed_manifest, 0),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("the retention deadline of mails has passed")));
  EXPECT_EQ(custodian_->GetDataset("mails")->generation, 1u);
  EXPECT_EQ(LastEvent().type(), audit::SEAL_ACCESS);
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
}

TEST_F(Sealing, CommitsNothingPastADeadlineOfItsOwn) {
  ASSERT_OK_AND_ASSIGN(const custody::SignedManifest signed_manifest,
                       Sign(permits_->seal, manifest_));
  clock_.now = custody::DeadlineOf(manifest_);
  EXPECT_THAT(custodian_->AdvanceGeneration(std::move(permits_->seal), signed_manifest, 0),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(custodian_->GetDataset("mails")->generation, 0u);
}

TEST_F(Sealing, LetsNoSourceGoBack) {
  const auto add = [](Manifest& m, const std::string& name, std::uint64_t records) {
    custody::SourcePosition& source = *m.add_source();
    source.set_name(name);
    source.set_records(records);
  };
  Manifest twice = manifest_;
  add(twice, "a", 1);
  add(twice, "a", 2);
  ExpectUnsigned(twice, "twice");
  Manifest nameless = manifest_;
  add(nameless, "", 1);
  ExpectUnsigned(nameless, "name");

  add(manifest_, "a", 100);
  ASSERT_OK(Commit());
  newest_ = manifest_;
  permits_ = std::make_unique<custody::IngestPermits>(*RequestIngest());
  const custody::ShardKeys keys = *custodian_->ReleaseNewShardKeys(permits_->seal);
  manifest_ = NextManifest(permits_->seal.grant(), {keys.shard_id}, 50);
  Manifest changed = manifest_;
  changed.mutable_source(0)->set_records(99);
  ExpectUnsigned(changed, "went back");
  changed.clear_source();
  ExpectUnsigned(changed, "went back");
  manifest_.mutable_source(0)->set_records(150);
  add(manifest_, "b", 1);
  EXPECT_OK(Commit());
}

TEST_F(Sealing, TellsTheSecondJobThatAnotherCommittedFirst) {
  auto other = std::make_unique<custody::IngestPermits>(*RequestIngest());
  const custody::ShardKeys theirs = *custodian_->ReleaseNewShardKeys(other->seal);
  const Manifest their_manifest = NextManifest(other->seal.grant(), {theirs.shard_id}, 7);
  ASSERT_OK_AND_ASSIGN(const custody::SignedManifest their_signed,
                       Sign(other->seal, their_manifest));
  ASSERT_OK(Commit());
  newest_ = manifest_;

  // Signed before, committed after: the generation is taken.
  EXPECT_THAT(Sign(other->seal, their_manifest), StatusIs(absl::StatusCode::kAborted));
  // It may rebuild on the new snapshot with the same permit and shard.
  custody::Grant grant = other->seal.grant();
  const custody::DatasetInfo info = *custodian_->GetDataset("mails");
  grant.generation = info.generation;
  grant.manifest_sha256 = info.manifest_sha256;
  const Manifest rebuilt = NextManifest(grant, {theirs.shard_id}, 7);
  ASSERT_OK_AND_ASSIGN(const custody::SignedManifest rebuilt_signed, Sign(other->seal, rebuilt));
  EXPECT_OK(custodian_->AdvanceGeneration(std::move(other->seal), rebuilt_signed, 0));
  EXPECT_EQ(custodian_->GetDataset("mails")->rows, 107u);

  // And the loser's manifest of generation 1 stays dead.
  auto third = std::make_unique<custody::IngestPermits>(*RequestIngest());
  EXPECT_THAT(custodian_->AdvanceGeneration(std::move(third->seal), their_signed, 0),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
}

TEST_F(Sealing, CommitsNothingThatItDidNotSign) {
  ASSERT_OK_AND_ASSIGN(custody::SignedManifest signed_manifest, Sign(permits_->seal, manifest_));
  Manifest changed = manifest_;
  changed.set_rows(1);
  signed_manifest.set_manifest(changed.SerializeAsString());
  EXPECT_THAT(custodian_->AdvanceGeneration(std::move(permits_->seal), signed_manifest, 0),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(custodian_->GetDataset("mails")->generation, 0u);
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
}

TEST_F(Sealing, CommitsOnlyWithThePermitThatItSignedFor) {
  ASSERT_OK_AND_ASSIGN(const custody::SignedManifest signed_manifest,
                       Sign(permits_->seal, manifest_));
  auto other = std::make_unique<custody::IngestPermits>(*RequestIngest());
  EXPECT_THAT(custodian_->AdvanceGeneration(std::move(other->seal), signed_manifest, 0),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(custodian_->GetDataset("mails")->generation, 0u);
}

TEST_F(Sealing, SaysHowAJobEndedThatCommittedNothing) {
  ASSERT_OK_AND_ASSIGN(auto dry_run, RequestIngest());
  ASSERT_OK(custodian_->FinishSeal(std::move(dry_run.seal), custody::Outcome::kSucceeded));
  EXPECT_EQ(LastEvent().type(), audit::SEAL_ACCESS);
  EXPECT_EQ(LastEvent().phase(), audit::SUCCEEDED);

  ASSERT_OK(custodian_->FinishSeal(std::move(permits_->seal), custody::Outcome::kFailed));
  EXPECT_EQ(LastEvent().type(), audit::SEAL_ACCESS);
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
  EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
  EXPECT_THAT(custodian_->ReleasePseudonymKey(permits_->ingest, "abuse"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(custodian_->GetDataset("mails")->generation, 0u);
}

TEST_F(Sealing, IsDeniedToOthersAndWrittenDown) {
  for (const custody::IngestRequest& request : {custody::IngestRequest{"trainer", "mails", "abuse"},
                                                custody::IngestRequest{"job", "mails", "ads"}}) {
    EXPECT_THAT(custodian_->RequestIngest(request), StatusIs(absl::StatusCode::kPermissionDenied));
    const audit::Event event = LastEvent();
    EXPECT_EQ(event.phase(), audit::DENIED);
    EXPECT_EQ(event.type(), audit::SEAL_ACCESS);
    EXPECT_EQ(event.action(), "INGEST");
    EXPECT_EQ(event.uid(), event.request_uid());
    EXPECT_EQ(event.actor().principal(), request.principal);
    EXPECT_EQ(event.purpose(), request.purpose);
    EXPECT_THAT(event.reason_code(), Not(IsEmpty()));
    EXPECT_THAT(event.object().column(), IsEmpty());
    EXPECT_THAT(event.object().withheld_column(), SizeIs(6));
  }
}

TEST_F(Sealing, NeedsBothDecisions) {
  const std::string first = WithKeys(kMailPolicy);
  ASSERT_OK(ApplyText(absl::StrReplaceAll(Next(first, first),
                                          {{"action: INGEST action: SEAL", "action: INGEST"}})));
  EXPECT_THAT(RequestIngest(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(LastEvent().phase(), audit::DENIED);
  EXPECT_EQ(LastEvent().action(), "SEAL");
  EXPECT_THAT(*custodian_->ListLeases(), SizeIs(1));  // that of SetUp
}

TEST_F(Sealing, RefusesUnknownDataSetsAndOddNames) {
  EXPECT_THAT(custodian_->RequestIngest({"job", "nails", "abuse"}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(custodian_->RequestIngest({"job\n", "mails", "abuse"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(custodian_->RequestIngest({"job", "mails", "\xff"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace sealtrain::testing
