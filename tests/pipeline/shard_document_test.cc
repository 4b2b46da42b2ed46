// docs/formats/sealed-shard.md against the code: its example opens, with the
// published keys, to what its tables say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "sealtrain/pipeline/seal/secret_buffer.h"
#include "sealtrain/tests/pipeline/shard_fixture.h"

namespace sealtrain::pipeline {
namespace {

using ::sealtrain::testing::KeyOf;
using ::sealtrain::testing::ReadAll;
using ::sealtrain::testing::ShardTest;
using ::sealtrain::testing::WriteAll;
using ::testing::HasSubstr;

// What stands in `text` between `begin` and `end`.
std::string Between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  if (from == std::string::npos) return "";
  return text.substr(from + begin.size(),
                     text.find(end, from + begin.size()) - from - begin.size());
}

std::string Unhex(const std::string& text) {
  return absl::HexStringToBytes(absl::StrReplaceAll(text, {{"\n", ""}, {" ", ""}}));
}

class ShardDocumentTest : public ShardTest {
 protected:
  void SetUp() override {
    document_ = ReadAll(absl::StrCat(SEALTRAIN_SOURCE_DIR, "/docs/formats/sealed-shard.md"));
    ASSERT_FALSE(document_.empty());
    columns_ = {{.id = "1", .name = "user", .type = ValueType::kBytes, .repeated = false},
                {.id = "4", .name = "score", .type = ValueType::kInt32, .repeated = false},
                {.id = "7.2", .name = "tags", .type = ValueType::kBytes, .repeated = true}};
    for (std::size_t i = 0; i < shard_id_.size(); ++i) shard_id_[i] = static_cast<std::uint8_t>(i);
    file_ = Unhex(Between(document_, "```hex\n", "```"));
    WriteAll(path(), file_);
    shard_.set_id(std::string(AsText(shard_id_)));
    shard_.set_rows(3);
    shard_.set_file_bytes(file_.size());
    shard_.set_key_epoch(1);
    shard_.set_segments(4);
    shard_.set_header_sha256(Unhex(Between(document_, "header digest\n\n", "\n\n")));
    shard_.set_segments_root(Unhex(Between(document_, "root over the segments\n\n", "\n\n")));
  }

  std::string document_;
  std::string file_;
};

TEST_F(ShardDocumentTest, OpensItsExample) {
  ASSERT_EQ(file_.size(), 853u);
  EXPECT_OK(VerifySegments());
  ASSERT_OK_AND_ASSIGN(auto reader, OpenShard());
  ASSERT_EQ(reader->groups(), 1u);
  ASSERT_OK_AND_ASSIGN(const ColumnBatch batch, reader->ReadGroup(0));
  const ColumnView& user = batch.columns[0];
  EXPECT_EQ(user.Text(0), "ann");
  EXPECT_EQ(user.Text(1), "bob");
  EXPECT_EQ(user.Text(2), "");
  const ColumnView& score = batch.columns[1];
  EXPECT_EQ(score.Number(0), 7);
  EXPECT_TRUE(score.IsNull(1));
  EXPECT_EQ(score.Number(2), -1);
  const ColumnView& tags = batch.columns[2];
  EXPECT_THAT(tags.list_offsets, ::testing::ElementsAre(0, 2, 2, 3));
  EXPECT_EQ(tags.Text(0), "a");
  EXPECT_EQ(tags.Text(1), "bc");
  EXPECT_EQ(tags.Text(2), "d");
}

TEST_F(ShardDocumentTest, ShowsTheChunksThatTheWriterLaysOut) {
  std::vector<ColumnBuilder> group;
  for (const ColumnSpec& column : columns_) group.emplace_back(column);
  for (const char* user : {"ann", "bob", ""}) {
    ASSERT_OK(group[0].AppendText(user));
    ASSERT_OK(group[0].EndRow());
  }
  ASSERT_OK(group[1].AppendNumber(std::int32_t{7}));
  ASSERT_OK(group[1].EndRow());
  ASSERT_OK(group[1].EndNullRow());
  ASSERT_OK(group[1].AppendNumber(std::int32_t{-1}));
  ASSERT_OK(group[1].EndRow());
  ASSERT_OK(group[2].AppendText("a"));
  ASSERT_OK(group[2].AppendText("bc"));
  ASSERT_OK(group[2].EndRow());
  ASSERT_OK(group[2].EndRow());
  ASSERT_OK(group[2].AppendText("d"));
  ASSERT_OK(group[2].EndRow());
  for (const ColumnBuilder& builder : group) {
    SecretBuffer chunk;
    ASSERT_OK(builder.LayOut(chunk));
    const std::string line =
        Between(document_, absl::StrCat("\ncolumn ", builder.spec().id, " "), "\n");
    EXPECT_EQ(HexEncode(chunk.span()), absl::StrReplaceAll(line, {{" ", ""}}));
  }
}

TEST_F(ShardDocumentTest, ListsThePartsOfTheExample) {
  // Offsets and lengths of the table tile the file.
  std::size_t end = 0;
  for (const char* part : {"header section", "stream of column 1", "stream of column 4",
                           "stream of column 7.2", "index stream", "leaves", "trailer"}) {
    const std::string table = document_.substr(document_.find("| part | offset | bytes |"));
    const std::vector<std::string> cells =
        absl::StrSplit(Between(table, absl::StrCat("| ", part, " | "), " |\n"), " | ");
    ASSERT_EQ(cells.size(), 2u) << part;
    EXPECT_EQ(std::stoul(cells[0]), end) << part;
    end += std::stoul(cells[1]);
  }
  EXPECT_EQ(end, file_.size());
}

}  // namespace
}  // namespace sealtrain::pipeline
