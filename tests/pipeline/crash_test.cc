// What a power cut, a full disk and a lying disk leave of an ingestion: the old
// snapshot or the new one, and a re-run that ends with every record exactly once.
// The same of a sweep and of a new root key.
// The world's home and store lie on one recorded disk, SQLite's writes included.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/pipeline/dataset/store_layout.h"
#include "sealtrain/pipeline/sweep.h"
#include "sealtrain/tests/pipeline/ingestion_fixture.h"
#include "sealtrain/tests/util/recording_env.h"
#include "sealtrain/tests/util/sqlite_through_env.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::pipeline {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::ColumnOf;
using ::sealtrain::testing::CrashBounds;
using ::sealtrain::testing::CrashCount;
using ::sealtrain::testing::CsvRows;
using ::sealtrain::testing::DiskState;
using ::sealtrain::testing::FaultEnv;
using ::sealtrain::testing::IngestCsvInto;
using ::sealtrain::testing::IngestionTest;
using ::sealtrain::testing::RecordingEnv;
using ::sealtrain::testing::SqliteThroughEnv;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::sealtrain::testing::TestWorld;

constexpr int kOldRows = 2;
constexpr int kAllRows = 5;
// Rebuilding and checking a state takes some hundredths of a second.
constexpr CrashBounds kBounds = {.exhaustive = 64, .drawn = 4};
// Where a state says little that its neighbours do not.
constexpr CrashBounds kNarrowBounds = {.exhaustive = 8, .drawn = 1};
// Where there are few moments.
constexpr CrashBounds kWideBounds = {.exhaustive = 256, .drawn = 128};

// Makes all files in a folder two days old.
void Age(const std::string& folder) {
  const auto then = fs::file_time_type::clock::now() - std::chrono::hours(48);
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) fs::last_write_time(entry.path(), then);
  }
}

class CrashTest : public IngestionTest {
 protected:
  // Rows 0 to kOldRows - 1 of the source are committed.
  void SetUp() override {
    IngestionTest::SetUp();
    ASSERT_OK(IngestCsv(CsvRows(0, kOldRows), JobIn(world())));
  }

  std::string world() const { return world_->folder().path(); }

  // A job of two shards over the rows of the named source, in this world or in
  // a copy of it.
  IngestionOptions JobIn(const std::string& folder, Env& env = Env::Posix()) const {
    IngestionOptions options = Options();
    options.store = JoinPath(folder, "store");
    options.source_name = "source";
    options.rows_per_shard = 2;
    options.env = &env;
    return options;
  }
  static absl::StatusOr<std::unique_ptr<custody::Custodian>> OpenIn(
      const std::string& folder, Env& env = Env::Posix(),
      absl::string_view word = TestWorld::kPassphrase) {
    auto passphrase = crypto::SecretBytes::CopyFrom(AsBytes(word));
    if (!passphrase.ok()) return passphrase.status();
    return custody::Custodian::Open({.home = JoinPath(folder, "home"), .env = &env}, *passphrase);
  }

