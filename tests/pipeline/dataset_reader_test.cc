// Reading a data set: order, ranges, threads, resuming.
#include "sealtrain/pipeline/dataset_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/pipeline/dataset.h"
#include "sealtrain/pipeline/ingestion.h"
#include "sealtrain/pipeline/open/read_order.h"
#include "sealtrain/pipeline/seal/shard_layout.h"
#include "sealtrain/tests/pipeline/schema_fixture.h"
#include "sealtrain/tests/pipeline/shard_fixture.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/test_world.h"

namespace sealtrain::pipeline {
namespace {

using ::sealtrain::testing::kFlatProto;
using ::sealtrain::testing::ReadAll;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TestWorld;
using ::sealtrain::testing::WriteAll;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::uint64_t kRows = 83;

// 83 rows, whose ages are their numbers, in 8 shards of at most 11 rows, in row
// groups of 3.
class DatasetReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(world_, TestWorld::Create());
    ASSERT_OK(world_->ApplyPolicy(TestWorld::kKeepPolicy));
    ASSERT_OK(world_->CreateDataset("flat", kFlatProto, "Flat"));
    std::string csv = "user,age,score,text,spam,color,place.city,blob,big\n";
    for (std::uint64_t i = 0; i < kRows; ++i) {
      absl::StrAppend(&csv, "user", i, ",", i, ",", i % 3 == 0 ? "" : absl::StrCat(i, ".5"),
                      ",text ", i, ",true,RED,Bonn,,", i, "\n");
    }
    IngestionOptions options;
    options.store = world_->store();
    options.request = {
        .principal = TestWorld::kPrincipal, .dataset = "flat", .purpose = TestWorld::kPurpose};
    options.rows_per_group = 3;
    options.rows_per_shard = 11;
    ASSERT_OK_AND_ASSIGN(auto job, Ingestion::Start(world_->custody(), options));
    std::istringstream input(csv);
    ASSERT_OK_AND_ASSIGN(const custody::DatasetInfo info, world_->custody().GetDataset("flat"));
    const auto source = OpenSource(Format::kCsv, input, "in", info.schema);
    ASSERT_OK(job->AppendAll(*source, nullptr, nullptr));
    ASSERT_OK_AND_ASSIGN(const IngestionResult result, job->Commit());
    ASSERT_EQ(result.shards, 8u);
    auto permit = world_->custody().RequestTrain({.principal = TestWorld::kPrincipal,
                                                  .dataset = "flat",
                                                  .purpose = TestWorld::kPurpose,
                                                  .columns = {"age", "score", "text"},
                                                  .model = "model",
                                                  .dp = std::nullopt});
    ASSERT_OK(permit);
    permit_.emplace(*std::move(permit));
  }

  // Room for two row groups a block.
  DatasetReader::Options Options() const {
    return {.store = world_->store(), .columns = {"age", "score", "text"}, .block_bytes = 400};
  }
  absl::StatusOr<std::unique_ptr<DatasetReader>> Open(const DatasetReader::Options& options) {
    return DatasetReader::Open(world_->custody(), *permit_, options);
  }

