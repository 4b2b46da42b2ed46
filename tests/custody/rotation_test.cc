// A new root key: every key is wrapped anew, the old passphrase opens nothing,
// what was sealed stays readable, and the log tells of it.
#include <map>

#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

class Rotation : public FurnishedCustodyTest {
 protected:
  crypto::SecretBytes Other() const {
    return *crypto::SecretBytes::CopyFrom(AsBytes("close sesame"));
  }
  // Every wrapped key that the key store holds.
  std::map<std::string, std::string> Wrapped() const {
    std::map<std::string, std::string> wrapped;
    auto db = custody::Database::Open(JoinPath(home(), "keystore.db"));
    EXPECT_OK(db);
    auto select = db->Prepare(
        "SELECT name, wrapped FROM signing_key UNION ALL "
        "SELECT scope || data_class || '/' || key_epoch, wrapped FROM class_key");
    EXPECT_OK(select);
    while (*select->Step()) wrapped[select->Text(0)] = select->Text(1);
    return wrapped;
  }
};

TEST_F(Rotation, WrapsEveryKeyAnewAndLosesNone) {
  ASSERT_OK(IngestOneShard());
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PrivateRun("m", 100)));
  ASSERT_OK_AND_ASSIGN(const auto keys_before,
                       custodian_->ReleaseShardKeys(permit, newest_.shard(0)));
  const std::map<std::string, std::string> before = Wrapped();
  const crypto::PublicKey manifest_key = custodian_->manifest_public_key();

  ASSERT_OK(custodian_->RotateRootKey("admin", Other()));
  const audit::Event told = LastEvent();
  EXPECT_EQ(told.type(), audit::KEY_ROTATED);
  EXPECT_EQ(told.actor().principal(), "admin");
  EXPECT_EQ(told.object().key_id(), "root");
  EXPECT_EQ(told.object().key_epoch(), 2u);

  const std::map<std::string, std::string> after = Wrapped();
  ASSERT_EQ(after.size(), before.size());
  EXPECT_GT(after.size(), 8u);
  for (const auto& [name, wrapped] : before) EXPECT_NE(after.at(name), wrapped) << name;

  // A job that was let in before goes on, in this process and with new keys.
  ASSERT_OK_AND_ASSIGN(const auto keys_after,
                       custodian_->ReleaseShardKeys(permit, newest_.shard(0)));
  EXPECT_EQ(keys_after.columns.size(), keys_before.columns.size());
  ASSERT_OK(custodian_->FinishTrain(std::move(permit), custody::Outcome::kFailed, 0, Id{}, {}));

  custodian_.reset();
  EXPECT_THAT(Custodian::Open(options(), passphrase_),
              StatusIs(absl::StatusCode::kUnauthenticated, "wrong passphrase"));
  passphrase_ = Other();
  Open();
  EXPECT_EQ(custodian_->manifest_public_key(), manifest_key);
  ASSERT_OK_AND_ASSIGN(auto again, custodian_->RequestTrain(PrivateRun("n", 100)));
  EXPECT_OK(custodian_->ReleaseShardKeys(again, newest_.shard(0)));
  EXPECT_OK(custodian_->ReleaseNewModelKey(again));
}

TEST_F(Rotation, CountsRootKeysAndMayKeepThePassphrase) {
  for (std::uint32_t number = 1; number < 5; ++number) {
    ASSERT_OK_AND_ASSIGN(const custody::KeyList list, custodian_->ListKeys());
    EXPECT_EQ(list.root_number, number);
    ASSERT_OK(custodian_->RotateRootKey("admin", passphrase_));
    Reopen();
  }
}

