// What the writer does on a full disk: nothing new is begun, what was begun is told, and
// when there is space again it goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "sealtrain/audit/audit_log.h"
#include "sealtrain/audit/wal.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/fault_env.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::FaultEnv;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

// About `bytes` long.
Event EventOf(std::uint64_t n, Phase phase, std::size_t bytes = 0) {
  Event event = TestEvent(n);
  event.set_phase(phase);
  event.set_purpose(std::string(bytes, 'x'));
  return event;
}

class FullDiskTest : public ::testing::Test {
 protected:
  void SetUp() override { MakeLog(log_dir_, 1); }

  WalContents Wal() { return *ReadWal(Env::Posix(), wal_path_, TestVerifier()); }

  // Appends entries that are no last words until there is space for none of them.
  void FillUp(AuditLog& log) {
    disk_.LeaveSpace(0);
    absl::Status status;
    while ((status = log.Append(EventOf(log.size(), INTENT, 16'000)).status()).ok()) continue;
    while ((status = log.Append(EventOf(log.size(), INTENT)).status()).ok()) continue;
    ASSERT_TRUE(IsDiskFull(status)) << status;
  }
  // It opens with all that it had, and goes on.
  void ExpectSound(std::uint64_t size) {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), log_dir_));
    EXPECT_EQ(log->size(), size);
    ASSERT_OK(AppendAndPublish(*log, TestEvent(size)));
    ASSERT_OK(VerifyLog(log_dir_));
    EXPECT_EQ(Principals(log_dir_), ExpectedPrincipals(size + 1));
  }

  TempDir dir_{TempDir::ParentInMemory()};
  const std::string log_dir_ = dir_.Join("audit");
  const std::string wal_path_ = log_dir_ + "/.state/wal";
  FaultEnv disk_;
};

TEST_F(FullDiskTest, RefusesWhatIsNewAndGoesOnWhenThereIsSpace) {
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(disk_, log_dir_));
  FillUp(*log);
  const std::uint64_t size = log->size();
  const std::string note = log->checkpoint();
  const std::string wal = ReadText(wal_path_).substr(0, Wal().end);
  for (int i = 0; i < 3; ++i) {
    const auto refused = log->Append(TestEvent(size));
    EXPECT_TRUE(IsDiskFull(refused.status()));
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable,
                                  AllOf(HasSubstr("full"), HasSubstr("make room"))));
  }
  EXPECT_EQ(log->size(), size);
  EXPECT_EQ(log->checkpoint(), note);
  EXPECT_EQ(Wal().end, wal.size());
  EXPECT_EQ(ReadText(wal_path_).substr(0, wal.size()), wal);

  disk_.LeaveSpace(std::nullopt);
  ASSERT_OK_AND_ASSIGN(const std::uint64_t index, log->Append(TestEvent(size)));
  EXPECT_EQ(index, size);
  EXPECT_GE(fs::file_size(wal_path_), Wal().end + kWalReserveBytes);
  log.reset();
  ExpectSound(size + 1);
}

TEST_F(FullDiskTest, TakesWhatTellsOfWhatWasDoneAndNothingElse) {
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(disk_, log_dir_));
  FillUp(*log);
  std::uint64_t size = log->size();
  int taken = 0;
  for (int type = LOG_STARTED; EventType_IsValid(type); ++type) {
    for (const Phase phase : {INTENT, DENIED, SUCCEEDED, FAILED, ABANDONED}) {
      Event event = EventOf(size, phase);
      event.set_type(static_cast<EventType>(type));
      const auto index = log->Append(event);
      const bool told =
          phase != INTENT && phase != DENIED && type != LOG_STARTED && type != HEARTBEAT;
      EXPECT_EQ(index.ok(), told) << event.DebugString() << index.status();
      EXPECT_EQ(IsDiskFull(index.status()), !told) << index.status();
      size += index.ok() ? 1 : 0;
      taken += told ? 1 : 0;
    }
  }
  EXPECT_EQ(taken, 54);
  EXPECT_EQ(log->size(), size);
  log.reset();
  ExpectSound(size);
}

