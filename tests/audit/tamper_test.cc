// Verify() against somebody who can change the published files.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::HasSubstr;

class TamperTest : public ::testing::Test {
 protected:
  std::string Path(absl::string_view name) { return JoinPath(log_dir_, name); }

  // Published files, below the root; .state/ is the writer's own.
  std::vector<std::string> PublishedFiles() {
    std::vector<std::string> files;
    for (const auto& file : fs::recursive_directory_iterator(log_dir_)) {
      const std::string name = file.path().string().substr(log_dir_.size() + 1);
      if (file.is_regular_file() && !absl::StartsWith(name, ".state/")) files.push_back(name);
    }
    return files;
  }

  TempDir dir_;
  const std::string log_dir_ = dir_.Join("audit");
};

TEST_F(TamperTest, FindsEveryFlippedByteOfEveryPublishedFile) {
  MakeLog(log_dir_, 3);
  ASSERT_OK(VerifyLog(log_dir_));
  // log.vkey, checkpoint, 4 kept ones, and 3 widths of the bundle and the tile.
  const std::vector<std::string> files = PublishedFiles();
  ASSERT_EQ(files.size(), 12u);
  for (const std::string& file : files) {
    const std::string good = ReadText(Path(file));
    for (std::size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
      WriteText(Path(file), bad);
      ASSERT_THAT(VerifyLog(log_dir_), StatusIs(kDataLoss)) << file << " byte " << i;
      // Also without a key from elsewhere.
      auto reader = LogReader::Open(Env::Posix(), log_dir_);
      if (reader.ok()) {
        ASSERT_THAT((*reader)->Verify({}), StatusIs(kDataLoss)) << file << " byte " << i;
      }
    }
    for (const std::string& bad : {std::string(), good.substr(0, good.size() - 1), good + "x"}) {
      WriteText(Path(file), bad);
      ASSERT_THAT(VerifyLog(log_dir_), StatusIs(kDataLoss)) << file;
    }
    WriteText(Path(file), good);
  }
  ASSERT_OK(VerifyLog(log_dir_));
}

TEST_F(TamperTest, FindsFlippedBytesInFullTilesToo) {
  MakeLogAtOnce(log_dir_, 257);
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), log_dir_));
    ASSERT_OK(log->Append(TestEvent(257)));
  }
  for (const std::string file : {"tile/0/000", "tile/entries/000", "tile/1/000.p/1",
                                 "tile/entries/001.p/1", "tile/0/001.p/2"}) {
    const std::string good = ReadText(Path(file));
    for (std::size_t i = 0; i < good.size(); i += 1 + good.size() / 60) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 4);
      WriteText(Path(file), bad);
      ASSERT_THAT(VerifyLog(log_dir_), StatusIs(kDataLoss)) << file << " byte " << i;
    }
    WriteText(Path(file), good);
  }
  ASSERT_OK(VerifyLog(log_dir_));
}

TEST_F(TamperTest, FindsEveryRemovedFileThatTheNewestCheckpointNames) {
  MakeLogAtOnce(log_dir_, 256);
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), log_dir_));
    for (std::uint64_t n = 256; n < 258; ++n) ASSERT_OK(AppendAndPublish(*log, TestEvent(n)));
  }
  for (const std::string file : {"log.vkey", "checkpoint", "tile/0/000", "tile/entries/000",
                                 "tile/1/000.p/1", "tile/entries/001.p/2", "tile/0/001.p/2"}) {
    const std::string good = ReadText(Path(file));
    fs::remove(Path(file));
    EXPECT_THAT(VerifyLog(log_dir_), StatusIs(kDataLoss, HasSubstr(file)));
    WriteText(Path(file), good);
  }
  // Kept checkpoints and outgrown partial files are not part of the tree.
  fs::remove(Path("checkpoints/257"));
  fs::remove(Path("tile/0/001.p/1"));
  EXPECT_OK(VerifyLog(log_dir_));
  fs::remove_all(Path("checkpoints"));
  EXPECT_THAT(VerifyLog(log_dir_), StatusIs(kDataLoss));
}

TEST_F(TamperTest, NamesTheFirstBadEntry) {
  MakeLog(log_dir_, 5);
  std::string bundle = ReadText(Path("tile/entries/000.p/5"));
  const std::size_t at = bundle.find("job:3");
  bundle[at + 4] = '9';
  WriteText(Path("tile/entries/000.p/5"), bundle);
  EXPECT_THAT(VerifyLog(log_dir_),
              StatusIs(kDataLoss, HasSubstr("tile/entries/000.p/5: entry 3 at byte")));
}

