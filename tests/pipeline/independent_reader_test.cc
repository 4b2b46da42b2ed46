// sealed_shard.py, written from the documents, reads what our writer writes and
// refuses what our reader refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/tests/pipeline/shard_cells.h"
#include "sealtrain/tests/pipeline/shard_fixture.h"

namespace sealtrain::pipeline {
namespace {

using ::nlohmann::json;
using ::sealtrain::testing::Cell;
using ::sealtrain::testing::OptionalCell;
using ::sealtrain::testing::RandomShard;
using ::sealtrain::testing::ReadAll;
using ::sealtrain::testing::ShardTest;
using ::sealtrain::testing::WriteAll;

// Debian's, whose packages the script needs.
constexpr char kPython[] = "/usr/bin/python3";
constexpr char kPackages[] = "google.protobuf, zstandard, cryptography";

class IndependentReaderTest : public ShardTest {
 protected:
  void SetUp() override {
    if (std::system(absl::StrCat(kPython, " -c 'import ", kPackages, "' 2>/dev/null").c_str())) {
      GTEST_SKIP() << "needs Debian's python3-protobuf, python3-zstandard, python3-cryptography";
    }
  }

  // What the script prints, a line for each of `paths`.
  static std::vector<json> Run(const std::string& arguments,
                               const std::vector<std::string>& paths) {
    std::string command = absl::StrCat(kPython, " ", SEALTRAIN_SOURCE_DIR,
                                       "/tests/pipeline/sealed_shard.py ", arguments);
    for (const std::string& path : paths) absl::StrAppend(&command, " '", path, "'");
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return {};
    std::string output;
    char buffer[4096];
    while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) output += buffer;
    EXPECT_EQ(::pclose(pipe), 0) << command;
    std::vector<json> answers;
    for (const absl::string_view line : absl::StrSplit(output, '\n', absl::SkipEmpty())) {
      answers.push_back(json::parse(line.begin(), line.end(), nullptr, false));
    }
    EXPECT_EQ(answers.size(), paths.size());
    answers.resize(paths.size());
    return answers;
  }

  // Arguments that open all columns with the keys of ShardTest.
  std::string OpenArguments() const {
    const auto key = [](std::uint8_t byte) { return HexEncode(Bytes(crypto::kKeyBytes, byte)); };
    std::string arguments = absl::StrCat("open --index ", key(0x1f));
    for (const ColumnSpec& column : columns_) {
      const int byte = 0x10 + column.id.front() - '0';
      absl::StrAppend(&arguments, " --column ", column.id, "=",
                      key(static_cast<std::uint8_t>(byte)));
    }
    return arguments;
  }
  std::string VerifyArguments() const {
    return absl::StrCat("verify --root ", HexEncode(AsBytes(shard_.segments_root())));
  }

  static json JsonOf(const std::vector<OptionalCell>& cells) {
    json rows = json::array();
    for (const OptionalCell& cell : cells) {
      if (!cell.has_value()) {
        rows.push_back(nullptr);
        continue;
      }
      json values = json::array();
      for (const std::string& value : *cell) values.push_back(HexEncode(AsBytes(value)));
      rows.push_back(values);
    }
    return rows;
  }
};

TEST_F(IndependentReaderTest, ReadsWhatOursWrote) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 random(seed);
    const RandomShard made(random);
    columns_ = made.columns;
    Seal(made.Pointers());
    json expected = json::object();
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      json rows = json::array();
      for (const auto& group : made.groups) {
        for (json& row : JsonOf(group[c])) rows.push_back(std::move(row));
      }
      expected[columns_[c].id] = std::move(rows);
    }
    const std::vector<json> opened = Run(OpenArguments(), {path()});
    EXPECT_EQ(opened[0].value("columns", json()), expected);
    EXPECT_EQ(opened[0].value("rows", 0u), made.rows);
    EXPECT_EQ(opened[0].value("shard_id", ""), HexEncode(shard_id_));
    EXPECT_EQ(Run(VerifyArguments(), {path()})[0], json({{"segments", shard_.segments()}}));
  }
}

TEST_F(IndependentReaderTest, ReadsStreamsOfManySegments) {
  columns_ = {{.id = "1", .name = "blob", .type = ValueType::kBytes, .repeated = false},
              {.id = "2", .name = "text", .type = ValueType::kBytes, .repeated = false}};
  std::mt19937_64 random(1);
  std::vector<std::vector<ColumnBuilder>> groups;
  json blobs = json::array();
  json texts = json::array();
  for (const std::size_t size : {65504, 1, 131008, 200000}) {
    std::string blob(size, '\0');
    for (char& c : blob) c = static_cast<char>(random());
    const std::string text(size, 'a');  // is compressed
    groups.emplace_back();
    groups.back().push_back(testing::BuilderOf(columns_[0], {Cell{blob}}));
    groups.back().push_back(testing::BuilderOf(columns_[1], {Cell{text}}));
    blobs.push_back({HexEncode(AsBytes(blob))});
    texts.push_back({HexEncode(AsBytes(text))});
  }
  Seal({&groups[0], &groups[1], &groups[2], &groups[3]});
  ASSERT_GT(shard_.segments(), 6u);
  EXPECT_EQ(Run(OpenArguments(), {path()})[0].value("columns", json()),
            json({{"1", blobs}, {"2", texts}}));
  EXPECT_EQ(Run(VerifyArguments(), {path()})[0], json({{"segments", shard_.segments()}}));
}

TEST_F(IndependentReaderTest, OpensOnlyColumnsItHasKeysFor) {
  std::mt19937_64 random(3);
  const RandomShard made(random);
  columns_ = made.columns;
  ASSERT_GT(columns_.size(), 1u);
  Seal(made.Pointers());
  columns_.resize(1);
  const json opened = Run(OpenArguments(), {path()})[0];
  ASSERT_TRUE(opened.contains("columns")) << opened;
  EXPECT_EQ(opened["columns"].size(), 1u);
  EXPECT_TRUE(opened["columns"].contains("1"));
}

TEST_F(IndependentReaderTest, RefusesWhatOursRefuses) {
  std::mt19937_64 random(4);
  const RandomShard made(random);
  columns_ = made.columns;
  Seal(made.Pointers());
  const std::string good = ReadAll(path());
  std::vector<std::string> bad;
  const auto write_bad = [&](const std::string& bytes) {
    bad.push_back(folder_.Join(absl::StrCat("bad", bad.size(), ".seal")));
    WriteAll(bad.back(), bytes);
  };
  for (int i = 0; i < 100; ++i) {
    std::string bytes = good;
    const std::size_t bit = random() % (LeavesBegin() * 8);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    write_bad(bytes);
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{11}, LeavesBegin(), good.size() - 1}) {
    write_bad(good.substr(0, size));
  }
  write_bad(good + good);
  for (const std::string& arguments : {OpenArguments(), VerifyArguments()}) {
    const std::vector<json> answers = Run(arguments, bad);
    for (std::size_t i = 0; i < bad.size(); ++i) {
      EXPECT_TRUE(answers[i].contains("refused")) << arguments << " " << i << answers[i];
    }
  }
  // The leaves are for those without a key only.
  std::string bytes = good;
  bytes[LeavesBegin() + 1] ^= 1;
  WriteAll(path(), bytes);
  EXPECT_TRUE(Run(OpenArguments(), {path()})[0].contains("columns"));
  EXPECT_TRUE(Run(VerifyArguments(), {path()})[0].contains("refused"));
}

}  // namespace
}  // namespace sealtrain::pipeline
