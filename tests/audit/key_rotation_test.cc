// The key of a log is replaced, with a time in which both sign.
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/audit/vkey_file.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/recording_env.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::RecordingEnv;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::HasSubstr;

constexpr std::uint8_t kOld = 7;
constexpr std::uint8_t kNew = 8;

TEST(VkeyFile, RoundTrips) {
  const std::vector<VerifierKey> keys = {TestVerifier(kNew), TestVerifier(kOld)};
  const std::string text = FormatVkeyFile(keys);
  EXPECT_EQ(text, absl::StrCat(FormatVkey(keys[0]), "\n", FormatVkey(keys[1]), "\n"));
  ASSERT_OK_AND_ASSIGN(const std::vector<VerifierKey> parsed, ParseVkeyFile(text));
  EXPECT_EQ(parsed, keys);
}

TEST(VkeyFile, RefusesWhatIsNone) {
  const std::string one = absl::StrCat(FormatVkey(TestVerifier()), "\n");
  VerifierKey other = TestVerifier(kNew);
  other.name = "example.org/other";
  std::string many;
  for (int seed = 1; seed <= 101; ++seed) {
    many += FormatVkeyFile({TestVerifier(static_cast<std::uint8_t>(seed))});
  }
  for (const std::string& bad : std::vector<std::string>{
           "", "\n", one + "\n", one + one, FormatVkey(TestVerifier()), one + " \n",
           one + FormatVkeyFile({other}), one + "nonsense\n", many}) {
    EXPECT_THAT(ParseVkeyFile(bad), StatusIs(kDataLoss)) << bad.substr(0, 200);
  }
}

class KeyRotationTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<AuditLog>> Open(Env& environment, std::uint8_t key,
                                                 std::optional<std::uint8_t> next = {}) {
    std::optional<crypto::SigningKey> next_key;
    if (next) next_key = TestKey(*next);
    return AuditLog::Open(environment, TestOptions(log_dir_), TestKey(key), std::move(next_key));
  }
  void Append(std::uint8_t key, std::optional<std::uint8_t> next, int count) {
    ASSERT_OK_AND_ASSIGN(auto log, Open(env, key, next));
    for (int i = 0; i < count; ++i) ASSERT_OK(AppendAndPublish(*log, TestEvent(log->size())));
  }
  static std::string Vkey(std::uint8_t seed) { return FormatVkey(TestVerifier(seed)); }
  absl::StatusOr<VerifyReport> Verify(const std::vector<std::string>& vkeys,
                                      const std::vector<KeptCheckpoint>& old = {}) {
    auto reader = LogReader::Open(env, log_dir_, vkeys);
    if (!reader.ok()) return reader.status();
    return (*reader)->Verify(old);
  }
  std::string VkeyFile() { return ReadText(log_dir_ + "/log.vkey"); }

  TempDir dir_{TempDir::ParentInMemory()};
  const std::string log_dir_ = dir_.Join("log");
};

TEST_F(KeyRotationTest, IsSeenByThoseWhoKnowTheOldKeyTheNewOneOrBoth) {
  MakeLog(log_dir_, 3);
  const KeptCheckpoint before{.name = "before", .note = ReadText(log_dir_ + "/checkpoint")};
  EXPECT_EQ(VkeyFile(), Vkey(kOld) + "\n");

  Append(kOld, kNew, 2);
  const KeptCheckpoint during{.name = "during", .note = ReadText(log_dir_ + "/checkpoint")};
  EXPECT_EQ(VkeyFile(), Vkey(kOld) + "\n" + Vkey(kNew) + "\n");
  EXPECT_EQ(ParseNote(during.note)->signatures.size(), 2u);
  for (const auto& vkeys : std::vector<std::vector<std::string>>{
           {}, {Vkey(kOld)}, {Vkey(kNew)}, {Vkey(kOld), Vkey(kNew)}, {Vkey(kNew), Vkey(9)}}) {
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(vkeys, {before, during}));
    EXPECT_EQ(report.older_checkpoints, 8u);
  }
  EXPECT_THAT(Verify({Vkey(9)}), StatusIs(kDataLoss, HasSubstr("not the trusted")));

  Append(kNew, std::nullopt, 2);
  EXPECT_EQ(VkeyFile(), Vkey(kNew) + "\n" + Vkey(kOld) + "\n");
  EXPECT_EQ(ParseNote(ReadText(log_dir_ + "/checkpoint"))->signatures.size(), 1u);
  for (const auto& vkeys :
       std::vector<std::vector<std::string>>{{}, {Vkey(kNew)}, {Vkey(kOld), Vkey(kNew)}}) {
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(vkeys, {before, during}));
    EXPECT_EQ(report.checkpoint.size, 7u);
    EXPECT_EQ(report.older_checkpoints, 10u);
  }
  // The old key vouches for nothing new.
  EXPECT_THAT(Verify({Vkey(kOld)}),
              StatusIs(kDataLoss, HasSubstr(absl::StrCat("signed by ", Vkey(kNew)))));
}

TEST_F(KeyRotationTest, DoesNotTrustTheOldKeyForTheNewestCheckpoint) {
  MakeLog(log_dir_, 3);
  Append(kOld, kNew, 1);
  Append(kNew, std::nullopt, 1);
  // Whoever stole it signs as it did.
  ASSERT_OK_AND_ASSIGN(const auto reader, LogReader::Open(env, log_dir_));
  WriteText(log_dir_ + "/checkpoint", *SignCheckpoint(reader->checkpoint(), TestKey(kOld)));
  EXPECT_THAT(Verify({Vkey(kNew)}), StatusIs(kDataLoss));
}

