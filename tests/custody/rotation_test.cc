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

}  // namespace
}  // namespace sealtrain::testing
