// What the writer owes after a crash or a failing disk: everything that was
// acknowledged is there, nothing else is believed.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <thread>
#include <vector>

#include "sealtrain/audit/audit_log.h"
#include "sealtrain/audit/checkpoint.h"
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

constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

absl::StatusOr<WalContents> ReadTestWal(const std::string& directory) {
  return ReadWal(Env::Posix(), directory + "/.state/wal", TestVerifier());
}
// Where its last record ends.
std::uint64_t EndOfWal(const std::string& directory) { return ReadTestWal(directory)->end; }

class CrashTest : public ::testing::Test {
 protected:
  // The log opens, has at least TestEvent(0) to TestEvent(at_least - 1) and
  // nothing but test events, verifies and goes on.
  void ExpectSound(const std::string& directory, std::uint64_t at_least) {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), directory));
    const std::uint64_t size = log->size();
    ASSERT_GE(size, at_least);
    ASSERT_OK(VerifyLog(directory));
    ASSERT_EQ(Principals(directory), ExpectedPrincipals(size));
    ASSERT_OK(AppendAndPublish(*log, TestEvent(size)));
    ASSERT_OK(VerifyLog(directory));
  }

  TempDir dir_;
  const std::string log_dir_ = dir_.Join("audit");
  const std::string copy_dir_ = dir_.Join("copy");
};

struct Fault {
  FaultEnv::Op op;
  const char* name;
};
void PrintTo(const Fault& fault, std::ostream* os) { *os << fault.name; }

class FaultTest : public CrashTest, public ::testing::WithParamInterface<Fault> {};

TEST_P(FaultTest, InAppendPoisonsAndLosesNothingAcknowledged) {
  MakeLogAtOnce(dir_.Join("template"), 254);
  // Each operation of this kind that four appends make over a tile's end fails once, and
  // each that publishes them.
  for (int skip = 0;; ++skip) {
    CopyLog(dir_.Join("template"), log_dir_);
    FaultEnv env;
    std::uint64_t acknowledged = 254;
    absl::Status first;
    {
      ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
      env.FailOn(GetParam().op, skip, absl::UnavailableError("disk on fire"), /*times=*/1);
      const auto take = [&](const absl::Status& status) {
        // The disk works again, but the writer never trusts it.
        if (!first.ok()) {
          EXPECT_EQ(status, first);
        } else if (!status.ok()) {
          first = status;
          EXPECT_THAT(first, StatusIs(kUnavailable, HasSubstr("disk on fire")));
        }
      };
      for (int i = 0; i < 4; ++i) {
        const auto index = log->Append(TestEvent(acknowledged));
        take(index.status());
        if (index.ok()) {
          ASSERT_EQ(*index, acknowledged);
          ++acknowledged;
        }
        take(log->Publish());
      }
      ASSERT_EQ(log->size(), acknowledged);
      if (env.failures() > 0) {
        ASSERT_THAT(log->Append(TestEvent(0)), StatusIs(kUnavailable));
      }
    }
    ExpectSound(log_dir_, acknowledged);
    if (env.failures() == 0) break;
    ASSERT_LT(skip, 100);
  }
}

TEST_P(FaultTest, InOpenLeavesALogThatOpensLater) {
  MakeLogAtOnce(dir_.Join("template"), 254);
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), dir_.Join("template")));
    for (std::uint64_t n = 254; n < 258; ++n) ASSERT_OK(log->Append(TestEvent(n)));
  }
  bool failed = true;
  for (int skip = 0; failed; ++skip) {
    CopyLog(dir_.Join("template"), log_dir_);
    FaultEnv env;
    env.FailOn(GetParam().op, skip, absl::UnavailableError("disk on fire"));
    failed = !OpenTestLog(env, log_dir_).ok();
    ExpectSound(log_dir_, 258);
    ASSERT_LT(skip, 200);
  }
}

