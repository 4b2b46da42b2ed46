#include "sealtrain/audit/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/log_files.h"
#include "sealtrain/audit/wal.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/fault_env.h"
#include "sealtrain/tests/util/forwarding_env.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::HasSubstr;

WalContents WalOf(const std::string& directory) {
  return *ReadWal(env, directory + "/.state/wal", TestVerifier());
}

class AuditLogTest : public ::testing::Test {
 protected:
  TempDir dir_;
  const std::string log_dir_ = dir_.Join("audit");
};

TEST_F(AuditLogTest, StartsEmptyAndVerifiable) {
  MakeLog(log_dir_, 0);
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log_dir_));
  EXPECT_EQ(report.checkpoint.size, 0u);
  EXPECT_EQ(report.checkpoint.root, crypto::Sha256({}));
  EXPECT_EQ(ReadText(log_dir_ + "/log.vkey"), FormatVkey(TestVerifier()) + "\n");
}

TEST_F(AuditLogTest, IsCreatedOnce) {
  MakeLog(log_dir_, 1);
  EXPECT_THAT(AuditLog::Create(env, TestOptions(log_dir_), TestKey()),
              StatusIs(absl::StatusCode::kAlreadyExists));
  // Not even where somebody removed the checkpoint.
  std::filesystem::remove(log_dir_ + "/checkpoint");
  EXPECT_THAT(AuditLog::Create(env, TestOptions(log_dir_), TestKey()),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

// Notes the size of `checkpoint` whenever that is replaced.
class CheckpointWatch : public testing::ForwardingEnv {
 public:
  std::vector<std::uint64_t> sizes;

 protected:
  absl::Status Around(testing::DiskChange& change, absl::FunctionRef<absl::Status()> run) override {
    const absl::Status status = run();
    if (change.kind == testing::DiskChange::Kind::kRename &&
        change.new_path.ends_with("/checkpoint")) {
      sizes.push_back(VerifyCheckpoint(ReadText(change.new_path), TestVerifier())->size);
    }
    return status;
  }
};

TEST_F(AuditLogTest, DoesNotGoBackBeforeAReaderWhenItIsOpened) {
  MakeLog(log_dir_, 0);
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
    for (int i = 0; i < 300; ++i) ASSERT_OK(log->Append(TestEvent(i)));
  }
  CheckpointWatch watch;
  ASSERT_OK(OpenTestLog(watch, log_dir_));
  EXPECT_FALSE(watch.sizes.empty());
  EXPECT_THAT(watch.sizes, ::testing::Each(300u));
  EXPECT_OK(VerifyLog(log_dir_));
}

TEST_F(AuditLogTest, IsNotOpenedWhereThereIsNone) {
  EXPECT_THAT(OpenTestLog(env, log_dir_), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(env.CreateDirs(log_dir_ + "/.state"));
  EXPECT_THAT(OpenTestLog(env, log_dir_), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(AuditLogTest, RefusesABadOrigin) {
  for (const char* origin : {"", "a b", "a+b", "a\n"}) {
    EXPECT_THAT(AuditLog::Create(env, {.directory = log_dir_, .origin = origin}, TestKey()),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_F(AuditLogTest, IsNotOpenedWithAnotherKeyOrOrigin) {
  MakeLog(log_dir_, 1);
  EXPECT_THAT(AuditLog::Open(env, TestOptions(log_dir_), TestKey(8)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("log.vkey")));
  EXPECT_THAT(
      AuditLog::Open(env, {.directory = log_dir_, .origin = "example.org/other"}, TestKey()),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("log.vkey")));
}

TEST_F(AuditLogTest, HasOneWriter) {
  MakeLog(log_dir_, 1);
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
  EXPECT_THAT(OpenTestLog(env, log_dir_), StatusIs(absl::StatusCode::kUnavailable));
  log.reset();
  EXPECT_OK(OpenTestLog(env, log_dir_));
}

TEST_F(AuditLogTest, PublishesEachEntryWhenItIsAskedTo) {
  ASSERT_OK(AuditLog::Create(env, TestOptions(log_dir_), TestKey()));
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
  for (std::uint64_t n = 0; n < 520; ++n) {
    ASSERT_OK_AND_ASSIGN(const std::uint64_t index, log->Append(TestEvent(n)));
    ASSERT_EQ(index, n);
    ASSERT_EQ(log->size(), n + 1);
    ASSERT_NE(ReadText(log_dir_ + "/checkpoint"), log->checkpoint());
    ASSERT_OK(log->Publish());
    ASSERT_EQ(ReadText(log_dir_ + "/checkpoint"), log->checkpoint());
    static const std::set<std::uint64_t> kVerifyAt = {1, 2, 3, 255, 256, 257, 511, 512, 513};
    if (!kVerifyAt.contains(n + 1)) continue;
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log_dir_));
    EXPECT_EQ(report.entries, n + 1);
    EXPECT_EQ(report.older_checkpoints, n + 2);  // of sizes 0 to n + 1
    EXPECT_EQ(Principals(log_dir_), ExpectedPrincipals(n + 1));
  }
}

TEST_F(AuditLogTest, GoesOnAfterEveryReopening) {
  ASSERT_OK(AuditLog::Create(env, TestOptions(log_dir_), TestKey()));
  for (const std::uint64_t size : {0, 1, 2, 255, 256, 257, 300, 511, 512, 513, 514}) {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
    while (log->size() < size) ASSERT_OK(AppendAndPublish(*log, TestEvent(log->size())));
    log.reset();
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log_dir_));
    ASSERT_EQ(report.entries, size);
  }
  EXPECT_EQ(Principals(log_dir_), ExpectedPrincipals(514));
  // Only the partial files that no full one stands for are left.
  ASSERT_OK(OpenTestLog(env, log_dir_));
  for (const char* folder : {"/tile/0/000.p", "/tile/entries/000.p", "/tile/0/001.p"}) {
    EXPECT_THAT(*env.List(log_dir_ + folder), ::testing::IsEmpty()) << folder;
  }
  EXPECT_THAT(*env.List(log_dir_ + "/tile/0/002.p"), ::testing::ElementsAre("1", "2"));
  EXPECT_THAT(*env.List(log_dir_ + "/tile/1/000.p"), ::testing::ElementsAre("1", "2"));
}

TEST_F(AuditLogTest, StartsAFreshWriteAheadLogWhenItIsLong) {
  ASSERT_OK(AuditLog::Create(env, TestOptions(log_dir_), TestKey()));
  LogOptions options = TestOptions(log_dir_);
  options.wal_bytes = 1 << 20;
  ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(env, options, TestKey()));
  Event long_event = TestEvent(0);
  long_event.set_purpose(std::string(16'000, 'x'));
  for (int i = 0; i < 300; ++i) {
    ASSERT_OK(log->Append(long_event));
    // Never longer than twice that, with the last record and what the file grows by.
    ASSERT_LT(std::filesystem::file_size(log_dir_ + "/.state/wal"), std::uintmax_t{4 << 20});
  }
  ASSERT_OK(log->Publish());
  EXPECT_LT(WalOf(log_dir_).end, 1u << 20);
  log.reset();
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log_dir_));
  EXPECT_EQ(report.entries, 300u);
  ASSERT_OK_AND_ASSIGN(log, OpenTestLog(env, log_dir_));
  EXPECT_EQ(log->size(), 300u);
}

TEST_F(AuditLogTest, StartsAFreshWriteAheadLogAfterManyRecords) {
  ASSERT_OK(AuditLog::Create(env, TestOptions(log_dir_), TestKey()));
  LogOptions options = TestOptions(log_dir_);
  options.wal_records = 4;
  ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(env, options, TestKey()));
  std::size_t fewest = 8;
  for (std::uint64_t n = 0; n < 100; ++n) {
    ASSERT_OK(log->Append(TestEvent(n)));
    const std::size_t records = WalOf(log_dir_).records.size();
    ASSERT_LE(records, 8u);
    fewest = std::min(fewest, records);
  }
  EXPECT_LE(fewest, 1u);
  log.reset();
  EXPECT_EQ(Principals(log_dir_), ExpectedPrincipals(100));
  EXPECT_OK(VerifyLog(log_dir_));
}

