// Training and evaluation: decisions, keys, outcomes.
#include <sys/prctl.h>
#include <sys/resource.h>

#include "sealtrain/crypto/random.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/custody/key_store_internal.h"
#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using custody::Outcome;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Opening : public FurnishedCustodyTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(FurnishedCustodyTest::SetUp());
    ASSERT_OK_AND_ASSIGN(sealed_keys_, IngestOneShard());
  }
  static crypto::Dek NoKey() { return *crypto::Dek::Generate(); }

  const custody::Shard& shard() const { return newest_.shard(0); }
  static std::vector<std::string> IdsOf(const custody::ShardKeys& keys) {
    std::vector<std::string> ids;
    for (const custody::ColumnKey& key : keys.columns) ids.push_back(key.column_id);
    return ids;
  }
  absl::Status Finish(custody::Permit<policy::TRAIN> permit, std::uint64_t steps = 0) {
    absl::StatusOr<custody::Custody::ModelKey> key = custodian_->ReleaseNewModelKey(permit);
    if (!key.ok()) return key.status();
    return custodian_->FinishTrain(std::move(permit), Outcome::kSucceeded, steps, key->object_id,
                                   crypto::Sha256(AsBytes("artifact")));
  }

  custody::ShardKeys sealed_keys_{.columns = {}, .index = NoKey()};
};

TEST_F(Opening, OpensWhatTheSealingJobSealed) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK_AND_ASSIGN(const custody::ShardKeys keys,
                       custodian_->ReleaseShardKeys(permit, shard()));
  EXPECT_EQ(keys.shard_id, sealed_keys_.shard_id);
  EXPECT_THAT(IdsOf(keys), ElementsAre("4", "6"));  // note is HEALTH and withheld
  const Bytes aad = crypto::StreamAad(AsBytes("header and column"));
  for (const char* id : {"4", "6"}) {
    const Bytes stream = *crypto::SealStream(*sealed_keys_.Find(id), aad, AsBytes("hello"));
    EXPECT_OK(crypto::OpenStream(*keys.Find(id), aad, stream));
  }
  const Bytes index = *crypto::SealStream(sealed_keys_.index, aad, AsBytes("index"));
  EXPECT_OK(crypto::OpenStream(keys.index, aad, index));
}

// A key is the only door: with the files and every key that the job was given,
// a withheld column stays shut.
TEST_F(Opening, LeavesNoKeyThatOpensAWithheldColumn) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK_AND_ASSIGN(const custody::ShardKeys keys,
                       custodian_->ReleaseShardKeys(permit, shard()));
  ASSERT_OK_AND_ASSIGN(const auto model_key, custodian_->ReleaseNewModelKey(permit));
  std::vector<const crypto::Dek*> held = {&keys.index, &model_key.dek};
  for (const custody::ColumnKey& key : keys.columns) held.push_back(&key.dek);
  ASSERT_THAT(held, SizeIs(4));

  const Bytes aad = crypto::StreamAad(AsBytes("header and column"));
  for (const char* withheld : {"2", "3", "5"}) {
    const Bytes stream =
        *crypto::SealStream(*sealed_keys_.Find(withheld), aad, AsBytes("nobody's business"));
    ASSERT_OK(crypto::OpenStream(*sealed_keys_.Find(withheld), aad, stream));
    EXPECT_EQ(keys.Find(withheld), nullptr);
    for (const crypto::Dek* key : held) {
      EXPECT_THAT(crypto::OpenStream(*key, aad, stream), StatusIs(absl::StatusCode::kDataLoss));
    }
  }
}