TEST_F(FullDiskTest, HasAReserveForThreeOfTheLongestEntries) {
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(disk_, log_dir_));
  FillUp(*log);
  for (int i = 0; i < 3; ++i) {
    Event event = EventOf(log->size(), FAILED, 16'000);
    event.set_purpose(event.purpose() + std::string(kMaxEntryBytes - event.ByteSizeLong(), 'x'));
    ASSERT_EQ(event.ByteSizeLong(), kMaxEntryBytes);
    ASSERT_OK(log->Append(event));
  }
  const std::uint64_t size = log->size();
  log.reset();
  ExpectSound(size);
}

TEST_F(FullDiskTest, EndsWithALastWordThatDoesNotFit) {
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(disk_, log_dir_));
  FillUp(*log);
  absl::Status ended;
  while ((ended = log->Append(EventOf(log->size(), FAILED)).status()).ok()) continue;
  EXPECT_THAT(ended, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("cannot be written")));
  EXPECT_FALSE(IsDiskFull(ended));
  // What follows from what was not told is not recorded either.
  disk_.LeaveSpace(std::nullopt);
  EXPECT_EQ(log->Append(TestEvent(7)).status(), ended);
  EXPECT_EQ(log->Append(EventOf(7, SUCCEEDED)).status(), ended);
  EXPECT_EQ(log->Publish(), ended);
  const std::uint64_t size = log->size();
  EXPECT_GT(size, 100u);
  log.reset();
  ExpectSound(size);
}

TEST_F(FullDiskTest, FillsTheReserveUpEachTime) {
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(disk_, log_dir_));
  for (int i = 0; i < 3; ++i) {
    FillUp(*log);
    for (int word = 0; word < 3; ++word) {
      ASSERT_OK(log->Append(EventOf(log->size(), ABANDONED, 16'000)));
    }
    // Too little for the reserve is not enough for anything new.
    disk_.LeaveSpace(1'000);
    EXPECT_TRUE(IsDiskFull(log->Append(TestEvent(log->size())).status()));
    disk_.LeaveSpace(std::nullopt);
    ASSERT_OK(log->Append(TestEvent(log->size())));
    EXPECT_GE(fs::file_size(wal_path_), Wal().end + kWalReserveBytes);
  }
  const std::uint64_t size = log->size();
  log.reset();
  ExpectSound(size);
}

// In one group, with what is refused.
TEST_F(FullDiskTest, TakesLastWordsOfManyCallers) {
  constexpr int kThreads = 8;
  constexpr int kEach = 10;
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(disk_, log_dir_));
  FillUp(*log);
  const std::uint64_t size = log->size();
  std::mutex mutex;
  std::set<std::uint64_t> indices;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const auto index = log->Append(EventOf(0, t % 2 == 0 ? INTENT : SUCCEEDED));
        if (t % 2 == 0) {
          EXPECT_TRUE(IsDiskFull(index.status())) << index.status();
        } else {
          EXPECT_OK(index);
          const std::lock_guard<std::mutex> lock(mutex);
          if (index.ok()) indices.insert(*index);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(indices.size(), static_cast<std::size_t>(kThreads / 2 * kEach));
  EXPECT_EQ(*indices.begin(), size);
  EXPECT_EQ(*indices.rbegin() + 1, size + indices.size());
  disk_.LeaveSpace(std::nullopt);
  ASSERT_OK_AND_ASSIGN(const std::uint64_t next, log->Append(TestEvent(0)));
  EXPECT_EQ(next, size + indices.size());
  log.reset();
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log_dir_));
  EXPECT_EQ(report.entries, next + 1);
}

// Wherever the space ends while it publishes or replaces the write-ahead log, over the end of
// a tile too.
TEST_F(FullDiskTest, PublishesLaterWhatItHadNoSpaceFor) {
  const std::string template_dir = dir_.Join("template");
  MakeLogAtOnce(template_dir, 254);
  bool came_through = false;
  std::uint64_t space = 0;
  int runs = 0;
  for (; !came_through && !HasFailure(); space += space < 45'000 ? 211 : 5'000) {
    SCOPED_TRACE(absl::StrCat("with space for ", space, " bytes"));
    ++runs;
    CopyLog(template_dir, log_dir_);
    LogOptions options = TestOptions(log_dir_);
    options.wal_records = 3;
    disk_.LeaveSpace(std::nullopt);
    const int failures = disk_.failures();
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(disk_, options, TestKey()));
    disk_.LeaveSpace(space);
    for (int i = 0; i < 5; ++i) {
      const auto index = log->Append(EventOf(log->size(), i % 2 == 0 ? INTENT : SUCCEEDED));
      ASSERT_OK(index);
      const absl::Status published = log->Publish();
      ASSERT_TRUE(published.ok() || IsDiskFull(published)) << published;
      ASSERT_OK(VerifyLog(log_dir_));
    }
    came_through = disk_.failures() == failures;
    // Another process would find what a crash may leave.
    if (runs % 5 == 0) {
      CopyLog(log_dir_, dir_.Join("copy"));
      ASSERT_OK_AND_ASSIGN(auto copy, OpenTestLog(Env::Posix(), dir_.Join("copy")));
      ASSERT_EQ(copy->size(), 259u);
      ASSERT_OK(VerifyLog(dir_.Join("copy")));
    }
    disk_.LeaveSpace(std::nullopt);
    ASSERT_OK(AppendAndPublish(*log, TestEvent(log->size())));
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log_dir_));
    ASSERT_EQ(report.entries, 260u);
    log.reset();
    ExpectSound(260);
  }
  EXPECT_TRUE(came_through);
  EXPECT_GT(runs, 100);
}

