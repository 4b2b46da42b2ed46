// What a power cut at any moment leaves of a log: everything that was acknowledged is
// there, and no two checkpoints that anybody can have seen disagree.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/audit_log.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/recording_env.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::CrashBounds;
using ::sealtrain::testing::CrashCount;
using ::sealtrain::testing::DiskState;
using ::sealtrain::testing::FaultEnv;
using ::sealtrain::testing::RecordingEnv;
using ::sealtrain::testing::TempDir;

class PowerCutTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kBefore = 253;  // entries; soon a tile is full

  void SetUp() override {
    MakeLogAtOnce(log_dir_, kBefore);
    Tell(0, kBefore, ReadText(log_dir_ + "/checkpoint"));
  }

  // What somebody was told, from so many changes to the disk on.
  void Tell(std::size_t since, std::uint64_t size, std::string note) {
    told_.push_back({since, size, std::move(note)});
  }

  // A writer's life: `publish` says after which of its entries it publishes.
  void Write(RecordingEnv& recording, const LogOptions& options, int entries,
             const std::set<int>& publish) {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(recording, options, TestKey()));
    for (int i = 1; i <= entries; ++i) {
      ASSERT_OK(log->Append(TestEvent(log->size())));
      Tell(recording.changes(), log->size(), log->checkpoint());
      if (!publish.contains(i)) continue;
      ASSERT_OK(log->Publish());
    }
  }

  // Opens what is left at `moment`, and goes on with another entry than the writer did.
  void ExpectSound(std::size_t moment, const std::string& directory) {
    std::uint64_t promised = 0;
    std::vector<std::string> notes;
    for (const Told& told : told_) {
      if (told.since > moment) continue;
      promised = std::max(promised, told.size);
      notes.push_back(told.note);
    }
    SCOPED_TRACE(absl::StrCat("after ", moment, " changes"));
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, directory));
    ASSERT_GE(log->size(), promised);
    ASSERT_OK(AppendAndPublish(*log, TestEvent(7'000)));
    ASSERT_OK(VerifyLog(directory, notes));
  }

  // In every state that a crash leaves; for a few of them, in states that are left when
  // their recovery is cut off as well.
  CrashCount ExpectSoundAfterAnyCrash(const RecordingEnv& recording,
                                      const CrashBounds& states = {.exhaustive = 16, .drawn = 4},
                                      std::size_t first = 0) {
    std::size_t visited = 0;
    std::size_t recoveries = 0;
    const std::string crashed = dir_.Join("crashed");
    return recording.ForEachCrashState(
        states,
        [&](std::size_t moment, const DiskState& disk) {
          if (HasFailure()) return;
          fs::remove_all(crashed);
          disk.WriteTo(crashed);
          if (visited++ % 61 != 0) return ExpectSound(moment, crashed);
          RecordingEnv recovering(crashed);
          ASSERT_OK(OpenTestLog(recovering, crashed)) << "after " << moment << " changes";
          const std::string twice = dir_.Join("twice");
          const CrashBounds bounds{.exhaustive = 4, .drawn = 2};
          recovering.ForEachCrashState(bounds, [&](std::size_t, const DiskState& left) {
            if (HasFailure() || recoveries++ % 31 != 0) return;
            fs::remove_all(twice);
            left.WriteTo(twice);
            ExpectSound(moment, twice);
            ++twice_;
          });
        },
        first);
  }

  struct Told {
    std::size_t since;
    std::uint64_t size;
    std::string note;
  };
  TempDir dir_{TempDir::ParentInMemory()};
  const std::string log_dir_ = dir_.Join("log");
  std::vector<Told> told_;
  std::size_t twice_ = 0;  // states that two crashes left
};

TEST_F(PowerCutTest, LosesNothingThatWasAcknowledged) {
  RecordingEnv recording(log_dir_);
  // Some published by themselves, some together, over the end of a tile, some at the end.
  Write(recording, TestOptions(log_dir_), 6, {1, 2, 5});
  // And another writer that goes on.
  Write(recording, TestOptions(log_dir_), 1, {});
  const CrashCount count = ExpectSoundAfterAnyCrash(recording);
  EXPECT_GT(count.distinct, 500u);
  EXPECT_GT(twice_, 50u);
}

TEST_F(PowerCutTest, LosesNothingWhileTheWriteAheadLogIsReplaced) {
  RecordingEnv recording(log_dir_);
  LogOptions options = TestOptions(log_dir_);
  options.wal_records = 3;
  Write(recording, options, 7, {2, 6});
  const CrashCount count = ExpectSoundAfterAnyCrash(recording);
  EXPECT_GT(count.distinct, 500u);
  EXPECT_GT(twice_, 50u);
}

// The file grows by zeros, and a record lies over what was there and what is new.
TEST_F(PowerCutTest, LosesNothingWhileTheWriteAheadLogGrows) {
  RecordingEnv recording(log_dir_);
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(recording, log_dir_));
    for (int i = 0; i < 5; ++i) {
      Event event = TestEvent(log->size());
      event.set_purpose(std::string(16'000, 'x'));
      ASSERT_OK(log->Append(event));
      Tell(recording.changes(), log->size(), log->checkpoint());
    }
  }
  ASSERT_GT(fs::file_size(log_dir_ + "/.state/wal"), std::uintmax_t{128 << 10});
  const CrashCount count = ExpectSoundAfterAnyCrash(recording);
  EXPECT_GT(count.distinct, 50u);
  EXPECT_GT(twice_, 50u);
}

// The disk is full, now and then: a last word lies over the reserve, and zeros that did not fit
// behind it; files are left half written, and written anew; the write-ahead log is not
// replaced, and then is.
TEST_F(PowerCutTest, LosesNothingOnAFullDisk) {
  RecordingEnv recording(log_dir_);
  LogOptions options = TestOptions(log_dir_);
  options.wal_records = 3;
  {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(recording, options, TestKey()));
    const auto append = [&](Phase phase, std::size_t bytes) -> absl::Status {
      Event event = TestEvent(log->size());
      event.set_phase(phase);
      event.set_purpose(std::string(bytes, 'x'));
      const absl::StatusOr<std::uint64_t> index = log->Append(event);
      if (index.ok()) Tell(recording.changes(), log->size(), log->checkpoint());
      return index.status();
    };
    ASSERT_OK(append(INTENT, 16'000));
    ASSERT_OK(append(INTENT, 16'000));
    // Enough for a half of what is to be published.
    recording.LeaveSpace(16'500);
    EXPECT_TRUE(IsDiskFull(log->Publish()));
    ASSERT_OK(append(INTENT, 16'000));
    EXPECT_TRUE(IsDiskFull(append(INTENT, 16'000)));
    ASSERT_OK(append(SUCCEEDED, 16'000));
    ASSERT_OK(append(FAILED, 16'000));
    EXPECT_TRUE(IsDiskFull(log->Publish()));
    // For that and `last`, not for another write-ahead log.
    recording.LeaveSpace(200'000);
    EXPECT_TRUE(IsDiskFull(log->Publish()));
    ASSERT_OK(append(SUCCEEDED, 10));
    recording.LeaveSpace(std::nullopt);
    ASSERT_OK(append(INTENT, 16'000));
    ASSERT_OK(log->Publish());
    ASSERT_OK(append(INTENT, 10));
  }
  const CrashCount count = ExpectSoundAfterAnyCrash(recording);
  EXPECT_GT(count.distinct, 500u);
  EXPECT_GT(twice_, 50u);
}

// A sync fails, in an append or while the write-ahead log is replaced, and the process ends.
// Another goes on from what is in the page cache; then comes the power cut.
TEST_F(PowerCutTest, LosesNothingWhereASyncHadFailedBefore) {
  for (const FaultEnv::Op op : {FaultEnv::Op::kSync, FaultEnv::Op::kSyncDir}) {
    bool failed = true;
    for (int skip = 0; failed && !HasFailure(); ++skip) {
      SCOPED_TRACE(absl::StrCat("failure of ", static_cast<int>(op), " after ", skip));
      fs::remove_all(log_dir_);
      told_.clear();
      MakeLogAtOnce(log_dir_, 2);
      RecordingEnv recording(log_dir_);
      LogOptions options = TestOptions(log_dir_);
      options.wal_records = 2;
      {
        ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(recording, options, TestKey()));
        recording.FailOn(op, skip, absl::UnavailableError("broken"), /*times=*/1);
        for (int i = 0; i < 3; ++i) {
          if (!log->Append(TestEvent(log->size())).ok()) break;
          Tell(recording.changes(), log->size(), log->checkpoint());
          if (!log->Publish().ok()) break;
        }
      }
      failed = recording.failures() > 0;
      recording.Heal();
      const std::size_t reopened = recording.changes();
      Write(recording, options, 1, {});
      ExpectSoundAfterAnyCrash(recording, {.exhaustive = 4, .drawn = 2}, reopened);
    }
    EXPECT_FALSE(failed);
  }
}

}  // namespace
}  // namespace sealtrain::audit