TEST_F(TamperTest, FindsReorderedEntries) {
  MakeLog(log_dir_, 4);
  // Test events of one digit are all as long.
  std::string bundle = ReadText(Path("tile/entries/000.p/4"));
  const std::size_t each = bundle.size() / 4;
  const std::string swapped = bundle.substr(0, each) + bundle.substr(2 * each, each) +
                              bundle.substr(each, each) + bundle.substr(3 * each);
  ASSERT_NE(swapped, bundle);
  WriteText(Path("tile/entries/000.p/4"), swapped);
  EXPECT_THAT(VerifyLog(log_dir_), StatusIs(kDataLoss, HasSubstr("entry 1 ")));
  // With tiles to match, the root is wrong.
  std::string tile = ReadText(Path("tile/0/000.p/4"));
  std::swap_ranges(tile.begin() + 32, tile.begin() + 64, tile.begin() + 64);
  WriteText(Path("tile/0/000.p/4"), tile);
  EXPECT_THAT(VerifyLog(log_dir_), StatusIs(kDataLoss, HasSubstr("signed root")));
}

TEST_F(TamperTest, FindsARollbackByWhatTheLogKeepsItself) {
  MakeLog(log_dir_, 5);
  fs::copy_file(Path("checkpoints/3"), Path("checkpoint"), fs::copy_options::overwrite_existing);
  EXPECT_THAT(VerifyLog(log_dir_), StatusIs(kDataLoss, HasSubstr("checkpoints/4: rolled back")));
}

TEST_F(TamperTest, FindsACompleteRollbackByAnOldCheckpointOnly) {
  MakeLog(log_dir_, 3);
  const std::string earlier = dir_.Join("earlier");
  CopyLog(log_dir_, earlier);
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), log_dir_));
    ASSERT_OK(log->Append(TestEvent(3)));
  }
  const std::string seen = ReadText(Path("checkpoint"));
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log_dir_, {seen}));
  EXPECT_EQ(report.older_checkpoints, 6u);
  CopyLog(earlier, log_dir_);
  EXPECT_OK(VerifyLog(log_dir_));  // nothing here can tell
  EXPECT_THAT(VerifyLog(log_dir_, {seen}), StatusIs(kDataLoss, HasSubstr("old 1: signs size 4")));
}

TEST_F(TamperTest, FindsAnotherHistoryUnderTheSameKey) {
  MakeLog(log_dir_, 5);
  const std::string fork = dir_.Join("fork");
  ASSERT_OK(AuditLog::Create(Env::Posix(), TestOptions(fork), TestKey()));
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), fork));
    for (std::uint64_t n = 0; n < 9; ++n) ASSERT_OK(log->Append(TestEvent(n == 2 ? 99 : n)));
  }
  EXPECT_OK(VerifyLog(fork, {ReadText(Path("checkpoints/0")), ReadText(Path("checkpoints/2"))}));
  for (const char* kept : {"checkpoints/3", "checkpoints/5"}) {
    EXPECT_THAT(VerifyLog(fork, {ReadText(Path(kept))}),
                StatusIs(kDataLoss, HasSubstr("another history")));
  }
}

TEST_F(TamperTest, RefusesOldCheckpointsThatAreNone) {
  MakeLog(log_dir_, 2);
  EXPECT_THAT(VerifyLog(log_dir_, {"nonsense"}), StatusIs(kDataLoss));
  const std::string other =
      *SignCheckpoint({.origin = kTestOrigin, .size = 1, .root = Digest{}}, TestKey(8));
  EXPECT_THAT(VerifyLog(log_dir_, {other}), StatusIs(kDataLoss));
}

TEST_F(TamperTest, RefusesALogOfAnotherKey) {
  MakeLog(log_dir_, 1);
  EXPECT_THAT(LogReader::Open(Env::Posix(), log_dir_, {FormatVkey(TestVerifier(8))}),
              StatusIs(kDataLoss, HasSubstr("not the trusted")));
  EXPECT_THAT(LogReader::Open(Env::Posix(), log_dir_, {"nonsense"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace sealtrain::audit
