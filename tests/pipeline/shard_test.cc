#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>
#include <optional>
#include <random>

#include "absl/strings/str_cat.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/seal/shard_layout.h"
#include "sealtrain/tests/pipeline/shard_cells.h"
#include "sealtrain/tests/pipeline/shard_fixture.h"

namespace sealtrain::pipeline {
namespace {

using ::sealtrain::testing::BuilderOf;
using ::sealtrain::testing::Cell;
using ::sealtrain::testing::CellsOf;
using ::sealtrain::testing::IdOf;
using ::sealtrain::testing::KeyOf;
using ::sealtrain::testing::OptionalCell;
using ::sealtrain::testing::RandomShard;
using ::sealtrain::testing::Raw;
using ::sealtrain::testing::ReadAll;
using ::sealtrain::testing::ShardTest;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::WriteAll;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The three columns and rows of the document's example.
class SmallShardTest : public ShardTest {
 protected:
  void SetUp() override {
    columns_ = {{.id = "1", .name = "user", .type = ValueType::kBytes, .repeated = false},
                {.id = "4", .name = "score", .type = ValueType::kInt32, .repeated = false},
                {.id = "7.2", .name = "tags.all", .type = ValueType::kBytes, .repeated = true}};
    rows_ = {{Cell{"ann"}, Cell{"bob"}, Cell{""}},
             {Cell{Raw(std::int32_t{7})}, std::nullopt, Cell{Raw(std::int32_t{-1})}},
             {Cell{"a", "bc"}, Cell{}, Cell{"d"}}};
    std::vector<ColumnBuilder> group = Group();
    Seal({&group});
  }
  std::vector<ColumnBuilder> Group() const {
    std::vector<ColumnBuilder> group;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      group.push_back(BuilderOf(columns_[i], rows_[i]));
    }
    return group;
  }
  void ExpectRows(const ColumnBatch& batch) const {
    ASSERT_EQ(batch.columns.size(), rows_.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) EXPECT_EQ(CellsOf(batch.columns[i]), rows_[i]);
  }

