// Opens the columns of one shard for which there are keys.
// docs/formats/sealed-shard.md is the contract.
#ifndef SEALTRAIN_PIPELINE_OPEN_SHARD_READER_H_
#define SEALTRAIN_PIPELINE_OPEN_SHARD_READER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/custody/permit.h"
#include "sealtrain/pipeline/column_batch.h"
#include "sealtrain/pipeline/open/read_space.h"
#include "sealtrain/pipeline/open/shard_file.h"
#include "sealtrain/pipeline/seal/column_spec.h"

namespace sealtrain::pipeline {

// Not thread-safe; readers of different shards are independent.
class ShardReader {
 public:
  // Opens the index and the streams of `columns`. `space` must outlive the reader
  // and serve no other one meanwhile. Errors name the column:
  // PermissionDenied: its key was not released. DataLoss: index or stream do
  // not open, or are not as the format and `columns` say. NotFound: the shard
  // has no such column.
  static absl::StatusOr<std::unique_ptr<ShardReader>> Open(ShardFile file,
                                                           const custody::ShardKeys& keys,
                                                           const std::vector<ColumnSpec>& columns,
                                                           ReadSpace& space);
  virtual ~ShardReader() = default;

  virtual std::uint64_t rows() const = 0;
  virtual std::size_t groups() const = 0;
  // Of a row group: its first row, counted from the shard's, its rows, and the
  // bytes that a batch of it takes. All require group < groups().
  virtual std::uint64_t first_row(std::size_t group) const = 0;
  virtual std::uint64_t group_rows(std::size_t group) const = 0;
  virtual std::uint64_t group_bytes(std::size_t group) const = 0;

  // All columns of row group `group`; first_row counts from the shard's first
  // row. `memory`, of a batch that is done with, is used again if it suffices:
  // fresh secret memory costs as much as opening. OutOfRange: no such group.
  // DataLoss names the column; nothing of a bad row group is returned.
  virtual absl::StatusOr<ColumnBatch> ReadGroup(std::size_t group,
                                                crypto::SecretBytes memory = {}) = 0;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_OPEN_SHARD_READER_H_
