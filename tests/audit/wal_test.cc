#include "sealtrain/audit/wal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/fault_env.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::FaultEnv;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::HasSubstr;

std::string NoteOfSize(std::uint64_t size, std::uint8_t key = 7) {
  return *SignCheckpoint({.origin = kTestOrigin, .size = size, .root = crypto::Sha256({})},
                         TestKey(key));
}

// Appends, where the disk is not full.
absl::Status Append(WalWriter& wal, const WalRecord& record) {
  if (absl::Status room = wal.MakeRoom(record.entries, kWalReserveBytes); !room.ok()) return room;
  return wal.Append(record);
}

class WalTest : public ::testing::Test {
 protected:
  // A log from size 10 with records of one, two and three entries.
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(WalWriter wal, WalWriter::Create(Env::Posix(), path_, NoteOfSize(10)));
    offsets_.push_back(wal.bytes());
    for (const auto& record :
         {WalRecord{10, {"a"}, NoteOfSize(11)}, WalRecord{11, {"b", ""}, NoteOfSize(13)},
          WalRecord{13, {"AWL1", "d", std::string(300, 'e')}, NoteOfSize(16)}}) {
      ASSERT_OK(Append(wal, record));
      offsets_.push_back(wal.bytes());
    }
    bytes_ = ReadText(path_);
    ASSERT_EQ(bytes_.size(), 128u << 10);
    ASSERT_EQ(bytes_.find_first_not_of('\0', offsets_.back()), std::string::npos);
    bytes_.resize(offsets_.back());
  }

  absl::StatusOr<WalContents> Parse(absl::string_view bytes) {
    return ParseWal(AsBytes(bytes), "wal", TestVerifier());
  }

  TempDir dir_;
  const std::string path_ = dir_.Join("wal");
  std::vector<std::uint64_t> offsets_;  // where records start, and the end
  std::string bytes_;                   // without the zeros behind them
};

TEST_F(WalTest, RoundTrips) {
  ASSERT_OK_AND_ASSIGN(const WalContents contents, ReadWal(Env::Posix(), path_, TestVerifier()));
  EXPECT_EQ(contents.base.size, 10u);
  EXPECT_EQ(contents.base_note, NoteOfSize(10));
  EXPECT_EQ(contents.end, bytes_.size());
  ASSERT_EQ(contents.records.size(), 3u);
  EXPECT_EQ(contents.records[1].record.entries, (std::vector<std::string>{"b", ""}));
  EXPECT_EQ(contents.records[2].record.entries[2], std::string(300, 'e'));
  EXPECT_EQ(contents.records[2].record.checkpoint_note, NoteOfSize(16));
  EXPECT_EQ(contents.records[2].checkpoint.size, 16u);
  EXPECT_EQ(contents.records[2].offset, offsets_[2]);
}

TEST_F(WalTest, IsSecuredUpToItsLastWholeRecord) {
  WriteText(path_, absl::StrCat(bytes_, "torn"));
  ASSERT_OK_AND_ASSIGN(const WalContents contents, ReadWal(Env::Posix(), path_, TestVerifier()));
  ASSERT_OK(SecureWal(Env::Posix(), path_, contents));
  EXPECT_EQ(ReadText(path_), bytes_);
}