TEST_P(FaultTest, InCreateLeavesRoomForAnother) {
  bool failed = true;
  for (int skip = 0; failed; ++skip) {
    const std::string directory = dir_.Join(absl::StrCat("log", skip));
    FaultEnv env;
    env.FailOn(GetParam().op, skip, absl::UnavailableError("disk on fire"));
    failed = !AuditLog::Create(env, TestOptions(directory), TestKey()).ok();
    const absl::Status again = AuditLog::Create(Env::Posix(), TestOptions(directory), TestKey());
    ASSERT_TRUE(again.ok() || absl::IsAlreadyExists(again)) << again;
    ExpectSound(directory, 0);
    ASSERT_LT(skip, 100);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryOperation, FaultTest,
                         ::testing::Values(Fault{FaultEnv::Op::kAppend, "Append"},
                                           Fault{FaultEnv::Op::kSync, "Sync"},
                                           Fault{FaultEnv::Op::kRename, "Rename"},
                                           Fault{FaultEnv::Op::kOpenForWrite, "OpenForWrite"},
                                           Fault{FaultEnv::Op::kSyncDir, "SyncDir"}),
                         [](const auto& test) { return std::string(test.param.name); });

// For another reason than a full disk: what fits over the zeros that are there is written, and
// then nothing.
TEST_F(CrashTest, EndsWhenTheWriteAheadLogCannotGrow) {
  MakeLogAtOnce(dir_.Join("template"), 3);
  for (int skip = 0;; ++skip) {
    CopyLog(dir_.Join("template"), log_dir_);
    FaultEnv env;
    std::uint64_t acknowledged = 3;
    bool came_through = false;
    {
      ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
      env.FailOn(FaultEnv::Op::kAppend, skip, absl::UnavailableError("broken"), /*times=*/1);
      for (int i = 0; i < 6; ++i) {
        Event event = TestEvent(acknowledged);
        event.set_purpose(std::string(16'000, 'x'));
        const auto index = log->Append(event);
        if (env.failures() > 0) {
          ASSERT_THAT(index, StatusIs(kUnavailable, HasSubstr("broken")));
        } else {
          ASSERT_EQ(*index, acknowledged++);
        }
      }
      came_through = env.failures() == 0;
      EXPECT_EQ(fs::file_size(log_dir_ + "/.state/wal") > (128 << 10), skip >= 3) << skip;
    }
    ExpectSound(log_dir_, acknowledged);
    if (came_through) {
      EXPECT_EQ(skip, 7);  // six records, and zeros once
      break;
    }
  }
}

// Which of them the killed process had published by then does not matter.
TEST_F(CrashTest, KeepsWhatConcurrentCallersWereToldWhenKilled) {
  for (std::uint64_t round = 0; round < 10; ++round) {
    const std::string directory = dir_.Join(absl::StrCat("killed", round));
    ASSERT_OK(AuditLog::Create(Env::Posix(), TestOptions(directory), TestKey()));
    int told[2];
    ASSERT_EQ(::pipe(told), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto log = OpenTestLog(Env::Posix(), directory).value();
      std::vector<std::thread> callers;
      for (int i = 0; i < 8; ++i) {
        callers.emplace_back([&] {
          while (true) {
            const std::uint64_t index = log->Append(TestEvent(0)).value();
            if (::write(told[1], &index, sizeof(index)) != sizeof(index)) ::_exit(1);
          }
        });
      }
      for (std::thread& caller : callers) caller.join();
    }
    ::close(told[1]);
    std::uint64_t index = 0;
    std::uint64_t answers = 0;
    std::uint64_t size = 0;  // that somebody was told of
    while (::read(told[0], &index, sizeof(index)) == sizeof(index)) {
      size = std::max(size, index + 1);
      if (++answers == 17 * (round + 1)) ::kill(child, SIGKILL);
    }
    ::close(told[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), directory));
    EXPECT_GE(log->size(), size);
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(directory));
    EXPECT_EQ(report.entries, log->size());
  }
}

TEST_F(CrashTest, KeepsTheRecordOfAFailedSyncOnlyByWritingItAnew) {
  // The sync failed, but the record can be read: from the page cache, for all
  // that is known. Opening must copy it to where it is synced.
  MakeLog(log_dir_, 1);
  FaultEnv env;
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
    env.FailOn(FaultEnv::Op::kSync, 0, absl::UnavailableError("disk on fire"));
    ASSERT_THAT(log->Append(TestEvent(1)), StatusIs(kUnavailable));
  }
  FaultEnv counting;
  ASSERT_OK(OpenTestLog(counting, log_dir_));
  // Bundle, tile, checkpoint and its copy, last, wal.
  EXPECT_GE(counting.count(FaultEnv::Op::kSync), 6);
  EXPECT_GE(counting.count(FaultEnv::Op::kRename), 6);
  ASSERT_OK_AND_ASSIGN(const WalContents contents, ReadTestWal(log_dir_));
  EXPECT_EQ(contents.base.size, 2u);
  EXPECT_TRUE(contents.records.empty());
}