TEST_F(Opening, GivesDifferentKeysForEveryColumnAndShard) {
  ASSERT_OK_AND_ASSIGN(const custody::ShardKeys second, IngestOneShard());
  const Bytes aad = crypto::StreamAad(AsBytes("x"));
  std::vector<const crypto::Dek*> all = {&sealed_keys_.index, &second.index};
  const custody::ShardKeys* const shards[] = {&sealed_keys_, &second};
  for (const custody::ShardKeys* keys : shards) {
    for (const custody::ColumnKey& key : keys->columns) all.push_back(&key.dek);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Bytes stream = *crypto::SealStream(*all[i], aad, AsBytes("text"));
    for (std::size_t j = 0; j < all.size(); ++j) {
      EXPECT_EQ(crypto::OpenStream(*all[j], aad, stream).ok(), i == j) << i << " " << j;
    }
  }
}

TEST_F(Opening, DerivesTheSameKeysAfterARestart) {
  const Bytes aad = crypto::StreamAad(AsBytes("x"));
  const Bytes stream = *crypto::SealStream(*sealed_keys_.Find("4"), aad, AsBytes("text"));
  Reopen();
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK_AND_ASSIGN(const custody::ShardKeys keys,
                       custodian_->ReleaseShardKeys(permit, shard()));
  EXPECT_OK(crypto::OpenStream(*keys.Find("4"), aad, stream));
}

// A column of several classes hangs on all of their keys.
TEST_F(Opening, DerivesAColumnsKeyFromTheKeysOfAllItsClasses) {
  const Bytes aad = crypto::StreamAad(AsBytes("x"));
  const Bytes body = *crypto::SealStream(*sealed_keys_.Find("4"), aad, AsBytes("text"));
  // HEALTH is one of the two classes of "note", and no class of "body".
  custodian_.reset();
  {
    ASSERT_OK_AND_ASSIGN(custody::Database db,
                         custody::Database::Open(JoinPath(home(), "keystore.db")));
    ASSERT_OK(db.Execute("DELETE FROM class_key WHERE data_class = 11"));
  }
  Open();
  ASSERT_OK_AND_ASSIGN(auto ingest, RequestIngest());
  EXPECT_THAT(custodian_->ReleaseNewShardKeys(ingest.seal),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("destroyed")));
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK_AND_ASSIGN(const custody::ShardKeys keys,
                       custodian_->ReleaseShardKeys(permit, shard()));
  EXPECT_OK(crypto::OpenStream(*keys.Find("4"), aad, body));
}

TEST_F(Opening, DerivesAsTheFormatSays) {
  custodian_.reset();
  ASSERT_OK_AND_ASSIGN(custody::Database db,
                       custody::Database::Open(JoinPath(home(), "keystore.db")));
  ASSERT_OK_AND_ASSIGN(const custody::RootKeyRecord record, custody::GetRootKeyRecord(db));
  ASSERT_OK_AND_ASSIGN(crypto::Kek root, crypto::KekFromPassphrase(passphrase_, record.argon2));
  ASSERT_OK_AND_ASSIGN(const custody::KeyStore keys, custody::KeyStore::Open(db, std::move(root)));
  const auto dek = [&](const std::vector<int>& classes, const std::string& column) {
    std::vector<crypto::ClassKey> class_keys;
    for (const int c : classes) class_keys.push_back(*keys.GetClassKey("dataset:mails", c, 1));
    std::vector<const crypto::ClassKey*> pointers;
    for (const crypto::ClassKey& key : class_keys) pointers.push_back(&key);
    return *crypto::KeyDerivation::ColumnDek(pointers, sealed_keys_.shard_id, column);
  };
  const Bytes aad = crypto::StreamAad(AsBytes("x"));
  const auto opens = [&](const crypto::Dek& derived, const crypto::Dek& released) {
    return crypto::OpenStream(derived, aad, *crypto::SealStream(released, aad, AsBytes("text")))
        .ok();
  };
  EXPECT_TRUE(opens(dek({10}, "4"), *sealed_keys_.Find("4")));
  EXPECT_TRUE(opens(dek({10, 11}, "5"), *sealed_keys_.Find("5")));  // FREE_TEXT, HEALTH
  EXPECT_FALSE(opens(dek({10}, "5"), *sealed_keys_.Find("5")));
  EXPECT_FALSE(opens(dek({11}, "5"), *sealed_keys_.Find("5")));
  EXPECT_TRUE(opens(dek({0}, "index"), sealed_keys_.index));
}

