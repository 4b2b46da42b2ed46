#include "sealtrain/audit/log_reader.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/log_files.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/audit/tree_writer.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::HasSubstr;

class LogReaderTest : public ::testing::Test {
 protected:
  // Publishes these entries under one signed checkpoint, without the
  // write-ahead log: quick for large logs, free for bad events.
  void Publish(const std::vector<std::string>& entries) {
    const Checkpoint empty{.origin = kTestOrigin, .size = 0, .root = crypto::Sha256({})};
    ASSERT_OK_AND_ASSIGN(TreeWriter tree, TreeWriter::Load(env, log_dir_, empty));
    for (const std::string& entry : entries) tree.Add(entry);
    ASSERT_OK_AND_ASSIGN(
        const std::string note,
        SignCheckpoint({.origin = kTestOrigin, .size = tree.size(), .root = tree.Root()},
                       TestKey()));
    ASSERT_OK(PublishedFiles(env, log_dir_).Publish(tree.Take(note)));
    WriteText(log_dir_ + "/log.vkey", FormatVkey(TestVerifier()) + "\n");
  }
  void PublishTestEvents(std::uint64_t size) {
    std::vector<std::string> entries;
    for (std::uint64_t n = 0; n < size; ++n) entries.push_back(TestEvent(n).SerializeAsString());
    Publish(entries);
  }
  void ExpectProven(std::uint64_t index, LogReader& reader) {
    ASSERT_OK_AND_ASSIGN(const std::string proof, reader.Prove(index));
    const std::string entry = TestEvent(index).SerializeAsString();
    ASSERT_OK_AND_ASSIGN(const ProvenEntry proven,
                         CheckProof(proof, AsBytes(entry), {reader.vkey()}));
    ASSERT_EQ(proven.index, index);
    ASSERT_EQ(proven.checkpoint, reader.checkpoint());
    ASSERT_FALSE(CheckProof(proof, AsBytes(entry + "x"), {reader.vkey()}).ok());
  }

  TempDir dir_;
  const std::string log_dir_ = dir_.Join("audit");
};

TEST_F(LogReaderTest, FindsNoLogWhereThereIsNone) {
  EXPECT_THAT(LogReader::Open(env, log_dir_), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LogReaderTest, ShowsRanges) {
  PublishTestEvents(515);
  ASSERT_OK_AND_ASSIGN(auto reader, LogReader::Open(env, log_dir_));
  const std::pair<std::uint64_t, std::uint64_t> ranges[] = {
      {0, 0}, {0, 1}, {254, 258}, {255, 256}, {256, 512}, {511, 513}, {514, 515}, {515, 515}};
  for (const auto& [begin, end] : ranges) {
    std::uint64_t next = begin;
    ASSERT_OK(reader->ForEach(begin, end, [&](const Entry& entry) {
      EXPECT_EQ(entry.index, next);
      EXPECT_EQ(entry.bytes, TestEvent(next).SerializeAsString());
      EXPECT_EQ(entry.event.actor().principal(), absl::StrCat("job:", next));
      ++next;
      return true;
    }));
    EXPECT_EQ(next, end);
  }
  int seen = 0;
  ASSERT_OK(reader->ForEach(0, 515, [&](const Entry&) { return ++seen < 3; }));
  EXPECT_EQ(seen, 3);
  const auto ignore = [](const Entry&) { return true; };
  EXPECT_THAT(reader->ForEach(0, 516, ignore), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(reader->ForEach(3, 2, ignore), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(LogReaderTest, ShowsNoEventThatItDoesNotKnow) {
  Event unknown = TestEvent(1);
  unknown.set_type(static_cast<EventType>(999));
  for (const std::string& bad : {unknown.SerializeAsString(), std::string("\x08"), std::string()}) {
    std::filesystem::remove_all(log_dir_);
    Publish({TestEvent(0).SerializeAsString(), bad, TestEvent(2).SerializeAsString()});
    ASSERT_OK(VerifyLog(log_dir_));  // the tree is sound
    ASSERT_OK_AND_ASSIGN(auto reader, LogReader::Open(env, log_dir_));
    int seen = 0;
    EXPECT_THAT(reader->ForEach(0, 3, [&](const Entry&) { return ++seen > 0; }),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("entry 1:")));
    EXPECT_EQ(seen, 1);
  }
}

TEST_F(LogReaderTest, ProvesEveryEntryOfSmallLogs) {
  for (const std::uint64_t size : {1, 2, 3, 5, 8, 70}) {
    std::filesystem::remove_all(log_dir_);
    PublishTestEvents(size);
    ASSERT_OK_AND_ASSIGN(auto reader, LogReader::Open(env, log_dir_));
    for (std::uint64_t index = 0; index < size; ++index) ExpectProven(index, *reader);
    EXPECT_THAT(reader->Prove(size), StatusIs(absl::StatusCode::kOutOfRange));
  }
}

TEST_F(LogReaderTest, ProvesAcrossTileBoundaries) {
  for (const std::uint64_t size : {255, 256, 257, 511, 512, 513}) {
    std::filesystem::remove_all(log_dir_);
    PublishTestEvents(size);
    ASSERT_OK(VerifyLog(log_dir_));
    ASSERT_OK_AND_ASSIGN(auto reader, LogReader::Open(env, log_dir_));
    for (const std::uint64_t index : {0, 1, 127, 128, 254, 255, 256, 510, 511, 512}) {
      if (index < size) ExpectProven(index, *reader);
    }
  }
}

TEST_F(LogReaderTest, HandlesTreesOfThreeLevels) {
  constexpr std::uint64_t kSize = 65'536 + 300;
  PublishTestEvents(kSize);
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log_dir_));
  EXPECT_EQ(report.entries, kSize);
  // 257 full ones and a partial one at level 0, 1 full and 1 partial at 1, 1 at 2.
  EXPECT_EQ(report.tiles, 257u + 1 + 1 + 1 + 1);
  ASSERT_OK_AND_ASSIGN(auto reader, LogReader::Open(env, log_dir_));
  for (const std::uint64_t index : {0, 255, 256, 65'535, 65'536, 65'791, 65'792, 65'835}) {
    ExpectProven(index, *reader);
  }
  // A hash in the middle of the upper tile.
  std::string tile = ReadText(log_dir_ + "/tile/1/000");
  tile[100 * 32] ^= 1;
  WriteText(log_dir_ + "/tile/1/000", tile);
  EXPECT_THAT(VerifyLog(log_dir_), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("tile/1/000")));
}

TEST_F(LogReaderTest, ReadsAnOldCheckpointAfterTheLogHasGrown) {
  MakeLogAtOnce(log_dir_, 250);
  ASSERT_OK_AND_ASSIGN(auto reader, LogReader::Open(env, log_dir_));
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
    for (std::uint64_t n = 250; n < 260; ++n) ASSERT_OK(AppendAndPublish(*log, TestEvent(n)));
  }
  ASSERT_OK(OpenTestLog(env, log_dir_));  // removes the partial files of the full tile
  ASSERT_FALSE(env.Exists(log_dir_ + "/tile/0/000.p/250"));
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, reader->Verify({}));
  EXPECT_EQ(report.entries, 250u);
  ExpectProven(249, *reader);
}

}  // namespace
}  // namespace sealtrain::audit