  // The number of a row, if its columns belong together.
  static std::uint64_t RowNumber(const ColumnBatch& group, std::uint64_t row) {
    const auto number = static_cast<std::uint64_t>(group.columns[0].Number(row));
    EXPECT_EQ(number, group.first_row + row);
    EXPECT_EQ(group.columns[1].IsNull(row), number % 3 == 0) << number;
    if (!group.columns[1].IsNull(row)) {
      EXPECT_EQ(group.columns[1].Number(row), static_cast<double>(number) + 0.5);
    }
    EXPECT_EQ(group.columns[2].Text(row), absl::StrCat("text ", number));
    return number;
  }
  // The rows of a block in the order of their use.
  static std::vector<std::uint64_t> RowsOf(const RowBlock& block) {
    std::vector<std::uint64_t> rows;
    for (const RowRef& ref : block.order)
      rows.push_back(RowNumber(block.groups[ref.group], ref.row));
    if (!block.order.empty()) return rows;
    for (const ColumnBatch& group : block.groups) {
      for (std::uint64_t row = 0; row < group.rows; ++row) rows.push_back(RowNumber(group, row));
    }
    return rows;
  }
  static absl::StatusOr<std::vector<std::uint64_t>> Rest(DatasetReader& reader) {
    std::vector<std::uint64_t> rows;
    while (true) {
      const absl::StatusOr<const RowBlock*> block = reader.Next();
      if (!block.ok()) return block.status();
      if (*block == nullptr) return rows;
      const std::vector<std::uint64_t> of_block = RowsOf(**block);
      EXPECT_EQ((*block)->rows(), of_block.size());
      EXPECT_THAT(of_block, ::testing::Not(::testing::IsEmpty()));
      rows.insert(rows.end(), of_block.begin(), of_block.end());
    }
  }
  absl::StatusOr<std::vector<std::uint64_t>> Read(const DatasetReader::Options& options) {
    auto reader = Open(options);
    if (!reader.ok()) return reader.status();
    auto rows = Rest(**reader);
    EXPECT_EQ((*reader)->rows(), rows.ok() ? rows->size() : 0);
    return rows;
  }

  std::vector<std::uint64_t> Rows(const DatasetReader::Options& options) {
    auto rows = Read(options);
    EXPECT_OK(rows);
    return rows.value_or(std::vector<std::uint64_t>());
  }

  static std::vector<std::uint64_t> Numbers(std::uint64_t begin, std::uint64_t end) {
    std::vector<std::uint64_t> numbers(end - begin);
    std::iota(numbers.begin(), numbers.end(), begin);
    return numbers;
  }

  std::unique_ptr<TestWorld> world_;
  std::optional<custody::Permit<policy::TRAIN>> permit_;
};

TEST_F(DatasetReaderTest, ReadsAllRowsInOrder) {
  for (const int threads : {0, 1, 3}) {
    for (const std::uint64_t block_bytes : {0, 400, 1 << 20}) {
      DatasetReader::Options options = Options();
      options.threads = threads;
      options.block_bytes = block_bytes;
      EXPECT_EQ(Rows(options), Numbers(0, kRows))
          << threads << " threads, blocks of " << block_bytes;
    }
  }
}

TEST_F(DatasetReaderTest, OpensAsManyGroupsTogetherAsFitIntoABlock) {
  DatasetReader::Options options = Options();
  const auto groups = [&](std::uint64_t block_bytes) {
    options.block_bytes = block_bytes;
    const auto reader = Open(options).value();
    return (*reader->Next())->groups.size();
  };
  EXPECT_EQ(groups(0), 1u);
  EXPECT_EQ(groups(400), 2u);
  EXPECT_EQ(groups(1 << 20), 4u);  // of 11 rows in groups of 3
}

TEST_F(DatasetReaderTest, ReadsEveryRowRange) {
  DatasetReader::Options options = Options();
  for (std::uint64_t begin = 0; begin <= 24; ++begin) {
    for (std::uint64_t end = begin; end <= 24; ++end) {
      options.rows = {.begin = begin, .end = end};
      ASSERT_EQ(Rows(options), Numbers(begin, end));
    }
  }
  options.rows = {.begin = 80, .end = 1000};
  EXPECT_EQ(Rows(options), Numbers(80, kRows));
  options.rows = {.begin = 7, .end = 3};
  EXPECT_EQ(Rows(options), Numbers(0, 0));
}