TEST_F(Opening, GivesKeysOnlyForShardsOfTheSnapshot) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  custody::Shard other = shard();
  other.set_id(Text(*crypto::RandomId()));
  EXPECT_THAT(custodian_->ReleaseShardKeys(permit, other),
              StatusIs(absl::StatusCode::kInvalidArgument));
  other = shard();
  other.set_key_epoch(2);
  EXPECT_THAT(custodian_->ReleaseShardKeys(permit, other),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(custodian_->ReleaseShardKeys(permit, custody::Shard()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  // What is committed after the permit is not of its snapshot; what was there is.
  ASSERT_OK(IngestOneShard());
  EXPECT_THAT(custodian_->ReleaseShardKeys(permit, newest_.shard(1)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(custodian_->ReleaseShardKeys(permit, newest_.shard(0)));
}

TEST_F(Opening, WritesDownWhatIsOpenedAndWhatIsWithheld) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  const audit::Event event = LastEvent();
  EXPECT_EQ(event.type(), audit::TRAIN_ACCESS);
  EXPECT_EQ(event.phase(), audit::INTENT);
  EXPECT_EQ(event.uid(), Text(permit.grant().permit_id));
  EXPECT_EQ(event.request_uid(), event.uid());
  EXPECT_THAT(event.object().column(), ElementsAre("body", "spam"));
  EXPECT_THAT(event.object().withheld_column(),
              ElementsAre("message_id", "sender", "client_ip", "note"));
  EXPECT_EQ(event.object().generation(), 1u);
  EXPECT_EQ(event.object().manifest_sha256(), Text(permit.grant().manifest_sha256));
  EXPECT_EQ(event.object().rows(), 100u);
  EXPECT_EQ(event.object().model(), "m");
  EXPECT_EQ(event.policy().version(), 1u);
  EXPECT_THAT(event.policy().rule(), ElementsAre("train-plain"));
  EXPECT_EQ(event.actor().trust(), "PLAIN");
  EXPECT_FALSE(event.has_privacy());
}

TEST_F(Opening, DeniesOtherPurposesAndWritesThatDown) {
  custody::TrainRequest request = PlainRun("m");
  request.purpose = "ads";
  EXPECT_THAT(custodian_->RequestTrain(request), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(LastEvent().phase(), audit::DENIED);
  EXPECT_EQ(LastEvent().type(), audit::TRAIN_ACCESS);
  EXPECT_EQ(LastEvent().reason_code(), "no_matching_permit");
  EXPECT_THAT(LastEvent().object().column(), IsEmpty());
  EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
}

TEST_F(Opening, RefusesOddRequestsBeforeItDecides) {
  const std::size_t events = Events().size();
  custody::TrainRequest request = PlainRun("m");
  request.columns = {"body", "subject"};
  EXPECT_THAT(custodian_->RequestTrain(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no column subject")));
  request.columns = {"body", "body"};
  EXPECT_THAT(custodian_->RequestTrain(request), StatusIs(absl::StatusCode::kInvalidArgument));
  request.columns = {};
  EXPECT_THAT(custodian_->RequestTrain(request), StatusIs(absl::StatusCode::kInvalidArgument));
  request = PlainRun("../m");
  EXPECT_THAT(custodian_->RequestTrain(request), StatusIs(absl::StatusCode::kInvalidArgument));
  request = PlainRun("m");
  request.dataset = "nails";
  EXPECT_THAT(custodian_->RequestTrain(request), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(custodian_->CreateDataset("admin", "empty", schema_));
  request.dataset = "empty";
  EXPECT_THAT(custodian_->RequestTrain(request), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Events().size(), events + 1);  // the new data set
}

TEST_F(Opening, MeasuresTrustAndDoesNotAsk) {
  custody::TrainRequest request = PlainRun("m");
  request.purpose = "study";
  request.columns = {"body", "spam"};
  EXPECT_THAT(custodian_->RequestTrain(request), StatusIs(absl::StatusCode::kPermissionDenied));

  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_CORE, &none), 0);
  ASSERT_EQ(::prctl(PR_SET_DUMPABLE, 0), 0);
  const auto permit = custodian_->RequestTrain(request);
  ::prctl(PR_SET_DUMPABLE, 1);
  // Without core files alone it is PLAIN again.
  request.model = "n";
  const auto plain = custodian_->RequestTrain(request);
  ::setrlimit(RLIMIT_CORE, &before);

  EXPECT_OK(permit);
  EXPECT_THAT(plain, StatusIs(absl::StatusCode::kPermissionDenied));
  const std::vector<audit::Event> events = Events();
  EXPECT_EQ(events[events.size() - 2].actor().trust(), "LOCKED");
  EXPECT_EQ(events.back().actor().trust(), "PLAIN");
}

TEST_F(Opening, RemembersWhatTheReviewDid) {
  ASSERT_OK_AND_ASSIGN(const policy::Request request,
                       custodian_->RequestFor("trainer", policy::TRAIN, "mails", "abuse",
                                              {"client_ip", "sender", "message_id", "body"}, ""));
  ASSERT_TRUE(request.columns[0].applied.has_value());
  EXPECT_EQ(request.columns[0].applied->kind(), policy::TRUNCATE_IP);
  EXPECT_EQ(request.columns[0].applied->prefix_v4(), 24u);
  EXPECT_EQ(request.columns[1].applied->kind(), policy::PSEUDONYMIZE);
  EXPECT_EQ(request.columns[2].applied->kind(), policy::DROP);
  EXPECT_EQ(request.columns[3].applied->kind(), policy::KEEP);
  EXPECT_EQ(*request.rows, 100u);
  EXPECT_EQ(*request.dataset_age, absl::ZeroDuration());
  // The obligation to truncate is met by what the review did.
  custody::TrainRequest run = PrivateRun("m");
  run.columns = {"client_ip", "spam"};
  EXPECT_OK(custodian_->RequestTrain(run));
}

TEST_F(Opening, DoesNotKnowTheAgeOfDataFromTheFuture) {
  clock_.now += absl::Hours(2);
  EXPECT_EQ(*custodian_->RequestFor("t", policy::TRAIN, "mails", "abuse", {}, "")->dataset_age,
            absl::Hours(2));
  clock_.now -= absl::Hours(3);
  Reopen();
  EXPECT_FALSE(custodian_->RequestFor("t", policy::TRAIN, "mails", "abuse", {}, "")
                   ->dataset_age.has_value());
}

TEST_F(Opening, EndsWithTheRetentionDeadline) {
  clock_.now += absl::Hours(240) - absl::Seconds(1);
  EXPECT_OK(custodian_->RequestTrain(PlainRun("m")));
  clock_.now += absl::Seconds(1);
  EXPECT_THAT(custodian_->RequestTrain(PlainRun("n")),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("retention")));
  EXPECT_EQ(LastEvent().reason_code(), "expired");
  // What was sealed now would inherit the deadline.
  EXPECT_THAT(RequestIngest(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("retention")));
  EXPECT_EQ(LastEvent().reason_code(), "expired");
}

TEST_F(Opening, RegistersTheModelOfARunThatSucceeded) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("spam/v1")));
  const custody::Grant grant = permit.grant();
  ASSERT_OK_AND_ASSIGN(const auto key, custodian_->ReleaseNewModelKey(permit));
  const Digest artifact = crypto::Sha256(AsBytes("artifact"));
  ASSERT_OK(
      custodian_->FinishTrain(std::move(permit), Outcome::kSucceeded, 10, key.object_id, artifact));
  EXPECT_EQ(LastEvent().type(), audit::MODEL_SEALED);
  EXPECT_EQ(LastEvent().phase(), audit::SUCCEEDED);
  EXPECT_EQ(LastEvent().request_uid(), Text(grant.permit_id));
  EXPECT_EQ(LastEvent().object().artifact_sha256(), Text(artifact));

  Reopen();
  ASSERT_OK_AND_ASSIGN(const custody::ModelInfo model, custodian_->GetModel("spam/v1"));
  EXPECT_EQ(model.object_id, key.object_id);
  EXPECT_EQ(model.dataset, "mails");
  EXPECT_EQ(model.generation, 1u);
  EXPECT_EQ(model.purpose, "plain");
  EXPECT_EQ(model.principal, "trainer");
  EXPECT_EQ(model.artifact_sha256, artifact);
  EXPECT_EQ(model.policy_sha256, grant.decision.policy_sha256);
  EXPECT_FALSE(model.dp.has_value());
  EXPECT_EQ(model.created, clock_.now);
  EXPECT_THAT(*custodian_->ListModels(), SizeIs(1));
  EXPECT_THAT(custodian_->GetModel("other"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(custodian_->RequestTrain(PlainRun("spam/v1")),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(Opening, EvaluatesTheModelThatWasTrained) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK_AND_ASSIGN(const auto key, custodian_->ReleaseNewModelKey(permit));
  const Bytes aad = crypto::StreamAad(AsBytes("model"));
  const Bytes artifact = *crypto::SealStream(key.dek, aad, AsBytes("weights"));
  ASSERT_OK(custodian_->FinishTrain(std::move(permit), Outcome::kSucceeded, 10, key.object_id,
                                    crypto::Sha256(artifact)));
  Reopen();
  const custody::EvaluateRequest request{.principal = "trainer",
                                         .dataset = "mails",
                                         .purpose = "plain",
                                         .columns = {"body", "spam"},
                                         .model = "m"};
  ASSERT_OK_AND_ASSIGN(auto evaluation, custodian_->RequestEvaluate(request));
  ASSERT_OK_AND_ASSIGN(const auto again, custodian_->ReleaseModelKey(evaluation));
  EXPECT_EQ(again.object_id, key.object_id);
  EXPECT_OK(crypto::OpenStream(again.dek, aad, artifact));
  ASSERT_OK_AND_ASSIGN(const custody::ShardKeys keys,
                       custodian_->ReleaseShardKeys(evaluation, shard()));
  EXPECT_THAT(IdsOf(keys), ElementsAre("4", "6"));
  ASSERT_OK(custodian_->FinishEvaluate(std::move(evaluation), Outcome::kSucceeded));
  EXPECT_EQ(LastEvent().type(), audit::EVALUATE_ACCESS);
  EXPECT_EQ(LastEvent().phase(), audit::SUCCEEDED);

  custody::EvaluateRequest other = request;
  other.model = "n";
  EXPECT_THAT(custodian_->RequestEvaluate(other), StatusIs(absl::StatusCode::kNotFound));
  other = request;
  other.purpose = "abuse";
  EXPECT_THAT(custodian_->RequestEvaluate(other), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(LastEvent().type(), audit::EVALUATE_ACCESS);
  EXPECT_EQ(LastEvent().phase(), audit::DENIED);
}

// As many permits as the policy says, whatever became of them.
TEST_F(CustodyTest, OpensNoOftenerThanThePolicyAllows) {
  ASSERT_OK(custodian_->CreateDataset("admin", "mails", schema_));
  ASSERT_OK(ApplyText(absl::StrReplaceAll(
      WithKeys(kMailPolicy),
      {{"obligation { lease { seconds: 172800 } }",
        "obligation { lease { seconds: 172800 } } obligation { max_opens: 2 }"}})));
  ASSERT_OK(IngestOneShard());
  ASSERT_OK_AND_ASSIGN(auto failed, custodian_->RequestTrain(PlainRun("a")));
  ASSERT_OK(custodian_->FinishTrain(std::move(failed), Outcome::kFailed, 0, Id{}, Digest{}));
  ASSERT_OK(custodian_->RequestTrain(PlainRun("b")));
  Reopen();
  EXPECT_THAT(custodian_->RequestTrain(PlainRun("c")),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("opened 2 times")));
  EXPECT_EQ(LastEvent().phase(), audit::DENIED);
  EXPECT_EQ(LastEvent().reason_code(), "opens_exhausted");
  // Nor does it say that it would.
  ASSERT_OK_AND_ASSIGN(
      const policy::Request next,
      custodian_->RequestFor("trainer", policy::TRAIN, "mails", "plain", {"body"}, ""));
  ASSERT_OK_AND_ASSIGN(const policy::Decision decision, custodian_->Explain(next));
  EXPECT_FALSE(decision.allow);
  EXPECT_EQ(decision.reason_code, "opens_exhausted");
  // A denial has no plan and no obligations, and permits do not forbid.
  EXPECT_TRUE(decision.columns.empty());
  EXPECT_TRUE(decision.determining_rules.empty());
  EXPECT_EQ(decision.max_opens, std::nullopt);
  EXPECT_EQ(decision.lease, std::nullopt);
}

TEST_F(Opening, HandsClassesAndDeadlineDownToTheModel) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK(Finish(std::move(permit)));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const custody::ModelInfo model, custodian_->GetModel("m"));
  // `note` is HEALTH and was withheld: nothing of it was learned.
  EXPECT_THAT(model.classes, ElementsAre(FREE_TEXT, LABEL));
  EXPECT_EQ(model.deadline, clock_.now + absl::Hours(240));
}

TEST_F(Opening, GivesTheModelADeadlineOfItsOwn) {
  const std::string first = WithKeys(kMailPolicy);
  const std::string second = absl::StrReplaceAll(
      Next(first, first),
      {{"obligation { lease { seconds: 172800 } }",
        "obligation { lease { seconds: 172800 } } obligation { retention { seconds: 3600 } "
        "}"},
       {"action: TRAIN action: EVALUATE dataset: \"mails\" purpose: \"plain\"",
        "action: TRAIN dataset: \"mails\" purpose: \"plain\""},
       {"rule {\n  id: \"train-locked\"", R"(rule { id: "evaluate-plain"
                 permit { obligation { transform { on_class: FREE_TEXT kind: KEEP } } }
                 scope { principal: "trainer" action: EVALUATE dataset: "mails" purpose: "plain"
                         data_class: FREE_TEXT data_class: LABEL } }
               rule { id: "train-locked")"}});
  ASSERT_OK(ApplyText(second));
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  EXPECT_EQ(permit.grant().deadline, clock_.now + absl::Hours(1));
  EXPECT_EQ(permit.grant().expires_at, permit.grant().deadline);
  const absl::Time asked = clock_.now;
  clock_.now += absl::Minutes(30);
  ASSERT_OK(Finish(std::move(permit)));
  EXPECT_EQ(custodian_->GetModel("m")->deadline, asked + absl::Hours(1));
  const custody::EvaluateRequest evaluation{.principal = "trainer",
                                            .dataset = "mails",
                                            .purpose = "plain",
                                            .columns = {"spam"},
                                            .model = "m"};
  clock_.now = asked + absl::Hours(1) - absl::Seconds(1);
  EXPECT_OK(custodian_->RequestEvaluate(evaluation));
  clock_.now = asked + absl::Hours(1);
  EXPECT_THAT(custodian_->RequestEvaluate(evaluation),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("deadline of model m")));
  EXPECT_EQ(LastEvent().reason_code(), "expired");
  // The data's comes first where it is the earlier one.
  clock_.now = asked + absl::Hours(240) - absl::Minutes(10);
  ASSERT_OK_AND_ASSIGN(auto late, custodian_->RequestTrain(PlainRun("n")));
  EXPECT_EQ(late.grant().deadline, asked + absl::Hours(240));
}

// The scored columns may be opened, but what the model learned may not be used.
TEST_F(Opening, EvaluatesNoModelOfClassesThatThePolicyDoesNotGrant) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PrivateRun("m")));
  ASSERT_OK(Finish(std::move(permit), 100));
  const custody::EvaluateRequest request{.principal = "trainer",
                                         .dataset = "mails",
                                         .purpose = "plain",
                                         .columns = {"spam"},
                                         .model = "m"};
  EXPECT_OK(custodian_->RequestEvaluate(request));
  custody::TrainRequest with_address = PrivateRun("address");
  with_address.columns = {"client_ip", "spam"};
  ASSERT_OK_AND_ASSIGN(auto other, custodian_->RequestTrain(with_address));
  ASSERT_OK(Finish(std::move(other), 100));
  custody::EvaluateRequest shut = request;
  shut.model = "address";
  EXPECT_THAT(custodian_->RequestEvaluate(shut),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("the model learned from NETWORK_ID")));
  EXPECT_EQ(LastEvent().reason_code(), "uncovered_column");
}