// Its thread tries it again by itself, and a reader sees it.
TEST_F(FullDiskTest, PublishesByItselfWhenThereIsSpace) {
  LogOptions options = TestOptions(log_dir_);
  options.publish_interval = absl::ZeroDuration();
  ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(disk_, options, TestKey()));
  disk_.LeaveSpace(0);
  ASSERT_OK(log->Append(TestEvent(1)));
  const absl::Time patience = absl::Now() + absl::Seconds(60);
  while (disk_.failures() == 0 && absl::Now() < patience) absl::SleepFor(absl::Milliseconds(1));
  ASSERT_GT(disk_.failures(), 0);
  disk_.LeaveSpace(std::nullopt);
  std::uint64_t entries = 0;
  while (entries != 2 && absl::Now() < patience) {
    absl::SleepFor(absl::Milliseconds(10));
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log_dir_));
    entries = report.entries;
  }
  EXPECT_EQ(entries, 2u);
}

// Else it could become longer than may be read.
TEST_F(FullDiskTest, TakesLastWordsOnlyWhereTheWriteAheadLogCannotBeReplaced) {
  LogOptions options = TestOptions(log_dir_);
  options.wal_records = 2;
  ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(disk_, options, TestKey()));
  disk_.LeaveSpace(0);
  for (int i = 0; i < 4; ++i) ASSERT_OK(log->Append(TestEvent(log->size())));
  EXPECT_TRUE(IsDiskFull(log->Append(TestEvent(log->size())).status()));
  ASSERT_OK(log->Append(EventOf(log->size(), SUCCEEDED)));
  disk_.LeaveSpace(std::nullopt);
  ASSERT_OK(log->Append(TestEvent(log->size())));
  EXPECT_EQ(Wal().records.size(), 1u);
  const std::uint64_t size = log->size();
  log.reset();
  ExpectSound(size);
}

// A sync that fails is no full disk, even if that is why.
TEST_F(FullDiskTest, IsNotWhatASyncSays) {
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(disk_, log_dir_));
  disk_.FailOn(FaultEnv::Op::kSync, 0, absl::UnavailableError("No space left"), /*times=*/1);
  const absl::Status failed = log->Append(EventOf(log->size(), SUCCEEDED)).status();
  EXPECT_THAT(failed, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("No space left")));
  EXPECT_EQ(log->Append(EventOf(log->size(), SUCCEEDED)).status(), failed);
}

// Nothing is lost by trying.
TEST_F(FullDiskTest, IsNotOpenedUntilThereIsSpace) {
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(disk_, log_dir_));
    FillUp(*log);
    ASSERT_OK(log->Append(EventOf(log->size(), SUCCEEDED)));
  }
  const std::uint64_t size = Wal().base.size + Wal().records.size();
  bool failed = true;
  int opened = 0;
  for (std::uint64_t space = 0; failed; space += 7'919) {
    disk_.LeaveSpace(space);
    const auto log = OpenTestLog(disk_, log_dir_);
    failed = !log.ok();
    EXPECT_EQ(failed, IsDiskFull(log.status())) << log.status();
    ++opened;
  }
  EXPECT_GT(opened, 20);
  ExpectSound(size);
}

}  // namespace
}  // namespace sealtrain::audit