  void ExpectRows(custody::Custodian& custodian, const std::string& folder, int rows) {
    const std::string store = JoinPath(folder, "store");
    ASSERT_OK(VerifyDataset(custodian, Env::Posix(), store, "flat"));
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> ages,
                         ColumnOf(custodian, store, TrainRequestFor({"age"}), "age"));
    ASSERT_EQ(ages.size(), static_cast<std::size_t>(rows));
    for (int i = 0; i < rows; ++i) ASSERT_EQ(ages[static_cast<std::size_t>(i)], absl::StrCat(i));
  }

  // The log tells of each commit once. ForEach() proves what it shows.
  static void ExpectCommitsTold(custody::Custodian& custodian, const std::string& folder,
                                int commits) {
    ASSERT_OK(custodian.AuditCheckpoint());
    auto log = audit::LogReader::Open(Env::Posix(), JoinPath(folder, "home/audit"));
    ASSERT_OK(log);
    int told = 0;
    ASSERT_OK((*log)->ForEach(0, (*log)->checkpoint().size, [&](const audit::Entry& entry) {
      if (entry.event.type() == audit::SNAPSHOT_COMMITTED &&
          entry.event.phase() == audit::SUCCEEDED) {
        ++told;
      }
      return true;
    }));
    ASSERT_EQ(told, commits);
  }

  // Every checkpoint of before included.
  static void ExpectSoundLog(const std::string& folder) {
    const auto log = audit::LogReader::Open(Env::Posix(), JoinPath(folder, "home/audit"));
    ASSERT_OK(log);
    ASSERT_OK((*log)->Verify({}));
  }

  // What lies in `folder` is the old or the new snapshot, its log says so, and
  // the job can be run again and ends with all rows once. Returns the generation
  // that was found.
  std::uint64_t CheckFolder(const std::string& folder) {
    std::uint64_t generation = 0;
    [&] {
      ASSERT_OK_AND_ASSIGN(const auto custodian, OpenIn(folder));
      ASSERT_OK_AND_ASSIGN(const custody::DatasetInfo info, custodian->GetDataset("flat"));
      generation = info.generation;
      ASSERT_THAT(generation, ::testing::AnyOf(1, 2));
      ExpectRows(*custodian, folder, generation == 1 ? kOldRows : kAllRows);
      if (HasFatalFailure()) return;
      ExpectSoundLog(folder);
      if (HasFatalFailure()) return;
      ExpectCommitsTold(*custodian, folder, static_cast<int>(generation));
      if (HasFatalFailure()) return;
      ASSERT_OK_AND_ASSIGN(const IngestionResult again,
                           IngestCsvInto(*custodian, CsvRows(0, kAllRows), JobIn(folder)));
      ASSERT_EQ(again.generation, 2u);
      ASSERT_EQ(again.rows_resumed, generation == 1 ? kOldRows : kAllRows);
      ExpectRows(*custodian, folder, kAllRows);
      if (HasFatalFailure()) return;
      ExpectCommitsTold(*custodian, folder, 2);
    }();
    return generation;
  }
  std::uint64_t CheckState(const DiskState& state) {
    fs::remove_all(copy_);
    state.WriteTo(copy_);
    return CheckFolder(copy_);
  }

  static void Tell(const std::string& what, const CrashCount& count) {
    std::cout << what << ": " << count.points << " moments (" << count.sampled_points
              << " of them sampled), " << count.states << " crash states rebuilt, "
              << count.distinct << " distinct, all reopened\n";
    RecordProperty(what + "_states", static_cast<int>(count.states));
    RecordProperty(what + "_distinct_states", static_cast<int>(count.distinct));
  }

  const TempDir memory_{TempDir::ParentInMemory()};
  const std::string work_ = memory_.Join("work");
  const std::string copy_ = memory_.Join("copy");
};

TEST_F(CrashTest, LeavesTheOldOrTheNewSnapshotAtEveryMomentOfAnIngestion) {
  world_->Close();
  RecordingEnv env(world());
  std::size_t committed = 0;
  {
    const SqliteThroughEnv sqlite(env);
    ASSERT_OK(world_->Reopen(env));
    ASSERT_OK(IngestCsv(CsvRows(0, kAllRows), JobIn(world(), env)));
    committed = env.changes();
    world_->Close();
  }
  // Once the job was told that it is committed, nothing takes that back.
  const CrashCount after = env.ForEachCrashState(
      kWideBounds,
      [&](std::size_t moment, const DiskState& state) {
        SCOPED_TRACE(absl::StrCat("after the commit, before change ", moment));
        if (HasFailure()) return;
        EXPECT_EQ(CheckState(state), 2u);
      },
      committed);
  Tell("after_the_commit", after);

  int found[3] = {};
  const CrashCount count =
      env.ForEachCrashState(kBounds, [&](std::size_t moment, const DiskState& state) {
        SCOPED_TRACE(absl::StrCat("before change ", moment));
        if (!HasFailure()) ++found[std::min<std::uint64_t>(CheckState(state), 2)];
      });
  Tell("ingestion", count);
  std::cout << found[1] << " were the old snapshot, " << found[2] << " the new one\n";
  EXPECT_GT(found[1], 100);
  EXPECT_GT(found[2], 10);
}