TEST_F(DatasetReaderTest, ShufflesEveryRowOnceTheSameForAnyNumberOfThreads) {
  DatasetReader::Options options = Options();
  options.shuffle = {.seed = 7, .pass = 0};
  ASSERT_OK_AND_ASSIGN(const std::vector<std::uint64_t> order, Read(options));
  EXPECT_NE(order, Numbers(0, kRows));
  std::vector<std::uint64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, Numbers(0, kRows));
  for (const int threads : {0, 1, 2, 5}) {
    options.threads = threads;
    EXPECT_EQ(Rows(options), order) << threads;
  }
  std::set<std::vector<std::uint64_t>> orders = {order};
  for (const auto& [seed, pass] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {7, 1}, {8, 0}, {7 + (std::uint64_t{1} << 32), 0}, {0, 7}}) {
    options.shuffle = {.seed = seed, .pass = pass};
    ASSERT_OK_AND_ASSIGN(const std::vector<std::uint64_t> other, Read(options));
    EXPECT_TRUE(orders.insert(other).second) << seed << " " << pass;
  }
}

TEST_F(DatasetReaderTest, ShufflesShardsGroupsAndRowsOfABlock) {
  DatasetReader::Options options = Options();
  options.shuffle = {.seed = 7, .pass = 0};
  options.block_bytes = 1 << 20;  // a shard
  ASSERT_OK_AND_ASSIGN(const auto reader, Open(options));
  std::vector<std::uint64_t> shards;
  std::size_t groups_moved = 0;
  std::size_t rows_moved = 0;
  while (true) {
    ASSERT_OK_AND_ASSIGN(const RowBlock* const block, reader->Next());
    if (block == nullptr) break;
    shards.push_back(block->groups[0].first_row / 11);
    std::vector<std::uint64_t> firsts;
    for (const ColumnBatch& group : block->groups) firsts.push_back(group.first_row);
    if (!std::is_sorted(firsts.begin(), firsts.end())) ++groups_moved;
    std::vector<std::uint64_t> refs;
    for (const RowRef& ref : block->order) refs.push_back(ref.group * 3 + ref.row);
    if (!std::is_sorted(refs.begin(), refs.end())) ++rows_moved;
  }
  EXPECT_THAT(shards, ::testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_FALSE(std::is_sorted(shards.begin(), shards.end()));
  EXPECT_GE(groups_moved, 5u);
  EXPECT_GE(rows_moved, 7u);
}

TEST_F(DatasetReaderTest, ShufflesRowGroupsAndLeavesTheirRows) {
  DatasetReader::Options options = Options();
  options.shuffle = {.seed = 7, .pass = 0, .rows = false};
  options.block_bytes = 1 << 20;  // a shard
  ASSERT_OK_AND_ASSIGN(const std::vector<std::uint64_t> order, Read(options));
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::vector<std::uint64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, Numbers(0, kRows));
  // Shards have 11 rows, row groups 3.
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (order[i] % 11 % 3 != 0) {
      EXPECT_EQ(order[i], order[i - 1] + 1);
    }
  }
  options.threads = 2;
  EXPECT_EQ(Rows(options), order);
}

TEST_F(DatasetReaderTest, ShufflesARowRange) {
  DatasetReader::Options options = Options();
  options.shuffle = {.seed = 1, .pass = 2};
  options.rows = {.begin = 5, .end = 40};
  ASSERT_OK_AND_ASSIGN(std::vector<std::uint64_t> order, Read(options));
  EXPECT_NE(order, Numbers(5, 40));
  std::sort(order.begin(), order.end());
  EXPECT_EQ(order, Numbers(5, 40));
}