TEST_F(Rotation, RefusesAnEmptyPassphraseAndABadPrincipal) {
  EXPECT_THAT(custodian_->RotateRootKey("admin", crypto::SecretBytes()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(custodian_->RotateRootKey("ad min", Other()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  Reopen();
}

TEST_F(Rotation, StopsAtAKeyThatDoesNotOpenAndKeepsTheOldRootKey) {
  const std::string path = JoinPath(home(), "keystore.db");
  custodian_.reset();
  {
    ASSERT_OK_AND_ASSIGN(custody::Database db, custody::Database::Open(path));
    // The last that is wrapped anew.
    ASSERT_OK(
        db.Execute("UPDATE class_key SET wrapped = (SELECT wrapped FROM class_key LIMIT 1) "
                   "WHERE rowid = (SELECT max(rowid) FROM class_key)"));
  }
  Open();
  EXPECT_THAT(custodian_->RotateRootKey("admin", Other()),
              StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("does not open")));
  Reopen();  // with the old passphrase
  EXPECT_EQ(custodian_->ListKeys()->root_number, 1u);
}

TEST_F(Rotation, ListsEachKeyByWhatItSeals) {
  ASSERT_OK_AND_ASSIGN(const custody::KeyList list, custodian_->ListKeys());
  std::set<int> classes;
  for (const custody::KeyInfo& key : list.keys) {
    EXPECT_EQ(key.dataset, "mails");
    EXPECT_EQ(key.model, "");
    EXPECT_EQ(key.key_epoch, 1u);
    classes.insert(key.data_class);
  }
  EXPECT_EQ(classes, (std::set<int>{DATA_CLASS_UNSPECIFIED, SUBJECT_KEY, DIRECT_IDENTIFIER,
                                    NETWORK_ID, FREE_TEXT, HEALTH, LABEL}));
}

// The key that signs the audit log, in two steps.
class LogKeyRotation : public FurnishedCustodyTest {
 protected:
  std::vector<std::string> Vkeys() const { return LogVkeys(home()); }
  absl::Status ReadWith(const std::string& vkey) const {
    return audit::LogReader::Open(Env::Posix(), JoinPath(home(), "audit"), {vkey}).status();
  }
  int datasets_ = 0;
};

TEST_F(LogKeyRotation, LetsBothSignAndThenTheNewOneAlone) {
  const std::vector<std::string> before = Vkeys();
  ASSERT_EQ(before.size(), 1u);
  ASSERT_OK(custodian_->AddLogKey("admin"));
  EXPECT_EQ(Vkeys(), before);
  Reopen();
  const std::vector<std::string> both = Vkeys();
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0], before[0]);
  EXPECT_EQ(LastEvent().type(), audit::KEY_ROTATED);
  EXPECT_EQ(LastEvent().object().key_id(), "audit-log");
  EXPECT_EQ(LastEvent().actor().principal(), "admin");
  for (const std::string& vkey : both) EXPECT_OK(ReadWith(vkey));

  ASSERT_OK(custodian_->DropOldLogKey("admin"));
  EXPECT_EQ(LastEvent().type(), audit::KEY_DESTROYED);
  Reopen();
  ASSERT_OK(custodian_->CreateDataset("admin", "others", schema_));
  ASSERT_OK(custodian_->AuditCheckpoint());
  EXPECT_EQ(Vkeys(), std::vector<std::string>({both[1], both[0]}));
  EXPECT_OK(ReadWith(both[1]));
  EXPECT_THAT(ReadWith(both[0]), StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_OK_AND_ASSIGN(auto reader,
                       audit::LogReader::Open(Env::Posix(), JoinPath(home(), "audit"), {both[1]}));
  EXPECT_OK(reader->Verify({}));
  // Once more, from the new one.
  ASSERT_OK(custodian_->AddLogKey("admin"));
  Reopen();
  ASSERT_OK(custodian_->DropOldLogKey("admin"));
  Reopen();
  EXPECT_EQ(Vkeys().size(), 3u);
}

TEST_F(LogKeyRotation, GoesStepByStep) {
  const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(custodian_->DropOldLogKey("admin"), refused);
  ASSERT_OK(custodian_->AddLogKey("admin"));
  EXPECT_THAT(custodian_->AddLogKey("admin"), refused);
  // Nothing that both have signed is in the log yet.
  EXPECT_THAT(custodian_->DropOldLogKey("admin"), refused);
  Reopen();
  EXPECT_THAT(custodian_->AddLogKey("admin"), refused);
  ASSERT_OK(custodian_->DropOldLogKey("admin"));
  EXPECT_THAT(custodian_->DropOldLogKey("admin"), refused);
  // This process does not sign with a key that comes now.
  ASSERT_OK(custodian_->AddLogKey("admin"));
  EXPECT_THAT(custodian_->DropOldLogKey("admin"), refused);
  Reopen();
  EXPECT_OK(custodian_->DropOldLogKey("admin"));
  Reopen();
  EXPECT_THAT(custodian_->AddLogKey("ad min"), StatusIs(absl::StatusCode::kInvalidArgument));
}

// What both signed must be where the log is opened from, or the new key opens nothing.
TEST_F(LogKeyRotation, KeepsTheOldKeyWhileTheDiskFails) {
  int refused = 0;
  for (const FaultEnv::Op op : {FaultEnv::Op::kRename, FaultEnv::Op::kSync}) {
    for (int skip = 0;; ++skip) {
      SCOPED_TRACE(absl::StrCat("operation ", skip));
      ASSERT_OK(custodian_->AddLogKey("admin"));
      custodian_.reset();
      const int failures = env_.failures();
      env_.FailOn(op, skip, absl::UnavailableError("no space left"));
      auto opened = Custodian::Open(options(), passphrase_);
      const bool failed = env_.failures() > failures;
      env_.Heal();
      if (opened.ok()) {
        // The disk works again, but what it did not take before may be missing.
        (*opened)->DropOldLogKey("admin").IgnoreError();
        opened->reset();
      } else {
        ++refused;
      }
      ASSERT_NO_FATAL_FAILURE(Open());
      if (!custodian_->DropOldLogKey("admin").ok()) {
        // It was dropped above.
        EXPECT_EQ(LastEvent().type(), audit::KEY_DESTROYED);
      }
      ASSERT_NO_FATAL_FAILURE(Reopen());
      ASSERT_OK(custodian_->CreateDataset("admin", absl::StrCat("d", ++datasets_), schema_));
      if (!failed) break;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST_F(LogKeyRotation, RefusesAKeyThatLogVkeyHasNoRoomFor) {
  std::string vkeys = Vkeys()[0] + "\n";
  for (int i = 1; i < 100; ++i) {
    const audit::VerifierKey key{.name = init().log_origin,
                                 .public_key = crypto::SigningKey::Generate()->public_key()};
    vkeys += audit::FormatVkey(key) + "\n";
  }
  custodian_.reset();
  std::ofstream(JoinPath(home(), "audit/log.vkey")) << vkeys;
  Open();
  EXPECT_THAT(custodian_->AddLogKey("admin"), StatusIs(absl::StatusCode::kResourceExhausted));
  Reopen();
}

TEST_F(LogKeyRotation, GoesTogetherWithANewRootKey) {
  ASSERT_OK(custodian_->AddLogKey("admin"));
  ASSERT_OK_AND_ASSIGN(auto passphrase, crypto::SecretBytes::CopyFrom(AsBytes("close sesame")));
  ASSERT_OK(custodian_->RotateRootKey("admin", passphrase));
  passphrase_ = std::move(passphrase);
  Reopen();
  ASSERT_OK(custodian_->DropOldLogKey("admin"));
  Reopen();
  EXPECT_OK(ReadWith(Vkeys()[0]));
}

}  // namespace
}  // namespace sealtrain::testing