TEST_F(CrashTest, LosesNoFileOfASnapshotAtAnyMomentOfASweep) {
  ASSERT_OK(IngestCsv(CsvRows(0, kAllRows), JobIn(world())));
  // What crashed jobs left, each killed somewhere else.
  const std::string shards = ShardsFolder(world_->store(), "flat");
  const std::string manifests = ManifestsFolder(world_->store(), "flat");
  const std::string reviews = ReviewsFolder(world_->store(), "flat");
  const auto leave = [&](const std::string& folder, const std::string& name) {
    fs::copy_file(JoinPath(folder, Env::Posix().List(folder)->front()), JoinPath(folder, name));
  };
  leave(shards, std::string(32, '0') + ".seal");
  leave(shards, std::string(32, '1') + ".seal");
  leave(shards, std::string(32, '2') + ".seal.tmp");
  leave(reviews, std::string(64, '0') + ".review");
  leave(manifests, std::string(20, '9') + "-" + std::string(64, '0') + ".manifest");
  Age(world_->store());

  RecordingEnv env(world());
  ASSERT_OK_AND_ASSIGN(const SweepReport report,
                       SweepDataset(custody(), env, world_->store(), "flat", {}));
  ASSERT_EQ(report.swept.size(), 5u);
  world_->Close();
  int emptied = 0;
  const CrashCount count = env.ForEachCrashState(kWideBounds, [&](std::size_t moment,
                                                                  const DiskState& state) {
    SCOPED_TRACE(absl::StrCat("before change ", moment));
    if (HasFailure()) return;
    EXPECT_EQ(CheckState(state), 2u);
    fs::remove_all(copy_);
    state.WriteTo(copy_);
    Age(copy_);
    ASSERT_OK_AND_ASSIGN(const auto custodian, OpenIn(copy_));
    const std::string store = JoinPath(copy_, "store");
    const auto sweep = [&] { return SweepDataset(*custodian, Env::Posix(), store, "flat", {}); };
    ASSERT_OK_AND_ASSIGN(const SweepReport again, sweep());
    if (again.swept.empty()) ++emptied;
    ASSERT_OK_AND_ASSIGN(const SweepReport third, sweep());
    EXPECT_TRUE(third.swept.empty());
    ExpectRows(*custodian, copy_, kAllRows);
  });
  Tell("sweep", count);
  EXPECT_GT(count.distinct, 5u);
  EXPECT_EQ(emptied, 1);  // the state in which all of them are gone
}

TEST_F(CrashTest, LeavesTheOldOrTheNewRootKeyAtEveryMomentOfARotation) {
  constexpr char kNewPassphrase[] = "close sesame";
  world_->Close();
  RecordingEnv env(world());
  std::size_t rotated = 0;
  {
    const SqliteThroughEnv sqlite(env);
    ASSERT_OK(world_->Reopen(env));
    ASSERT_OK_AND_ASSIGN(auto passphrase, crypto::SecretBytes::CopyFrom(AsBytes(kNewPassphrase)));
    ASSERT_OK(custody().RotateRootKey("admin", passphrase));
    rotated = env.changes();
    world_->Close();
  }
  int found[3] = {};
  const auto check = [&](std::size_t moment, const DiskState& state) {
    SCOPED_TRACE(absl::StrCat("before change ", moment));
    if (HasFailure()) return;
    fs::remove_all(copy_);
    state.WriteTo(copy_);
    auto custodian = OpenIn(copy_);
    std::uint32_t number = 1;
    if (!custodian.ok()) {
      ASSERT_THAT(custodian, StatusIs(absl::StatusCode::kUnauthenticated));
      custodian = OpenIn(copy_, Env::Posix(), kNewPassphrase);
      number = 2;
    }
    ASSERT_OK(custodian);
    ASSERT_EQ((*custodian)->ListKeys()->root_number, number);
    ASSERT_GE(number, moment >= rotated ? 2u : 1u);
    ++found[number];
    ExpectRows(**custodian, copy_, kOldRows);
    ASSERT_OK(IngestCsvInto(**custodian, CsvRows(0, kAllRows), JobIn(copy_)));
    ExpectRows(**custodian, copy_, kAllRows);
    ExpectCommitsTold(**custodian, copy_, 2);
    ExpectSoundLog(copy_);
  };
  Tell("rotation", env.ForEachCrashState(kNarrowBounds, check));
  std::cout << found[1] << " were the old root key, " << found[2] << " the new one\n";
  EXPECT_GT(found[1], 20);
  EXPECT_GT(found[2], 5);
}

