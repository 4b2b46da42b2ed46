#include "sealtrain/custody/key_store_internal.h"

#include "sealtrain/base/env.h"
#include "sealtrain/custody/home_database_internal.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::testing {
namespace {

using custody::KeyStore;
using custody::kFirstKeyEpoch;

crypto::Kek RootWithSealsLeft(std::uint64_t seals) {
  crypto::Kek root =
      crypto::Kek::FromBytes(crypto::SecretBytes::CopyFrom(Bytes(32, 1)).value()).value();
  EXPECT_OK(root.CountSeals(crypto::kMaxSealsPerKey - seals));
  return root;
}

class KeyStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<custody::Database> CreateDatabase() {
    return custody::CreateHomeDatabase(Env::Posix(), folder_.Join("keystore.db"));
  }

  TempDir folder_;
};

TEST_F(KeyStoreTest, StopsWhereTheRootKeyHasWrappedAllItMay) {
  ASSERT_OK_AND_ASSIGN(custody::Database db, CreateDatabase());
  ASSERT_OK_AND_ASSIGN(KeyStore keys, KeyStore::Open(db, RootWithSealsLeft(2)));
  ASSERT_OK_AND_ASSIGN(const crypto::SigningKey signing_key, crypto::SigningKey::Generate());
  ASSERT_OK(keys.AddSigningKey(custody::kManifestKey, signing_key));
  ASSERT_OK(keys.AddClassKey("dataset:a", 1, kFirstKeyEpoch));
  EXPECT_THAT(keys.AddClassKey("dataset:a", 2, kFirstKeyEpoch),
              StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_OK_AND_ASSIGN(const bool made, keys.HasClassKey("dataset:a", 2, kFirstKeyEpoch));
  EXPECT_FALSE(made);
  EXPECT_OK(keys.GetClassKey("dataset:a", 1, kFirstKeyEpoch));
}

TEST_F(KeyStoreTest, CountsWhatIsWrappedFromEarlier) {
  ASSERT_OK_AND_ASSIGN(custody::Database db, CreateDatabase());
  {
    ASSERT_OK_AND_ASSIGN(KeyStore keys, KeyStore::Open(db, RootWithSealsLeft(100)));
    ASSERT_OK_AND_ASSIGN(const crypto::SigningKey signing_key, crypto::SigningKey::Generate());
    ASSERT_OK(keys.AddSigningKey(custody::kManifestKey, signing_key));
    ASSERT_OK(keys.AddClassKey("dataset:a", 1, kFirstKeyEpoch));
    ASSERT_OK(keys.AddClassKey("dataset:a", 2, kFirstKeyEpoch));
  }
  ASSERT_OK_AND_ASSIGN(KeyStore keys, KeyStore::Open(db, RootWithSealsLeft(4)));
  ASSERT_OK(keys.AddClassKey("dataset:a", 3, kFirstKeyEpoch));
  EXPECT_THAT(keys.AddClassKey("dataset:a", 4, kFirstKeyEpoch),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(KeyStore::Open(db, RootWithSealsLeft(3)).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace sealtrain::testing