TEST_F(CrashTest, LosesNoPublishedFileThatTheDiskForgot) {
  // Nothing published since the write-ahead log began needs to have reached the
  // disk: every such file may be missing or empty after a power cut.
  MakeLogAtOnce(log_dir_, 250);
  std::map<std::string, std::string> durable;
  for (const auto& file : fs::recursive_directory_iterator(log_dir_)) {
    if (file.is_regular_file()) durable[file.path()] = ReadText(file.path());
  }
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), log_dir_));
    for (std::uint64_t n = 250; n < 260; ++n) ASSERT_OK(AppendAndPublish(*log, TestEvent(n)));
  }
  for (const bool empty : {false, true}) {
    CopyLog(log_dir_, copy_dir_);
    int forgotten = 0;
    for (const auto& file : fs::recursive_directory_iterator(copy_dir_)) {
      const std::string original = log_dir_ + file.path().string().substr(copy_dir_.size());
      if (!file.is_regular_file() || fs::path(original).filename() == "wal") continue;
      const auto old = durable.find(original);
      if (old != durable.end() && old->second == ReadText(file.path())) continue;
      if (old != durable.end()) {
        WriteText(file.path(), empty ? "" : old->second);
      } else if (empty) {
        WriteText(file.path(), "");
      } else {
        fs::remove(file.path());
      }
      ++forgotten;
    }
    EXPECT_GT(forgotten, 10);
    ExpectSound(copy_dir_, 260);
  }
}

// A log of two entries whose second append was torn at byte `size` of the
// write-ahead log: `published` says whether its files were there already.
class TornTest : public CrashTest {
 protected:
  void SetUp() override {
    MakeLog(log_dir_, 1);
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), log_dir_));
    first_ = EndOfWal(log_dir_);
    ASSERT_OK(AppendAndPublish(*log, TestEvent(1)));
    CopyLog(log_dir_, between_);
    second_ = EndOfWal(log_dir_);
    ASSERT_OK(AppendAndPublish(*log, TestEvent(2)));
    log.reset();
    wal_ = ReadText(log_dir_ + "/.state/wal").substr(0, EndOfWal(log_dir_));
  }

  const std::string between_ = dir_.Join("between");
  std::string wal_;
  std::size_t first_ = 0;   // where the record of entry 1 starts
  std::size_t second_ = 0;  // and that of entry 2
};

TEST_F(TornTest, RecordThatWasNotPublishedIsCut) {
  // wal_test.cc goes through every byte; here some, with all that follows.
  for (std::size_t size = second_; size < wal_.size(); size += 13) {
    CopyLog(between_, copy_dir_);
    WriteText(copy_dir_ + "/.state/wal", wal_.substr(0, size));
    ASSERT_EQ((*OpenTestLog(Env::Posix(), copy_dir_))->size(), 2u) << size;
    ExpectSound(copy_dir_, 2);
  }
}

TEST_F(TornTest, RecordThatWasPublishedIsRefused) {
  // Nothing is published before its record is durable, so this is no crash.
  for (std::size_t size = first_; size < wal_.size(); ++size) {
    WriteText(log_dir_ + "/.state/wal", wal_.substr(0, size));
    ASSERT_THAT(
        OpenTestLog(Env::Posix(), log_dir_),
        StatusIs(kDataLoss, AllOf(HasSubstr("checkpoint: signs size 3"), HasSubstr("rolled back"))))
        << size;
  }
}

TEST_F(TornTest, BadRecordBeforeAGoodOneIsRefused) {
  for (std::size_t at = first_; at < second_; ++at) {
    std::string bad = wal_;
    bad[at] ^= 0x20;
    WriteText(log_dir_ + "/.state/wal", bad);
    ASSERT_THAT(OpenTestLog(Env::Posix(), log_dir_), StatusIs(kDataLoss, HasSubstr(".state/wal")))
        << at;
  }
}

TEST_F(TornTest, CheckpointIsPublishedAgain) {
  // It is published without a sync: a power cut may leave any beginning of it,
  // with zeros where its end was not written.
  const std::string whole = ReadText(log_dir_ + "/checkpoint");
  const std::string older = ReadText(between_ + "/checkpoint");
  for (const std::string& note : {whole, older}) {
    for (std::size_t size = 0; size < note.size(); size += 7) {
      for (const std::size_t zeros : {std::size_t{0}, note.size() - size}) {
        CopyLog(log_dir_, copy_dir_);
        WriteText(copy_dir_ + "/checkpoint", note.substr(0, size) + std::string(zeros, '\0'));
        ExpectSound(copy_dir_, 3);
      }
    }
  }
}