TEST_F(AuditLogTest, PublishesWhatIsLeftWhenItIsClosed) {
  MakeLog(log_dir_, 1);
  for (std::uint64_t n = 1; n < 4; ++n) {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
    ASSERT_OK(log->Append(TestEvent(n)));
    EXPECT_EQ(VerifyLog(log_dir_)->entries, n);
    log.reset();
    EXPECT_EQ(VerifyLog(log_dir_)->entries, n + 1);
  }
}

TEST_F(AuditLogTest, PublishesNothingTwice) {
  MakeLog(log_dir_, 3);
  testing::FaultEnv counting;
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(counting, log_dir_));
  ASSERT_OK(AppendAndPublish(*log, TestEvent(3)));
  const int renames = counting.count(testing::FaultEnv::Op::kRename);
  ASSERT_OK(log->Publish());
  log.reset();
  EXPECT_EQ(counting.count(testing::FaultEnv::Op::kRename), renames);
}

// What could not be published fails whoever appends next, though nobody had asked for it.
TEST_F(AuditLogTest, IsPoisonedWhenItsThreadCannotPublish) {
  MakeLog(log_dir_, 1);
  testing::FaultEnv failing;
  {
    LogOptions options = TestOptions(log_dir_);
    options.publish_interval = absl::ZeroDuration();
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(failing, options, TestKey()));
    failing.FailOn(testing::FaultEnv::Op::kRename, 0, absl::UnavailableError("disk on fire"));
    ASSERT_OK(log->Append(TestEvent(1)));
    const absl::Time patience = absl::Now() + absl::Seconds(60);
    while (failing.failures() == 0 && absl::Now() < patience) absl::SleepFor(absl::Milliseconds(1));
    ASSERT_EQ(failing.failures(), 1);
    failing.Heal();
    // The thread may not have said so yet, but Publish() waits for it.
    EXPECT_THAT(log->Publish(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk on fire")));
    EXPECT_THAT(log->Append(TestEvent(2)),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk on fire")));
    EXPECT_EQ(log->size(), 2u);
  }
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
  EXPECT_EQ(Principals(log_dir_), ExpectedPrincipals(2));
}

TEST_F(AuditLogTest, RefusesABadEventWithoutBeingPoisoned) {
  MakeLog(log_dir_, 1);
  ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
  EXPECT_THAT(log->Append(Event()), StatusIs(absl::StatusCode::kInvalidArgument));
  Event too_long = TestEvent(1);
  too_long.set_purpose(std::string(kMaxEntryBytes, 'x'));
  EXPECT_THAT(log->Append(too_long), StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const std::uint64_t index, log->Append(TestEvent(1)));
  EXPECT_EQ(index, 1u);
}

TEST_F(AuditLogTest, StartsAFreshWriteAheadLogBesideOthersThatWait) {
  constexpr std::uint64_t kThreads = 8;
  constexpr std::uint64_t kEach = 80;
  ASSERT_OK(AuditLog::Create(env, TestOptions(log_dir_), TestKey()));
  LogOptions options{.directory = log_dir_, .origin = kTestOrigin, .wal_bytes = 1 << 20};
  ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(env, options, TestKey()));
  Event long_event = TestEvent(0);
  long_event.set_purpose(std::string(16'000, 'x'));
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (std::uint64_t i = 0; i < kEach; ++i) EXPECT_OK(log->Append(long_event));
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_OK(log->Publish());
  // 10 MB went through it.
  EXPECT_LT(WalOf(log_dir_).end, 1u << 20);
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log_dir_));
  EXPECT_EQ(report.entries, kThreads * kEach);
  log.reset();
  ASSERT_OK_AND_ASSIGN(log, OpenTestLog(env, log_dir_));
  EXPECT_EQ(log->size(), kThreads * kEach);
}

TEST_F(AuditLogTest, PublishesAlsoWhileThereIsAlwaysSomebodyWaiting) {
  ASSERT_OK(AuditLog::Create(env, TestOptions(log_dir_), TestKey()));
  ASSERT_OK_AND_ASSIGN(
      auto log, AuditLog::Open(env, {.directory = log_dir_, .origin = kTestOrigin}, TestKey()));
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&] {
      while (!stop) EXPECT_OK(log->Append(TestEvent(0)));
    });
  }
  // Seen by a reader, several times.
  std::uint64_t seen = 0;
  int growths = 0;
  const absl::Time patience = absl::Now() + absl::Seconds(60);
  while (growths < 5 && absl::Now() < patience) {
    const auto reader = LogReader::Open(env, log_dir_);
    EXPECT_OK(reader.status());
    if (!reader.ok()) break;
    if ((*reader)->checkpoint().size > seen) ++growths;
    seen = (*reader)->checkpoint().size;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(growths, 5);
}