TEST_F(DatasetReaderTest, ResumesAtEveryRowAsIfItHadNotStopped) {
  for (const bool shuffled : {false, true}) {
    DatasetReader::Options options = Options();
    options.rows = {.begin = 4, .end = 60};
    if (shuffled) options.shuffle = {.seed = 3, .pass = 1};
    ASSERT_OK_AND_ASSIGN(const std::vector<std::uint64_t> all, Read(options));
    ASSERT_OK_AND_ASSIGN(const auto reader, Open(options));
    const auto resumes = [&](const ReadPosition& position, std::uint64_t done) {
      DatasetReader::Options again = options;
      // Another number of threads must make no difference.
      again.threads = static_cast<int>(done % 3);
      // A position survives being stored.
      again.resume.emplace();
      ASSERT_TRUE(again.resume->ParseFromString(position.SerializeAsString()));
      ASSERT_LT(position.ByteSizeLong(), 100u);
      ASSERT_OK_AND_ASSIGN(const auto resumed, Open(again));
      EXPECT_EQ(resumed->rows(), all.size());
      ASSERT_OK_AND_ASSIGN(const std::vector<std::uint64_t> rest, Rest(*resumed));
      ASSERT_EQ(rest, std::vector<std::uint64_t>(all.begin() + static_cast<std::ptrdiff_t>(done),
                                                 all.end()))
          << done;
    };
    resumes(reader->PositionAfter(0), 0);
    std::uint64_t done = 0;
    while (true) {
      ASSERT_OK_AND_ASSIGN(const RowBlock* const block, reader->Next());
      if (block == nullptr) break;
      for (std::uint64_t used = 0; used <= block->rows(); ++used) {
        resumes(reader->PositionAfter(used), done + used);
      }
      done += block->rows();
    }
    EXPECT_EQ(done, all.size());
    resumes(reader->PositionAfter(0), done);
  }
}

TEST_F(DatasetReaderTest, ResumesAResumedReading) {
  DatasetReader::Options options = Options();
  options.shuffle = {.seed = 3, .pass = 1};
  ASSERT_OK_AND_ASSIGN(const std::vector<std::uint64_t> all, Read(options));
  std::vector<std::uint64_t> rows;
  while (true) {
    // One row of each reader.
    ASSERT_OK_AND_ASSIGN(const auto reader, Open(options));
    ASSERT_OK_AND_ASSIGN(const RowBlock* const block, reader->Next());
    if (block == nullptr) break;
    rows.push_back(RowsOf(*block)[0]);
    options.resume = reader->PositionAfter(1);
  }
  EXPECT_EQ(rows, all);
}