TEST_F(TornTest, CheckpointWithOtherBytesIsRefused) {
  const std::string whole = ReadText(log_dir_ + "/checkpoint");
  for (std::size_t i = 0; i < whole.size(); i += 7) {
    std::string bad = whole.substr(0, i) + "x";
    if (whole[i] == 'x') continue;
    WriteText(log_dir_ + "/checkpoint", bad);
    ASSERT_THAT(OpenTestLog(Env::Posix(), log_dir_), StatusIs(kDataLoss)) << i;
    bad = whole.substr(0, i) + std::string(whole.size() - i + 1, '\0');  // longer than any
    WriteText(log_dir_ + "/checkpoint", bad);
    ASSERT_THAT(OpenTestLog(Env::Posix(), log_dir_), StatusIs(kDataLoss)) << i;
  }
}

class RefusalTest : public CrashTest {
 protected:
  void SetUp() override {
    MakeLog(log_dir_, 3);
    ASSERT_OK(OpenTestLog(Env::Posix(), log_dir_));
    CopyLog(log_dir_, old_);
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), log_dir_));
    for (std::uint64_t n = 3; n < 6; ++n) ASSERT_OK(log->Append(TestEvent(n)));
    log.reset();
    ASSERT_OK(OpenTestLog(Env::Posix(), log_dir_));
  }
  void Restore(const std::string& file) {
    fs::copy_file(old_ + file, log_dir_ + file, fs::copy_options::overwrite_existing);
  }
  absl::Status Open() { return OpenTestLog(Env::Posix(), log_dir_).status(); }

  const std::string old_ = dir_.Join("old");
};

TEST_F(RefusalTest, OfAnOldWriteAheadLog) {
  Restore("/.state/wal");
  EXPECT_THAT(Open(), StatusIs(kDataLoss, HasSubstr(".state/last: signs size 6")));
}

TEST_F(RefusalTest, OfAnOldWriteAheadLogAndCheckpoint) {
  Restore("/.state/wal");
  Restore("/checkpoint");
  EXPECT_THAT(Open(), StatusIs(kDataLoss, HasSubstr("rolled back")));
}

TEST_F(RefusalTest, OfAnOldCheckpoint) {
  Restore("/checkpoint");
  EXPECT_THAT(Open(), StatusIs(kDataLoss, HasSubstr("checkpoint: signs size 3")));
}

TEST_F(RefusalTest, OfAnOldLast) {
  Restore("/.state/last");
  EXPECT_THAT(Open(), StatusIs(kDataLoss, HasSubstr(".state/last: signs size 3")));
}

TEST_F(RefusalTest, OfMissingFiles) {
  for (const char* file : {"/.state/wal", "/.state/last", "/checkpoint", "/log.vkey",
                           "/tile/0/000.p/6", "/tile/entries/000.p/6"}) {
    CopyLog(log_dir_, copy_dir_);
    fs::remove(copy_dir_ + file);
    const std::string name = absl::StrCat(file).substr(1);
    EXPECT_THAT(OpenTestLog(Env::Posix(), copy_dir_), StatusIs(kDataLoss, HasSubstr(name)));
  }
}

TEST_F(RefusalTest, OfAChangedRightEdge) {
  for (const char* file : {"/tile/0/000.p/6", "/tile/entries/000.p/6"}) {
    const std::string good = ReadText(log_dir_ + file);
    for (std::size_t i = 0; i < good.size(); i += 7) {
      std::string bad = good;
      bad[i] ^= 1;
      WriteText(log_dir_ + file, bad);
      EXPECT_THAT(Open(), StatusIs(kDataLoss)) << file << i;
    }
    WriteText(log_dir_ + file, good);
  }
  EXPECT_OK(Open());
}

TEST_F(RefusalTest, OfARecordThatDoesNotGiveItsSignedRoot) {
  // Only the holder of the key can write this: a wrong root, rightly signed.
  ASSERT_OK_AND_ASSIGN(const WalContents contents, ReadTestWal(log_dir_));
  ASSERT_OK_AND_ASSIGN(WalWriter writer, WalWriter::Create(Env::Posix(), log_dir_ + "/.state/wal",
                                                           contents.base_note));
  ASSERT_OK(writer.Append(
      {6,
       {"entry"},
       *SignCheckpoint({.origin = kTestOrigin, .size = 7, .root = Digest{}}, TestKey())}));
  EXPECT_THAT(Open(), StatusIs(kDataLoss, HasSubstr(absl::StrCat("byte ", contents.end))));
}

}  // namespace
}  // namespace sealtrain::audit
