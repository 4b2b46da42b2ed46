// Rows of shards as tests write them down, and shards of random rows.
#ifndef SEALTRAIN_TESTS_PIPELINE_SHARD_CELLS_H_
#define SEALTRAIN_TESTS_PIPELINE_SHARD_CELLS_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/pipeline/column_batch.h"
#include "sealtrain/pipeline/seal/column_builder.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::testing {

// A value of a test column, whatever its type; nullopt is null.
using Cell = std::vector<std::string>;  // bytes of each value: one unless repeated
using OptionalCell = std::optional<Cell>;

inline pipeline::ColumnBuilder BuilderOf(const pipeline::ColumnSpec& spec,
                                         const std::vector<OptionalCell>& rows) {
  pipeline::ColumnBuilder builder(spec);
  for (const OptionalCell& row : rows) {
    if (!row.has_value()) {
      EXPECT_OK(builder.EndNullRow());
      continue;
    }
    for (const std::string& value : *row) {
      if (spec.type == pipeline::ValueType::kBytes) {
        EXPECT_OK(builder.AppendText(value));
      } else if (pipeline::ValueBytes(spec.type) == 1) {
        EXPECT_OK(builder.AppendNumber(static_cast<std::uint8_t>(value[0])));
      } else if (pipeline::ValueBytes(spec.type) == 4) {
        std::uint32_t number;
        std::memcpy(&number, value.data(), sizeof(number));
        EXPECT_OK(builder.AppendNumber(number));
      } else {
        std::uint64_t number;
        std::memcpy(&number, value.data(), sizeof(number));
        EXPECT_OK(builder.AppendNumber(number));
      }
    }
    EXPECT_OK(builder.EndRow());
  }
  return builder;
}

inline std::vector<OptionalCell> CellsOf(const pipeline::ColumnView& view) {
  std::vector<OptionalCell> cells;
  for (std::uint64_t row = 0; row < view.rows; ++row) {
    if (view.IsNull(row)) {
      cells.push_back(std::nullopt);
      continue;
    }
    const std::uint64_t begin = view.repeated ? view.list_offsets[row] : row;
    const std::uint64_t end = view.repeated ? view.list_offsets[row + 1] : row + 1;
    Cell cell;
    for (std::uint64_t i = begin; i < end; ++i) {
      const std::size_t width = pipeline::ValueBytes(view.type);
      cell.emplace_back(view.type == pipeline::ValueType::kBytes
                            ? std::string(view.Text(i))
                            : std::string(AsText(view.values.subspan(i * width, width))));
    }
    cells.push_back(cell);
  }
  return cells;
}

template <typename T>
std::string Raw(T number) {
  return std::string(reinterpret_cast<const char*>(&number), sizeof(number));
}

// Columns of any type and row groups of any size; half of the values are dull,
// so that some chunks are worth compressing.
struct RandomShard {
  std::vector<pipeline::ColumnSpec> columns;
  std::vector<std::vector<std::vector<OptionalCell>>> groups;  // group, column, row
  std::vector<std::vector<pipeline::ColumnBuilder>> builders;  // of each group
  std::uint64_t rows = 0;

  explicit RandomShard(std::mt19937_64& random) {
    const auto below = [&random](std::uint64_t n) { return random() % n; };
    for (std::uint64_t i = 0, n = 1 + below(8); i < n; ++i) {
      columns.push_back({.id = absl::StrCat(i + 1),
                         .name = absl::StrCat("column", i),
                         .type = static_cast<pipeline::ValueType>(1 + below(8)),
                         .repeated = below(3) == 0});
    }
    constexpr std::uint64_t kGroupSizes[] = {1, 2, 7, 8, 9, 63, 64, 65, 500};
    groups.resize(1 + below(5));
    builders.resize(groups.size());
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const std::uint64_t group_rows = kGroupSizes[below(std::size(kGroupSizes))];
      rows += group_rows;
      for (const pipeline::ColumnSpec& column : columns) {
        std::vector<OptionalCell>& cells = groups[g].emplace_back();
        const bool nulls = !column.repeated && below(2) == 0;
        for (std::uint64_t row = 0; row < group_rows; ++row) {
          Cell cell;
          for (std::uint64_t v = column.repeated ? below(4) : 1; v > 0; --v) {
            cell.push_back(Value(column.type, random));
          }
          cells.push_back(nulls && below(3) == 0 ? OptionalCell() : OptionalCell(cell));
        }
        builders[g].push_back(BuilderOf(column, cells));
      }
    }
  }

  // For ShardTest::Seal().
  std::vector<const std::vector<pipeline::ColumnBuilder>*> Pointers() const {
    std::vector<const std::vector<pipeline::ColumnBuilder>*> pointers;
    for (const auto& group : builders) pointers.push_back(&group);
    return pointers;
  }

 private:
  static std::string Value(pipeline::ValueType type, std::mt19937_64& random) {
    if (type == pipeline::ValueType::kBool) return std::string(1, static_cast<char>(random() % 2));
    std::size_t size = pipeline::ValueBytes(type);
    if (type == pipeline::ValueType::kBytes) {
      size = random() % 10 == 0 ? random() % 3000 : random() % 12;
    }
    std::string value(size, '\0');
    const bool dull = random() % 2 == 0;
    for (char& c : value) c = static_cast<char>(dull ? 'a' : random() % 256);
    return value;
  }
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_PIPELINE_SHARD_CELLS_H_