TEST_F(DatasetReaderTest, RefusesAPositionOfAnotherReading) {
  DatasetReader::Options options = Options();
  ASSERT_OK_AND_ASSIGN(const auto reader, Open(options));
  ASSERT_OK(reader->Next());
  const ReadPosition position = reader->PositionAfter(1);
  const auto refused = [&](DatasetReader::Options other, const ReadPosition& at) {
    other.resume = at;
    EXPECT_THAT(Open(other), StatusIs(absl::StatusCode::kInvalidArgument));
  };
  DatasetReader::Options other = options;
  other.columns = {"score", "age", "text"};
  refused(other, position);
  other = options;
  other.shuffle = DatasetReader::Shuffle{};
  refused(other, position);
  other.shuffle->rows = false;
  refused(other, position);
  other = options;
  other.rows = {.begin = 0, .end = kRows};
  refused(other, position);
  other = options;
  other.block_bytes = 401;
  refused(other, position);
  other = options;
  other.shuffle = DatasetReader::Shuffle{};
  ASSERT_OK_AND_ASSIGN(const auto shuffled, Open(other));
  other.shuffle->rows = false;
  refused(other, shuffled->PositionAfter(0));
  ReadPosition of_another = position;
  of_another.set_manifest_sha256(std::string(32, 'x'));
  refused(options, of_another);
  refused(options, ReadPosition());

  ReadPosition behind = position;
  behind.set_rows(1000);
  other = options;
  other.resume = behind;
  ASSERT_OK_AND_ASSIGN(const auto resumed, Open(other));
  EXPECT_THAT(resumed->Next(), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(DatasetReaderTest, RefusesOptionsOutOfRange) {
  DatasetReader::Options options = Options();
  for (const int threads : {-1, 65}) {
    options.threads = threads;
    EXPECT_THAT(Open(options), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_F(DatasetReaderTest, GivesEveryRowBeforeABadShardAndThenItsErrorForEver) {
  // The fifth shard in the order of rows.
  ASSERT_OK_AND_ASSIGN(const custody::Manifest manifest,
                       ReadManifest(world_->custody(), Env::Posix(), world_->store(), "flat", 1));
  const std::string id = HexEncode(AsBytes(manifest.shard(4).id()));
  const std::string path = absl::StrCat(world_->store(), "/flat/shards/", id, ".seal");
  std::string bytes = ReadAll(path);
  // In the index stream, ahead of leaves and trailer.
  bytes[bytes.size() - kTrailerBytes - manifest.shard(4).segments() * sizeof(Digest) - 20] ^= 1;
  WriteAll(path, bytes);
  for (const int threads : {0, 1, 4}) {
    DatasetReader::Options options = Options();
    options.threads = threads;
    ASSERT_OK_AND_ASSIGN(const auto reader, Open(options));
    std::vector<std::uint64_t> rows;
    absl::StatusOr<const RowBlock*> block = reader->Next();
    for (; block.ok() && *block != nullptr; block = reader->Next()) {
      for (const std::uint64_t row : RowsOf(**block)) rows.push_back(row);
    }
    EXPECT_THAT(block, StatusIs(absl::StatusCode::kDataLoss, HasSubstr(id)));
    EXPECT_EQ(rows, Numbers(0, 44));
    EXPECT_THAT(reader->Next(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(id)));
  }
}

TEST_F(DatasetReaderTest, MayBeDroppedWhileThreadsRead) {
  DatasetReader::Options options = Options();
  options.threads = 4;
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto reader, Open(options));
    for (int blocks = 0; blocks < i % 4; ++blocks) ASSERT_OK(reader->Next());
  }
}

// --- parts ---------------------------------------------------------------------

TEST(ReadOrder, IsTheSameOnEveryMachine) {
  std::vector<int> items = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  Shuffle({.kind = ShuffleOf::kGroups, .seed = 42, .pass = 1, .shard = 3}, absl::MakeSpan(items));
  EXPECT_THAT(items, ElementsAre(7, 2, 0, 6, 3, 5, 1, 9, 8, 4));
}

TEST(ReadOrder, DependsOnAllItIsToldAndReachesEveryOrder) {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::vector<int> items = {0, 1, 2, 3};
    Shuffle({.kind = ShuffleOf::kRows, .seed = seed}, absl::MakeSpan(items));
    orders.insert(items);
  }
  EXPECT_THAT(orders, SizeIs(24));
  const ShuffleOf base = {.kind = ShuffleOf::kRows};
  std::vector<ShuffleOf> others(7, base);
  others[1].kind = ShuffleOf::kShards;
  others[2].seed = 1;
  others[3].seed = std::uint64_t{1} << 32;
  others[4].pass = 1;
  others[5].shard = 1;
  others[6].block = 1;
  std::set<std::vector<int>> distinct;
  for (const ShuffleOf& other : others) {
    std::vector<int> items(30);
    std::iota(items.begin(), items.end(), 0);
    Shuffle(other, absl::MakeSpan(items));
    distinct.insert(items);
  }
  EXPECT_THAT(distinct, SizeIs(others.size()));
}

TEST(OrderGenerator, DrawsEachNumberAboutAsOften) {
  OrderGenerator random({.kind = ShuffleOf::kRows, .seed = 1});
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[random.Below(7)];
  // 10,000 each with a standard deviation of 93.
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
  EXPECT_EQ(random.Below(1), 0u);
  for (int i = 0; i < 1000; ++i) EXPECT_LT(random.Below(~std::uint64_t{0}), ~std::uint64_t{0});
}

}  // namespace
}  // namespace sealtrain::pipeline