TEST_F(AuditLogTest, GivesEveryThreadItsOwnIndex) {
  constexpr int kThreads = 64;
  constexpr std::uint64_t kEach = 20;
  ASSERT_OK(AuditLog::Create(env, TestOptions(log_dir_), TestKey()));
  std::vector<std::vector<std::uint64_t>> indices(kThreads);
  {
    LogOptions options{.directory = log_dir_,
                       .origin = kTestOrigin,
                       .publish_interval = absl::Milliseconds(1),
                       .wal_records = 5};
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(env, options, TestKey()));
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < kEach; ++i) {
          const auto index = log->Append(TestEvent(t * kEach + i));
          ASSERT_OK(index);
          indices[t].push_back(*index);
          EXPECT_GT(log->size(), *index);
        }
      });
    }
    // A reader beside them sees a consistent state each time.
    for (int i = 0; i < 10; ++i) EXPECT_OK(VerifyLog(log_dir_));
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(log->size(), kThreads * kEach);
    ASSERT_OK(log->Publish());
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log_dir_));
    EXPECT_EQ(report.entries, kThreads * kEach);
  }
  const std::vector<std::string> principals = Principals(log_dir_);
  std::set<std::uint64_t> all;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    EXPECT_TRUE(std::is_sorted(indices[t].begin(), indices[t].end()));
    for (std::uint64_t i = 0; i < kEach; ++i) {
      EXPECT_EQ(principals[indices[t][i]], absl::StrCat("job:", t * kEach + i));
      all.insert(indices[t][i]);
    }
  }
  EXPECT_EQ(all.size(), kThreads * kEach);
}

}  // namespace
}  // namespace sealtrain::audit