  std::vector<std::vector<OptionalCell>> rows_;
};

TEST_F(SmallShardTest, OpensToWhatWasSealed) {
  ASSERT_OK_AND_ASSIGN(auto reader, OpenShard());
  EXPECT_EQ(reader->rows(), 3u);
  ASSERT_EQ(reader->groups(), 1u);
  ASSERT_OK_AND_ASSIGN(ColumnBatch batch, reader->ReadGroup(0));
  EXPECT_EQ(batch.first_row, 0u);
  EXPECT_EQ(batch.rows, 3u);
  ExpectRows(batch);
  EXPECT_EQ(batch.columns[1].Number(0), 7);
  EXPECT_EQ(batch.columns[1].Number(2), -1);
  EXPECT_THAT(reader->ReadGroup(1), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(SmallShardTest, OpensColumnsInTheOrderAskedFor) {
  ASSERT_OK_AND_ASSIGN(auto reader, OpenShard(Keys(), {columns_[2], columns_[0]}));
  ASSERT_OK_AND_ASSIGN(ColumnBatch batch, reader->ReadGroup(0));
  ASSERT_EQ(batch.columns.size(), 2u);
  EXPECT_EQ(CellsOf(batch.columns[0]), rows_[2]);
  EXPECT_EQ(CellsOf(batch.columns[1]), rows_[0]);
}

TEST_F(SmallShardTest, NeedsTheKeyOfEachColumn) {
  custody::ShardKeys keys = Keys({columns_[0]}, shard_id_);
  EXPECT_THAT(OpenShard(keys, columns_),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("column score")));
  EXPECT_OK(OpenShard(keys, {columns_[0]}));
}

TEST_F(SmallShardTest, RefusesAnotherColumnsKey) {
  custody::ShardKeys keys = Keys();
  keys.columns[1].dek = KeyOf(0x11);
  EXPECT_THAT(OpenShard(keys, columns_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("column score")));
  keys = Keys();
  keys.index = KeyOf(0x11);
  EXPECT_THAT(OpenShard(keys, columns_), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(SmallShardTest, RefusesAColumnThatIsNotThereOrOfAnotherType) {
  EXPECT_THAT(OpenShard(Keys(), {{.id = "9", .name = "nine"}}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("column nine")));
  ColumnSpec other = columns_[1];
  other.type = ValueType::kInt64;
  EXPECT_THAT(OpenShard(Keys(), {other}), StatusIs(absl::StatusCode::kDataLoss));
  other = columns_[2];
  other.repeated = false;
  EXPECT_THAT(OpenShard(Keys(), {other}), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(SmallShardTest, RefusesEveryFlippedBit) {
  const std::string good = ReadAll(path());
  ASSERT_EQ(good.size(), shard_.file_bytes());
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    WriteAll(path(), bad);
    if (bit / 8 >= LeavesBegin() && bit / 8 < good.size() - kTrailerBytes) {
      // The leaves are for those without a key; rows do not depend on them.
      ASSERT_OK(ReadEverything());
      ASSERT_THAT(VerifySegments(), StatusIs(absl::StatusCode::kDataLoss)) << "bit " << bit;
    } else {
      ASSERT_THAT(ReadEverything(), StatusIs(absl::StatusCode::kDataLoss)) << "bit " << bit;
    }
  }
}

TEST_F(SmallShardTest, RefusesEveryTruncationAndExtension) {
  const std::string good = ReadAll(path());
  for (std::size_t size = 0; size < good.size(); ++size) {
    WriteAll(path(), good.substr(0, size));
    ASSERT_THAT(ReadEverything(), StatusIs(absl::StatusCode::kDataLoss)) << "size " << size;
    // Even if the manifest's length went along with it.
    custody::Shard claimed = shard_;
    claimed.set_file_bytes(size);
    std::swap(shard_, claimed);
    ASSERT_THAT(ReadEverything(), StatusIs(absl::StatusCode::kDataLoss)) << "size " << size;
    std::swap(shard_, claimed);
  }
  for (const std::string& tail : {std::string(1, '\0'), std::string(32, 'x'), good}) {
    WriteAll(path(), good + tail);
    EXPECT_THAT(ReadEverything(), StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST_F(SmallShardTest, RefusesAHeaderThatContradictsTheManifest) {
  const custody::Manifest good = Manifest();
  const auto open = [&](const custody::Manifest& manifest, const custody::Shard& shard) {
    return ShardFile::Open(Env::Posix(), path(), manifest, shard);
  };
  EXPECT_OK(open(good, shard_));
  custody::Manifest manifest = good;
  manifest.set_dataset("other");
  EXPECT_THAT(open(manifest, shard_), StatusIs(absl::StatusCode::kDataLoss));
  manifest = good;
  manifest.set_schema_sha256(std::string(32, 'x'));
  EXPECT_THAT(open(manifest, shard_), StatusIs(absl::StatusCode::kDataLoss));
  manifest = good;
  manifest.mutable_plan(0)->set_policy_sha256(std::string(32, 'x'));
  EXPECT_THAT(open(manifest, shard_), StatusIs(absl::StatusCode::kDataLoss));
  manifest = good;
  manifest.mutable_plan(0)->set_permit_id(std::string(16, 'x'));
  EXPECT_THAT(open(manifest, shard_), StatusIs(absl::StatusCode::kDataLoss));
  custody::Shard shard = shard_;
  shard.set_key_epoch(2);
  EXPECT_THAT(open(good, shard), StatusIs(absl::StatusCode::kDataLoss));
  shard = shard_;
  shard.set_id(std::string(16, 'x'));
  EXPECT_THAT(open(good, shard), StatusIs(absl::StatusCode::kDataLoss));
  shard = shard_;
  shard.set_header_sha256(std::string(32, 'x'));
  EXPECT_THAT(open(good, shard), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(SmallShardTest, RefusesRowsOtherThanTheManifests) {
  shard_.set_rows(4);
  EXPECT_THAT(ReadEverything(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(SmallShardTest, RefusesTheBodyOfAnotherShardUnderItsHeader) {
  const std::string mine = ReadAll(path());
  const custody::Shard my_entry = shard_;
  shard_id_ = IdOf(8);
  std::vector<ColumnBuilder> group = Group();
  Seal({&group});
  const std::string other = ReadAll(path());
  ASSERT_EQ(mine.size(), other.size());
  // All keys are equal on purpose: only the bound header tells them apart.
  shard_id_ = IdOf(7);
  shard_ = my_entry;
  const std::size_t header = *HeaderSectionBytes(AsBytes(mine.substr(0, kHeaderPrefixBytes)));
  WriteAll(path(), mine.substr(0, header) + other.substr(header));
  EXPECT_THAT(ReadEverything(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(SmallShardTest, RefusesTwoColumnsInEachOthersPlace) {
  // Two columns of the same type, the same rows and the same key.
  columns_ = {{.id = "1", .name = "a", .type = ValueType::kInt32, .repeated = false},
              {.id = "1.1", .name = "b", .type = ValueType::kInt32, .repeated = false}};
  rows_ = {{Cell{Raw(std::int32_t{1})}}, {Cell{Raw(std::int32_t{2})}}};
  std::vector<ColumnBuilder> group = Group();
  Seal({&group});
  ASSERT_OK(ReadEverything());
  std::string bytes = ReadAll(path());
  const std::size_t begin = *HeaderSectionBytes(AsBytes(bytes.substr(0, kHeaderPrefixBytes)));
  const std::size_t stream = crypto::SealedSize(4);
  bytes = bytes.substr(0, begin) + bytes.substr(begin + stream, stream) +
          bytes.substr(begin, stream) + bytes.substr(begin + 2 * stream);
  WriteAll(path(), bytes);
  EXPECT_THAT(ReadEverything(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("column a")));
}

TEST_F(SmallShardTest, SealsTheSameRowsToOtherBytes) {
  const std::string first = ReadAll(path());
  std::vector<ColumnBuilder> group = Group();
  Seal({&group});
  const std::string second = ReadAll(path());
  ASSERT_EQ(first.size(), second.size());
  const std::size_t header = *HeaderSectionBytes(AsBytes(first.substr(0, kHeaderPrefixBytes)));
  EXPECT_EQ(first.substr(0, header), second.substr(0, header));
  EXPECT_NE(first.substr(header), second.substr(header));
}

TEST_F(SmallShardTest, HoldsNoPlaintext) {
  const std::string bytes = ReadAll(path());
  for (const char* word : {"ann", "bob", "user", "score", "tags"}) {
    EXPECT_THAT(bytes, ::testing::Not(HasSubstr(word)));
  }
}

TEST_F(SmallShardTest, VerifiesItsSegmentsWithoutAKey) {
  EXPECT_OK(VerifySegments());
  custody::Shard good = shard_;
  shard_.set_segments(good.segments() + 1);
  EXPECT_THAT(VerifySegments(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("segments")));
  shard_ = good;
  shard_.set_segments_root(std::string(32, 'x'));
  EXPECT_THAT(VerifySegments(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("list")));
}

TEST_F(SmallShardTest, FindsEveryChangedByteWithoutAKey) {
  const std::string good = ReadAll(path());
  for (std::size_t byte = 0; byte < good.size(); ++byte) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << (byte % 8)));
    WriteAll(path(), bad);
    ASSERT_THAT(VerifySegments(), StatusIs(absl::StatusCode::kDataLoss)) << "byte " << byte;
  }
}

TEST_F(SmallShardTest, SaysWithoutAKeyWhatIsWrong) {
  const std::string good = ReadAll(path());
  const std::size_t header = *HeaderSectionBytes(AsBytes(good.substr(0, kHeaderPrefixBytes)));
  // One byte of the header of a stream, and one of its only segment's ciphertext.
  const std::size_t user = header + 5;
  const std::size_t score = header + crypto::SealedSize(PaddedBytes(30)) + 74 + 20;
  for (const auto& [byte, text] : std::vector<std::pair<std::size_t, std::string>>{
           {3, "not a sealed shard"},
           {user, "column user: segment 0 is not the one"},
           {score, "column score: segment 0 is not the one"},
           {LeavesBegin() - 1, "index: segment 0 is not the one"},
           {LeavesBegin(), "the list of its segments"},
           {good.size() - 9, "segments, not 4"}}) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ 1);
    WriteAll(path(), bad);
    EXPECT_THAT(VerifySegments(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(text))) << byte;
  }
}

TEST_F(SmallShardTest, StaysSmallWhenNumbersInTheFileAreHuge) {
  std::string bytes = ReadAll(path());
  rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  for (const std::size_t offset : {kHeaderPrefixBytes - 4, bytes.size() - kTrailerBytes}) {
    std::string bad = bytes;
    for (std::size_t i = 0; i < 4; ++i) bad[offset + i] = '\xff';
    WriteAll(path(), bad);
    EXPECT_THAT(ReadEverything(), StatusIs(absl::StatusCode::kDataLoss));
  }
  rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024);  // KiB
}

TEST_F(SmallShardTest, WriterRefusesGroupsThatAreNone) {
  ASSERT_OK_AND_ASSIGN(auto writer, ShardWriter::Create(Header(), Keys(), columns_));
  std::vector<ColumnBuilder> group = Group();
  group.pop_back();
  EXPECT_THAT(writer->AppendGroup(group), StatusIs(absl::StatusCode::kInvalidArgument));
  group = Group();
  group[1].TruncateTo(2);
  EXPECT_THAT(writer->AppendGroup(group), StatusIs(absl::StatusCode::kInvalidArgument));
  for (ColumnBuilder& builder : group) builder.Clear();
  EXPECT_THAT(writer->AppendGroup(group), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ShardWriter::Create(Header(), Keys(), {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ShardWriter::Create(Header(), Keys({columns_[0]}, shard_id_), columns_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("score")));
}

// --- properties --------------------------------------------------------------

class RandomShardTest : public ShardTest, public ::testing::WithParamInterface<unsigned> {};

TEST_P(RandomShardTest, OpensToWhatWasSealed) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam()));
  std::mt19937_64 random(GetParam());
  const RandomShard made(random);
  const auto& groups = made.groups;
  columns_ = made.columns;
  Seal(made.Pointers());
  EXPECT_EQ(shard_.rows(), made.rows);

  ASSERT_OK_AND_ASSIGN(auto reader, OpenShard());
  ASSERT_EQ(reader->groups(), groups.size());
  // In any order: access is random.
  std::vector<std::size_t> order(groups.size());
  for (std::size_t g = 0; g < order.size(); ++g) order[g] = g;
  std::shuffle(order.begin(), order.end(), random);
  for (const std::size_t g : order) {
    ASSERT_OK_AND_ASSIGN(const ColumnBatch batch, reader->ReadGroup(g));
    ASSERT_EQ(batch.columns.size(), columns_.size());
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      ASSERT_EQ(CellsOf(batch.columns[c]), groups[g][c]) << "group " << g << " column " << c;
    }
  }
  EXPECT_OK(VerifySegments());

  // And one flipped bit anywhere before the leaves is noticed, unless it lies in
  // a segment that holds padding alone, which these small streams do not have.
  std::string bytes = ReadAll(path());
  const std::size_t bit = random() % (LeavesBegin() * 8);
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  WriteAll(path(), bytes);
  EXPECT_THAT(ReadEverything(), StatusIs(absl::StatusCode::kDataLoss)) << "bit " << bit;
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomShardTest, ::testing::Range(0u, 40u));

TEST_F(ShardTest, OpensLargeColumnsAcrossSegments) {
  columns_ = {{.id = "1", .name = "blob", .type = ValueType::kBytes, .repeated = false}};
  std::mt19937_64 random(1);
  std::vector<std::vector<OptionalCell>> groups;
  std::vector<std::vector<ColumnBuilder>> builders;
  // Around the edges of a segment's 65,504 bytes of plaintext.
  for (const std::size_t size : {65504, 65503, 65505, 1, 131008, 200000, 3, 700000, 5}) {
    std::string value(size, '\0');
    for (char& c : value) c = static_cast<char>(random());
    groups.push_back({Cell{value}});
    builders.emplace_back().push_back(BuilderOf(columns_[0], groups.back()));
  }
  std::vector<const std::vector<ColumnBuilder>*> pointers;
  for (auto& group : builders) pointers.push_back(&group);
  Seal(pointers);
  ASSERT_OK_AND_ASSIGN(auto reader, OpenShard());
  // Backwards, forwards, and each after each.
  std::vector<std::size_t> order;
  for (std::size_t g = groups.size(); g-- > 0;) order.push_back(g);
  for (std::size_t g = 0; g < groups.size(); ++g) order.push_back(g);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t other = 0; other < groups.size(); ++other) {
      order.insert(order.end(), {g, other});
    }
  }
  for (const std::size_t g : order) {
    ASSERT_OK_AND_ASSIGN(const ColumnBatch batch, reader->ReadGroup(g));
    ASSERT_EQ(CellsOf(batch.columns[0]), groups[g]) << g;
  }

  EXPECT_OK(VerifySegments());
  std::string bytes = ReadAll(path());
  const std::size_t header = *HeaderSectionBytes(AsBytes(bytes.substr(0, kHeaderPrefixBytes)));
  bytes[header + crypto::kStreamHeaderBytes + 3 * 65536 + 30'000] ^= 1;
  WriteAll(path(), bytes);
  EXPECT_THAT(VerifySegments(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("column blob: segment 3 is")));
}

// A file that counts how much of it is read.
class CountingEnv final : public Env {
 public:
  mutable std::uint64_t bytes_read = 0;

  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override {
    auto file = Posix().OpenForRead(path);
    if (!file.ok()) return file.status();
    return std::make_unique<File>(*this, *std::move(file));
  }
  absl::StatusOr<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path,
                                                             OpenMode mode) override {
    return Posix().OpenForWrite(path, mode);
  }
  absl::StatusOr<std::unique_ptr<UpdatableFile>> OpenForUpdate(const std::string& path) override {
    return Posix().OpenForUpdate(path);
  }
  absl::StatusOr<std::string> ReadFile(const std::string& path, std::uint64_t max) override {
    return Posix().ReadFile(path, max);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return Posix().Rename(from, to);
  }
  absl::Status RenameNew(const std::string& from, const std::string& to) override {
    return Posix().RenameNew(from, to);
  }
  absl::Status Remove(const std::string& path) override { return Posix().Remove(path); }
  absl::Status Truncate(const std::string& path, std::uint64_t size) override {
    return Posix().Truncate(path, size);
  }
  absl::Status SyncDir(const std::string& path) override { return Posix().SyncDir(path); }
  absl::Status CreateDirs(const std::string& path) override { return Posix().CreateDirs(path); }
  bool Exists(const std::string& path) override { return Posix().Exists(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    return Posix().List(path);
  }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    return Posix().Lock(path);
  }

 private:
  class File final : public RandomAccessFile {
   public:
    File(const CountingEnv& env, std::unique_ptr<RandomAccessFile> base)
        : env_(env), base_(std::move(base)) {}
    absl::Status ReadAt(std::uint64_t offset, MutableByteSpan out) const override {
      env_.bytes_read += out.size();
      return base_->ReadAt(offset, out);
    }
    std::uint64_t size() const override { return base_->size(); }

   private:
    const CountingEnv& env_;
    std::unique_ptr<RandomAccessFile> base_;
  };
};

TEST_F(ShardTest, ReadsOnlyTheSegmentsOfTheChunkAskedFor) {
  columns_ = {{.id = "1", .name = "a", .type = ValueType::kBytes, .repeated = false},
              {.id = "2", .name = "b", .type = ValueType::kBytes, .repeated = false}};
  std::mt19937_64 random(2);
  std::vector<std::vector<ColumnBuilder>> builders(30);
  std::vector<const std::vector<ColumnBuilder>*> pointers;
  for (auto& group : builders) {
    for (const ColumnSpec& column : columns_) {
      std::string value(100'000, '\0');
      for (char& c : value) c = static_cast<char>(random());
      group.push_back(BuilderOf(column, {Cell{value}}));
    }
    pointers.push_back(&group);
  }
  Seal(pointers);
  CountingEnv env;
  ASSERT_OK_AND_ASSIGN(ShardFile file, ShardFile::Open(env, path(), Manifest(), shard_));
  ASSERT_OK_AND_ASSIGN(auto reader,
                       ShardReader::Open(std::move(file), Keys(), {columns_[1]}, space_));
  EXPECT_LT(env.bytes_read, 8'000u);
  env.bytes_read = 0;
  ASSERT_OK(reader->ReadGroup(17));
  // 100,016 bytes of chunk: at most 1 + ⌈100,016 / 65,504⌉ segments.
  EXPECT_LE(env.bytes_read, 3u * 65536u);
}

// --- parts -------------------------------------------------------------------

TEST(PaddedBytes, FollowsTheTable) {
  const std::pair<std::uint64_t, std::uint64_t> kCases[] = {{0, 0},
                                                            {1, 1},
                                                            {2, 2},
                                                            {3, 3},
                                                            {8, 8},
                                                            {9, 10},
                                                            {10, 10},
                                                            {17, 18},
                                                            {100, 104},
                                                            {1000, 1024},
                                                            {65504, 65536},
                                                            {65537, 67584},
                                                            {1u << 20, 1u << 20}};
  for (const auto& [bytes, padded] : kCases) EXPECT_EQ(PaddedBytes(bytes), padded) << bytes;
  for (std::uint64_t bytes = 1; bytes < (1u << 24); bytes += 997) {
    const std::uint64_t padded = PaddedBytes(bytes);
    ASSERT_GE(padded, bytes);
    ASSERT_LE(padded, bytes + bytes * 12 / 100 + 1);
    ASSERT_EQ(PaddedBytes(padded), padded);
  }
}

TEST(HeaderSection, RefusesWhatIsNoHeader) {
  ShardHeader header;
  header.set_format(1);
  header.set_shard_id(std::string(16, 's'));
  header.set_dataset("d");
  header.set_policy_sha256(std::string(32, 'p'));
  header.set_schema_sha256(std::string(32, 's'));
  header.set_permit_id(std::string(16, 'i'));
  const auto decode = [](const ShardHeader& h) {
    return DecodeHeaderSection(*EncodeHeaderSection(h));
  };
  EXPECT_OK(decode(header));
  ShardHeader bad = header;
  bad.set_format(2);
  EXPECT_THAT(decode(bad), StatusIs(absl::StatusCode::kDataLoss));
  bad = header;
  bad.set_shard_id("short");
  EXPECT_THAT(decode(bad), StatusIs(absl::StatusCode::kDataLoss));
  bad = header;
  bad.GetReflection()->MutableUnknownFields(&bad)->AddVarint(99, 1);
  EXPECT_THAT(decode(bad), StatusIs(absl::StatusCode::kDataLoss));
  bad = header;
  bad.set_dataset(std::string(5000, 'd'));
  EXPECT_THAT(EncodeHeaderSection(bad), StatusIs(absl::StatusCode::kResourceExhausted));

  Bytes section = *EncodeHeaderSection(header);
  section.insert(section.begin() + kHeaderPrefixBytes, {0x08, 0x01});  // format, twice
  EXPECT_THAT(DecodeHeaderSection(section), StatusIs(absl::StatusCode::kDataLoss));
  Bytes prefix = {'S', 'E', 'A', 'L', 'S', 'H', 'D', '1', 0, 0, 0x10, 0x01};
  EXPECT_THAT(HeaderSectionBytes(prefix), StatusIs(absl::StatusCode::kDataLoss));
  prefix = {'S', 'E', 'A', 'L', 'S', 'H', 'D', '2', 0, 0, 0, 1};
  EXPECT_THAT(HeaderSectionBytes(prefix), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace sealtrain::pipeline