TEST_F(WalTest, GrowsByZerosBeforeItsRecordsNeedThem) {
  const std::uint64_t first = 128 << 10;
  ASSERT_OK_AND_ASSIGN(WalWriter wal, WalWriter::Create(Env::Posix(), path_, NoteOfSize(16)));
  std::vector<std::uint64_t> sizes = {first};  // that the file had
  for (std::uint64_t size = 16; wal.bytes() < 3 * (1 << 20); ++size) {
    ASSERT_OK(Append(wal, {size, {std::string(16'000, 'f')}, NoteOfSize(size + 1)}));
    const std::uint64_t now = std::filesystem::file_size(path_);
    ASSERT_GE(now, wal.bytes() + kWalReserveBytes);
    if (now != sizes.back()) sizes.push_back(now);
  }
  std::vector<std::uint64_t> expected;
  for (std::uint64_t size = first; size <= (1 << 20); size *= 2) expected.push_back(size);
  expected.push_back(2 << 20);
  expected.push_back(3 << 20);
  if (sizes.back() == (4 << 20)) expected.push_back(4 << 20);
  EXPECT_EQ(sizes, expected);
  ASSERT_OK_AND_ASSIGN(const WalContents grown, ReadWal(Env::Posix(), path_, TestVerifier()));
  EXPECT_EQ(grown.end, wal.bytes());
  EXPECT_EQ(grown.records.size(), wal.records());
}

TEST_F(WalTest, HasRoomForARecordLargerThanAStep) {
  ASSERT_OK_AND_ASSIGN(WalWriter wal, WalWriter::Create(Env::Posix(), path_, NoteOfSize(0)));
  const WalRecord large{0, std::vector<std::string>(512, std::string(16'000, 'x')),
                        NoteOfSize(512)};
  ASSERT_OK(Append(wal, large));
  ASSERT_OK_AND_ASSIGN(const WalContents contents, ReadWal(Env::Posix(), path_, TestVerifier()));
  ASSERT_EQ(contents.records.size(), 1u);
  EXPECT_EQ(contents.records[0].record.entries, large.entries);
}

TEST_F(WalTest, TakesWhatSpaceThereIs) {
  FaultEnv disk;
  ASSERT_OK_AND_ASSIGN(WalWriter wal, WalWriter::Create(disk, path_, NoteOfSize(0)));
  const std::vector<std::string> entries(64, std::string(1'000, 'x'));
  // More than what is missing, but no whole step: what was got of that is given back.
  disk.LeaveSpace(40'000);
  ASSERT_OK(wal.MakeRoom(entries, kWalReserveBytes));
  EXPECT_EQ(disk.failures(), 1);
  EXPECT_LT(std::filesystem::file_size(path_), (128u << 10) + 40'000);
  // As much as was taken, and nothing is written for it.
  ASSERT_OK(wal.MakeRoom(entries, kWalReserveBytes));
  EXPECT_EQ(disk.failures(), 1);
  // The rest of the file is room for one without the reserve, twice.
  ASSERT_OK(wal.Append({0, entries, NoteOfSize(64)}));
  const std::uint64_t end = wal.bytes();
  absl::Status full = wal.MakeRoom(entries, kWalReserveBytes);
  EXPECT_TRUE(IsDiskFull(full)) << full;
  EXPECT_EQ(wal.bytes(), end);
  ASSERT_OK(wal.MakeRoom({std::string(1'000, 'y')}, /*reserve=*/0));
  ASSERT_OK(wal.Append({64, {std::string(1'000, 'y')}, NoteOfSize(65)}));
  disk.LeaveSpace(std::nullopt);
  ASSERT_OK(wal.MakeRoom(entries, kWalReserveBytes));
  ASSERT_OK(wal.Append({65, entries, NoteOfSize(129)}));
  ASSERT_OK_AND_ASSIGN(const WalContents contents, ReadWal(disk, path_, TestVerifier()));
  EXPECT_EQ(contents.records.size(), 3u);
  EXPECT_EQ(contents.end, wal.bytes());
}

// As one that is longer could not be read.
TEST_F(WalTest, IsFullBeforeItIsTooLong) {
  ASSERT_OK_AND_ASSIGN(WalWriter wal, WalWriter::Create(Env::Posix(), path_, NoteOfSize(0)));
  const std::vector<std::string> entries(512, std::string(16'000, 'x'));
  std::uint64_t size = 0;
  absl::Status status;
  while ((status = wal.MakeRoom(entries, kWalReserveBytes)).ok()) {
    ASSERT_OK(wal.Append({size, entries, NoteOfSize(size + 512)}));
    size += 512;
    ASSERT_LT(size, 10 * 512u);
  }
  EXPECT_TRUE(IsDiskFull(status)) << status;
  EXPECT_EQ(size, 8 * 512u);
  ASSERT_OK_AND_ASSIGN(const WalContents contents, ReadWal(Env::Posix(), path_, TestVerifier()));
  EXPECT_EQ(contents.end, wal.bytes());
}

// Zeros behind the last record were never written to, however many there are.
TEST_F(WalTest, TellsWhatWasNeverWrittenFromATornTail) {
  for (const std::size_t zeros : {1, 4, 1000, 70'000}) {
    for (std::size_t whole = 0; whole < offsets_.size(); ++whole) {
      const std::string records = bytes_.substr(0, offsets_[whole]);
      ASSERT_OK_AND_ASSIGN(const WalContents contents, Parse(records + std::string(zeros, '\0')));
      ASSERT_EQ(contents.end, offsets_[whole]);
      for (const std::size_t at : {std::size_t{0}, zeros / 2, zeros - 1}) {
        std::string tail(zeros, '\0');
        tail[at] = 'A';
        ASSERT_OK_AND_ASSIGN(const WalContents torn, Parse(records + tail));
        ASSERT_EQ(torn.end, offsets_[whole]);
      }
    }
  }
}

// In place of a record that was acknowledged they are damage.
TEST_F(WalTest, RefusesZerosBeforeAGoodRecord) {
  for (std::size_t lost = 0; lost + 2 < offsets_.size(); ++lost) {
    std::string bad = bytes_;
    std::fill(bad.begin() + static_cast<std::ptrdiff_t>(offsets_[lost]),
              bad.begin() + static_cast<std::ptrdiff_t>(offsets_[lost + 1]), '\0');
    EXPECT_THAT(
        Parse(bad),
        StatusIs(kDataLoss, HasSubstr(absl::StrCat("bad record at byte ", offsets_[lost]))));
  }
}

TEST_F(WalTest, CutsATornTailAtAnyByte) {
  // And the other half of it, with zeros before.
  for (std::size_t from = offsets_[2] + 1; from < bytes_.size(); ++from) {
    std::string half = bytes_;
    std::fill(half.begin() + static_cast<std::ptrdiff_t>(offsets_[2]),
              half.begin() + static_cast<std::ptrdiff_t>(from), '\0');
    ASSERT_OK_AND_ASSIGN(const WalContents contents, Parse(half));
    ASSERT_EQ(contents.records.size(), 2u) << from;
    ASSERT_EQ(contents.end, offsets_[2]) << from;
  }
  for (std::size_t size = offsets_[0]; size < bytes_.size(); ++size) {
    ASSERT_OK_AND_ASSIGN(const WalContents contents, Parse(bytes_.substr(0, size)));
    const auto whole = static_cast<std::size_t>(
        std::upper_bound(offsets_.begin(), offsets_.end(), size) - offsets_.begin() - 1);
    ASSERT_EQ(contents.records.size(), whole) << size;
    ASSERT_EQ(contents.end, offsets_[whole]);
  }
}

TEST_F(WalTest, CutsATailThatIsNotWhatWasWritten) {
  // File systems may extend a file before its bytes arrive.
  std::string zeroes = bytes_;
  std::fill(zeroes.begin() + static_cast<std::ptrdiff_t>(offsets_[2] + 20), zeroes.end(), '\0');
  ASSERT_OK_AND_ASSIGN(const WalContents contents, Parse(zeroes));
  EXPECT_EQ(contents.end, offsets_[2]);
  EXPECT_EQ(contents.records.size(), 2u);
}

TEST_F(WalTest, RefusesAnyFlippedBitBeforeTheLastRecord) {
  for (std::size_t i = 0; i < offsets_[2]; ++i) {
    std::string bad = bytes_;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    EXPECT_THAT(Parse(bad), StatusIs(kDataLoss)) << i;
  }
}

TEST_F(WalTest, NamesTheByteOfABadRecordBeforeAGoodOne) {
  std::string bad = bytes_;
  bad[offsets_[1] + 60] ^= 1;
  EXPECT_THAT(
      Parse(bad),
      StatusIs(kDataLoss, HasSubstr(absl::StrCat("wal: bad record at byte ", offsets_[1],
                                                 " before a good one at byte ", offsets_[2]))));
}

TEST_F(WalTest, CutsAFlippedBitInTheLastRecordAsTorn) {
  // From here it cannot be told from a torn write; the published checkpoint,
  // which the record precedes, tells (crash_test.cc).
  for (std::size_t i = offsets_[2]; i < bytes_.size(); ++i) {
    std::string bad = bytes_;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    ASSERT_OK_AND_ASSIGN(const WalContents contents, Parse(bad));
    EXPECT_EQ(contents.records.size(), 2u);
  }
}

TEST_F(WalTest, RefusesRemovedRepeatedAndSwappedRecords) {
  const std::string header = bytes_.substr(0, offsets_[0]);
  const std::string a = bytes_.substr(offsets_[0], offsets_[1] - offsets_[0]);
  const std::string b = bytes_.substr(offsets_[1], offsets_[2] - offsets_[1]);
  const std::string c = bytes_.substr(offsets_[2]);
  EXPECT_OK(Parse(header + a + b + c));
  for (const std::string& bad : {header + b + c, header + a + c, header + b + a + c,
                                 header + a + a + b + c, header + a + b + b}) {
    EXPECT_THAT(Parse(bad), StatusIs(kDataLoss, HasSubstr("does not follow")));
  }
}

TEST_F(WalTest, RefusesABadHeader) {
  for (std::size_t size = 0; size < offsets_[0]; ++size) {
    EXPECT_THAT(Parse(bytes_.substr(0, size)), StatusIs(kDataLoss)) << size;
  }
  EXPECT_THAT(ReadWal(Env::Posix(), dir_.Join("none"), TestVerifier()), StatusIs(kDataLoss));
}

TEST_F(WalTest, TakesNoRecordThatTheKeyDidNotSign) {
  // A record with a right digest can be planted in an entry; without the
  // signature it is no "good one".
  ASSERT_OK_AND_ASSIGN(WalWriter forged,
                       WalWriter::Create(Env::Posix(), dir_.Join("forged"), NoteOfSize(10)));
  ASSERT_OK(Append(forged, {10, {"x"}, NoteOfSize(11, /*key=*/8)}));
  const std::string planted = ReadText(dir_.Join("forged")).substr(offsets_[0]);
  ASSERT_OK_AND_ASSIGN(const WalContents contents,
                       Parse(bytes_.substr(0, offsets_[2]) + "torn" + planted));
  EXPECT_EQ(contents.end, offsets_[2]);
  EXPECT_EQ(contents.records.size(), 2u);
}

}  // namespace
}  // namespace sealtrain::audit