// The snapshot that is scored may live longer than the one it was learned from.
TEST_F(Opening, UsesAModelNoLongerThanItsDataMayExist) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK(Finish(std::move(permit)));
  custodian_.reset();
  {
    ASSERT_OK_AND_ASSIGN(const custody::Database db,
                         custody::Database::Open(JoinPath(home(), "keystore.db")));
    ASSERT_OK_AND_ASSIGN(custody::Statement update, db.Prepare("UPDATE model SET deadline_ns = ?"));
    ASSERT_OK(update.Bind(absl::ToUnixNanos(clock_.now + absl::Hours(1))).Run());
  }
  Open();
  const custody::EvaluateRequest request{.principal = "trainer",
                                         .dataset = "mails",
                                         .purpose = "plain",
                                         .columns = {"body", "spam"},
                                         .model = "m"};
  EXPECT_OK(custodian_->RequestEvaluate(request));
  clock_.now += absl::Hours(1);
  EXPECT_THAT(custodian_->RequestEvaluate(request),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("deadline of model m")));
  EXPECT_EQ(LastEvent().reason_code(), "expired");
}

TEST_F(Opening, RegistersNoModelWhoseIdItDidNotDraw) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  EXPECT_THAT(custodian_->FinishTrain(std::move(permit), Outcome::kSucceeded, 1,
                                      *crypto::RandomId(), Digest{}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
  EXPECT_THAT(custodian_->GetModel("m"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(Opening, GivesTheNameToTheRunThatFinishesFirst) {
  ASSERT_OK_AND_ASSIGN(auto first, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK_AND_ASSIGN(auto second, custodian_->RequestTrain(PlainRun("m")));
  EXPECT_OK(Finish(std::move(second)));
  EXPECT_THAT(Finish(std::move(first)), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
  EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
}

TEST_F(Opening, LeavesNoModelOfARunThatFailed) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK(custodian_->FinishTrain(std::move(permit), Outcome::kFailed, 1, Id{}, Digest{}));
  EXPECT_EQ(LastEvent().type(), audit::TRAIN_ACCESS);
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
  EXPECT_THAT(custodian_->GetModel("m"), StatusIs(absl::StatusCode::kNotFound));
  // The name is free for the next try.
  ASSERT_OK_AND_ASSIGN(auto again, custodian_->RequestTrain(PlainRun("m")));
  EXPECT_OK(Finish(std::move(again)));
}

}  // namespace
}  // namespace sealtrain::testing
