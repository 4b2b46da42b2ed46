// Making and opening a home.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

class Home : public CustodyTest {};

TEST_F(Home, OpensAgainWithThePassphrase) {
  const crypto::PublicKey key = custodian_->manifest_public_key();
  Reopen();
  EXPECT_EQ(custodian_->manifest_public_key(), key);
}

TEST_F(Home, RefusesAWrongPassphrase) {
  custodian_.reset();
  const auto wrong = *crypto::SecretBytes::CopyFrom(AsBytes("open sesamf"));
  EXPECT_THAT(Custodian::Open(options(), wrong),
              StatusIs(absl::StatusCode::kUnauthenticated, "wrong passphrase"));
  EXPECT_THAT(Custodian::Open(options(), crypto::SecretBytes()),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(Home, IsMadeOnlyOnce) {
  EXPECT_THAT(Custodian::Create(options(), init(), passphrase_),
              StatusIs(absl::StatusCode::kUnavailable));  // we hold it open
  custodian_.reset();
  EXPECT_THAT(Custodian::Create(options(), init(), passphrase_),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(Home, IsOpenInOneProcessAtATime) {
  EXPECT_THAT(Custodian::Open(options(), passphrase_), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(Home, IsNotFoundWhereThereIsNone) {
  EXPECT_THAT(Custodian::Open({.home = dir_.Join("nowhere")}, passphrase_),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(dir_.Join("nowhere")));
}

TEST_F(Home, NeedsAPassphraseAndAnOrigin) {
  const custody::CustodianOptions other{.home = dir_.Join("other")};
  EXPECT_THAT(Custodian::Create(other, init(), crypto::SecretBytes()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  Custodian::InitOptions bad = init();
  bad.log_origin = "has spaces";
  EXPECT_THAT(Custodian::Create(other, bad, passphrase_),
              StatusIs(absl::StatusCode::kInvalidArgument));
  // Neither attempt stands in the way of a good one.
  EXPECT_OK(Custodian::Create(other, init(), passphrase_));
}

TEST_F(Home, IsReadableForItsOwnerAlone) {
  for (const char* name : {"keystore.db", "config.textproto", "lock"}) {
    struct stat st;
    ASSERT_EQ(::stat(JoinPath(home(), name).c_str(), &st), 0) << name;
    EXPECT_EQ(st.st_mode & 0777, 0600u) << name;
  }
  struct stat st;
  ASSERT_EQ(::stat(home().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700u);
}

TEST_F(Home, HoldsNoKeyInTheClear) {
  // The manifest key's public half is in no file; its seed cannot be found by
  // trying every 32 bytes of the key store as one.
  std::ifstream file(JoinPath(home(), "keystore.db"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  ASSERT_GT(bytes.size(), 1000u);
  custodian_.reset();
  Open();
  for (std::size_t i = 0; i + 32 <= bytes.size(); ++i) {
    if (bytes[i] == 0 && bytes[i + 1] == 0 && bytes[i + 2] == 0) continue;  // empty pages
    const auto seed =
        *crypto::SecretBytes::CopyFrom(AsBytes(absl::string_view(bytes).substr(i, 32)));
    ASSERT_NE(crypto::SigningKey::FromSeed(seed)->public_key(), custodian_->manifest_public_key());
  }
}

TEST_F(Home, RefusesAConfigurationOfAnotherFormat) {
  custodian_.reset();
  const std::string path = JoinPath(home(), "config.textproto");
  const std::string good = *Env::Posix().ReadFile(path, 1 << 20);
  for (const char* bad : {"format: 2", "format: 1 surprise: 2", "format: 1 {"}) {
    std::ofstream(path) << absl::StrReplaceAll(good, {{"format: 1", bad}});
    EXPECT_THAT(Custodian::Open(options(), passphrase_), StatusIs(absl::StatusCode::kDataLoss))
        << bad;
  }
  std::ofstream(path) << good;
  EXPECT_OK(Custodian::Open(options(), passphrase_));
}

TEST_F(Home, RefusesOutrageousArgon2ParametersBeforeItRuns) {
  custodian_.reset();
  const std::string path = JoinPath(home(), "keystore.db");
  const std::string good = *Env::Posix().ReadFile(path, 1 << 24);
  for (const char* change :
       {"memory_bytes = 4294967296", "memory_bytes = 1024", "memory_bytes = -1",
        "passes = 4294967295", "passes = 4294967297", "passes = 0", "provider = 'sticky note'",
        "number = 0", "number = 4294967296", "salt = x'00'"}) {
    {
      ASSERT_OK_AND_ASSIGN(custody::Database db, custody::Database::Open(path));
      ASSERT_OK(db.Execute(absl::StrCat("UPDATE root_key SET ", change).c_str()));
    }
    EXPECT_THAT(Custodian::Open(options(), passphrase_),
                StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("key store: ")))
        << change;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << good;
  }
  for (const char* change :
       {"DELETE FROM root_key",
        "INSERT INTO root_key SELECT 2, provider, memory_bytes, passes, salt FROM root_key"}) {
    {
      ASSERT_OK_AND_ASSIGN(custody::Database db, custody::Database::Open(path));
      ASSERT_OK(db.Execute(change));
    }
    EXPECT_THAT(Custodian::Open(options(), passphrase_), StatusIs(absl::StatusCode::kDataLoss))
        << change;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << good;
  }
  EXPECT_OK(Custodian::Open(options(), passphrase_));
}

TEST_F(Home, RefusesADamagedKeyStore) {
  ASSERT_NO_FATAL_FAILURE(Furnish());
  custodian_.reset();
  const std::string path = JoinPath(home(), "keystore.db");
  const std::string good = *Env::Posix().ReadFile(path, 1 << 24);
  const auto write = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  };
  std::string cut = good.substr(0, good.size() / 2);
  write(cut);
  EXPECT_THAT(Custodian::Open(options(), passphrase_), StatusIs(absl::StatusCode::kDataLoss));
  std::string other_version = good;
  other_version[63] = 9;  // user_version, big-endian at 60
  write(other_version);
  EXPECT_THAT(Custodian::Open(options(), passphrase_), StatusIs(absl::StatusCode::kDataLoss));
  write(
      "not a database at all, but long enough to be looked at twice or more often than that.....");
  EXPECT_THAT(Custodian::Open(options(), passphrase_), StatusIs(absl::StatusCode::kDataLoss));
  std::filesystem::remove(path);
  EXPECT_THAT(Custodian::Open(options(), passphrase_), StatusIs(absl::StatusCode::kDataLoss));
  write(good);
  EXPECT_OK(Custodian::Open(options(), passphrase_));
}

// A failure at any write, sync or rename leaves nothing that Open accepts.
TEST(HomeCreation, IsAllOrNothing) {
  using Op = FaultEnv::Op;
  const auto passphrase = *crypto::SecretBytes::CopyFrom(AsBytes("open sesame"));
  const custody::Custodian::InitOptions init{.log_origin = "example.org/sealtrain/audit",
                                             .argon2 = {.memory_bytes = 8 << 10, .passes = 1}};
  int failures = 0;
  for (const Op op : {Op::kAppend, Op::kSync, Op::kRename, Op::kSyncDir, Op::kOpenForWrite}) {
    for (int skip = 0;; ++skip) {
      TempDir dir;
      FaultEnv env;
      env.FailOn(op, skip, absl::UnavailableError("injected"));
      const custody::CustodianOptions options{.home = dir.Join("home"), .env = &env};
      const absl::Status created = custody::Custodian::Create(options, init, passphrase);
      env.Heal();
      if (created.ok()) {
        EXPECT_OK(custody::Custodian::Open(options, passphrase));
        break;  // beyond the last one
      }
      ++failures;
      EXPECT_THAT(custody::Custodian::Open(options, passphrase),
                  StatusIs(absl::StatusCode::kNotFound));
      // Nothing is left in the way of another try.
      EXPECT_OK(custody::Custodian::Create(options, init, passphrase));
      EXPECT_OK(custody::Custodian::Open(options, passphrase));
      ASSERT_LT(skip, 100);
    }
  }
  EXPECT_GT(failures, 10);
}

}  // namespace
}  // namespace sealtrain::testing
