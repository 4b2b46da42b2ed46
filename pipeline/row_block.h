// Rows that a DatasetReader opened together.
#ifndef SEALTRAIN_PIPELINE_ROW_BLOCK_H_
#define SEALTRAIN_PIPELINE_ROW_BLOCK_H_

#include <cstdint>
#include <vector>

#include "sealtrain/pipeline/column_batch.h"

namespace sealtrain::pipeline {

// Row `row` of groups[group].
struct RowRef {
  std::uint32_t group = 0;
  std::uint32_t row = 0;
};

struct RowBlock {
  std::vector<ColumnBatch> groups;  // whole row groups, but for the ends of a row range
  // Where rows are shuffled: those of `groups` in the order to use them, each
  // once. Else empty: the rows come group by group, as they lie.
  std::vector<RowRef> order;

  std::uint64_t rows() const {
    if (!order.empty()) return order.size();
    std::uint64_t rows = 0;
    for (const ColumnBatch& group : groups) rows += group.rows;
    return rows;
  }
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_ROW_BLOCK_H_