TEST_F(KeyRotationTest, RefusesAWrongSignatureOfEitherKey) {
  MakeLog(log_dir_, 3);
  Append(kOld, kNew, 1);
  const std::string good = ReadText(log_dir_ + "/checkpoint");
  for (const std::uint8_t seed : {kOld, kNew}) {
    const std::string other = *SignNote("another text\n", kTestOrigin, TestKey(seed));
    WriteText(log_dir_ + "/checkpoint", good + other.substr(other.find("\n\n") + 2));
    EXPECT_THAT(Verify({}), StatusIs(kDataLoss)) << int{seed};
    EXPECT_THAT(Verify({Vkey(seed)}), StatusIs(kDataLoss)) << int{seed};
  }
}

TEST_F(KeyRotationTest, ProvesEntriesUnderEitherKey) {
  MakeLog(log_dir_, 3);
  Append(kOld, kNew, 1);
  ASSERT_OK_AND_ASSIGN(const auto reader, LogReader::Open(env, log_dir_));
  ASSERT_OK_AND_ASSIGN(const std::string proof, reader->Prove(1));
  const std::string entry = TestEvent(1).SerializeAsString();
  for (const std::uint8_t seed : {kOld, kNew}) {
    ASSERT_OK_AND_ASSIGN(const ProvenEntry proven, CheckProof(proof, AsBytes(entry), {Vkey(seed)}));
    EXPECT_EQ(proven.key, TestVerifier(seed));
  }
  EXPECT_THAT(CheckProof(proof, AsBytes(entry), {Vkey(9)}), StatusIs(kDataLoss));
}

TEST_F(KeyRotationTest, NeedsAnEntryUnderBothKeysFirst) {
  MakeLog(log_dir_, 3);
  EXPECT_THAT(Open(env, kNew), StatusIs(kDataLoss, HasSubstr("log.vkey")));
  EXPECT_THAT(Open(env, kNew, kOld), StatusIs(kDataLoss));
  Append(kOld, kNew, 0);
  EXPECT_THAT(Open(env, kNew), StatusIs(kDataLoss));
  // Nothing is spoilt by trying, and the old key is still the key.
  Append(kOld, std::nullopt, 1);
  Append(kOld, kNew, 1);
  Append(kNew, kOld, 1);
  EXPECT_EQ(VkeyFile(), Vkey(kNew) + "\n" + Vkey(kOld) + "\n");
  Append(kNew, std::nullopt, 1);
  ASSERT_OK(Verify({Vkey(kNew)}));
  // And then it is not.
  EXPECT_THAT(Open(env, kOld), StatusIs(kDataLoss));
  EXPECT_THAT(Open(env, kOld, kNew), StatusIs(kDataLoss));
  EXPECT_THAT(Open(env, kNew, kNew), StatusIs(kInvalid));
}

TEST_F(KeyRotationTest, CanBeDoneAgain) {
  MakeLog(log_dir_, 1);
  for (std::uint8_t seed = kOld; seed < kOld + 4; ++seed) {
    Append(seed, static_cast<std::uint8_t>(seed + 1), 1);
    Append(static_cast<std::uint8_t>(seed + 1), std::nullopt, 1);
  }
  EXPECT_EQ(ParseVkeyFile(VkeyFile())->size(), 5u);
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify({Vkey(kOld + 4)}));
  EXPECT_EQ(report.checkpoint.size, 9u);
}

// Whenever it is cut off, the log opens again with the keys that it was opened with
// or with those before, has every entry that was acknowledged, and verifies.
TEST_F(KeyRotationTest, SurvivesACrashAtAnyMoment) {
  MakeLog(log_dir_, 2);
  RecordingEnv recording(log_dir_);
  std::vector<std::pair<std::size_t, std::uint64_t>> acknowledged = {{0, 2}};  // since when, size
  const auto run = [&](std::uint8_t key, std::optional<std::uint8_t> next, int count) {
    ASSERT_OK_AND_ASSIGN(auto log, Open(recording, key, next));
    for (int i = 0; i < count; ++i) {
      ASSERT_OK(log->Append(TestEvent(log->size())));
      acknowledged.emplace_back(recording.changes(), log->size());
      ASSERT_OK(log->Publish());
    }
  };
  run(kOld, kNew, 2);
  const std::size_t both = recording.changes();
  run(kNew, std::nullopt, 2);

  const auto visit = [&](std::size_t moment, const testing::DiskState& disk) {
    fs::remove_all(log_dir_);
    disk.WriteTo(log_dir_);
    std::uint64_t promised = 0;
    for (const auto& [since, size] : acknowledged) {
      if (since <= moment) promised = size;
    }
    auto log = moment <= both ? Open(env, kOld, kNew) : Open(env, kNew);
    ASSERT_OK(log) << "after " << moment << " changes";
    ASSERT_GE((*log)->size(), promised);
    ASSERT_OK(AppendAndPublish(**log, TestEvent((*log)->size())));
    ASSERT_OK(Verify({Vkey(kNew)})) << "after " << moment << " changes";
    ASSERT_OK(Verify({})) << "after " << moment << " changes";
  };
  const testing::CrashCount count = recording.ForEachCrashState({.exhaustive = 16}, visit);
  EXPECT_GT(count.distinct, 100u);
}

}  // namespace
}  // namespace sealtrain::audit