TEST_F(CrashTest, SurvivesAFullDiskAtEveryWrite) {
  const DiskState before = DiskState::Of(world());
  int failed_jobs = 0;
  int writes = 0;
  for (bool failed = true; failed; ++writes) {
    SCOPED_TRACE(absl::StrCat("write ", writes));
    fs::remove_all(work_);
    before.WriteTo(work_);
    absl::Status status;
    {
      FaultEnv env;
      const SqliteThroughEnv sqlite(env);
      ASSERT_OK_AND_ASSIGN(const auto custodian, OpenIn(work_, env));
      env.FailOn(FaultEnv::Op::kAppend, writes, absl::UnavailableError("no space left"));
      status = IngestCsvInto(*custodian, CsvRows(0, kAllRows), JobIn(work_, env)).status();
      failed = env.failures() > 0;
    }
    if (!status.ok()) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
      ++failed_jobs;
    }
    const std::uint64_t generation = CheckFolder(work_);
    EXPECT_TRUE(!status.ok() || generation == 2u);
    if (HasFailure()) return;
  }
  std::cout << writes - 1 << " writes failed, " << failed_jobs << " jobs with them\n";
  EXPECT_GT(failed_jobs, 30);
}

TEST_F(CrashTest, NeverBelievesADiskThatFailedToSync) {
  const DiskState before = DiskState::Of(world());
  int syncs = 0;
  int failed_jobs = 0;
  CrashCount total;
  for (const FaultEnv::Op op : {FaultEnv::Op::kSync, FaultEnv::Op::kSyncDir}) {
    int skip = 0;
    for (bool failed = true; failed; ++skip) {
      SCOPED_TRACE(absl::StrCat(op == FaultEnv::Op::kSync ? "sync " : "sync of a folder ", skip));
      fs::remove_all(work_);
      before.WriteTo(work_);
      RecordingEnv env(work_);
      absl::Status status;
      std::size_t ended = 0;
      {
        const SqliteThroughEnv sqlite(env);
        ASSERT_OK_AND_ASSIGN(const auto custodian, OpenIn(work_, env));
        // Once: whoever asks again is told that all is well.
        env.FailOn(op, skip, absl::UnavailableError("input/output error"), /*times=*/1);
        status = IngestCsvInto(*custodian, CsvRows(0, kAllRows), JobIn(work_, env)).status();
        failed = env.failures() > 0;
        ended = env.changes();
      }
      if (failed) ++syncs;
      if (!status.ok()) ++failed_jobs;
      // The power goes when the job has said how it ended.
      const CrashCount count = env.ForEachCrashState(
          kBounds,
          [&](std::size_t moment, const DiskState& state) {
            SCOPED_TRACE(absl::StrCat("before change ", moment, " after ", status.ToString()));
            if (HasFailure()) return;
            const std::uint64_t generation = CheckState(state);
            EXPECT_TRUE(!status.ok() || generation == 2u);
          },
          ended);
      total.points += count.points;
      total.sampled_points += count.sampled_points;
      total.states += count.states;
      total.distinct += count.distinct;
      if (HasFailure()) return;
    }
  }
  std::cout << syncs << " syncs failed once, " << failed_jobs << " jobs with them\n";
  Tell("after_a_failed_sync", total);
  // The others come after the commit, or are of a folder that SQLite takes as synced.
  EXPECT_GT(failed_jobs, 15);
}

}  // namespace
}  // namespace sealtrain::pipeline
