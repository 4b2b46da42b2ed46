// Opens a snapshot's columns, block by block, into secret memory. Built from a
// permit; keys come from custody shard by shard, for the columns that the permit
// names and no others.
//
//   auto reader = DatasetReader::Open(custody, permit, {.store = ..., .columns = {...}});
//   while (true) {
//     ST_ASSIGN_OR_RETURN(const RowBlock* block, (*reader)->Next());
//     if (block == nullptr) break;
//     for (const ColumnBatch& group : block->groups) ...
//   }
//
// Before the first key is asked for, the manifest is verified against custody;
// each shard's header is checked against the manifest before it is used.
//
// What is read depends on the options alone, never on the rows: a run that draws
// private samples draws them from rows that it has opened anyway.
#ifndef SEALTRAIN_PIPELINE_DATASET_READER_H_
#define SEALTRAIN_PIPELINE_DATASET_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/pipeline/read_position.pb.h"
#include "sealtrain/pipeline/row_block.h"

namespace sealtrain::pipeline {

// Not thread-safe.
class DatasetReader {
 public:
  // Rows [begin, end) of the snapshot; what lies behind its last row is ignored.
  struct RowRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  // The shards of the snapshot come in a random order, the row groups of each
  // shard, and the rows of each block. The order is the same wherever these
  // options, columns, rows and block size are, for any number of threads.
  struct Shuffle {
    std::uint64_t seed = 0;
    std::uint64_t pass = 0;  // over the data: each has another order
    bool rows = true;        // false: the rows of a row group stay as they lie
  };

  struct Options {
    std::string store;
    // Names of columns, a subset of the grant's. Order is kept.
    std::vector<std::string> columns;
    std::optional<RowRange> rows = std::nullopt;    // unset: all
    std::optional<Shuffle> shuffle = std::nullopt;  // unset: rows come as they lie
    // Threads that read ahead. 0: blocks are read in Next(). Range: [0, 64].
    int threads = 0;
    // Row groups of a shard are opened together while they fit into this many
    // bytes; at least one is. Memory is bounded by threads + 2 blocks.
    std::uint64_t block_bytes = 8 << 20;
    // Goes on where another reader with the same options stood, which may have
    // had another number of threads.
    std::optional<ReadPosition> resume = std::nullopt;
    Env* env = &Env::Posix();
  };

  // `custody` and `permit` must outlive the reader.
  // PermissionDenied: a column that the permit does not open. DataLoss:
  // manifest or shard was tampered with. InvalidArgument: options out of range,
  // or a position of another reading.
  static absl::StatusOr<std::unique_ptr<DatasetReader>> Open(
      custody::Custody& custody, const custody::Permit<policy::TRAIN>& permit, Options options);
  static absl::StatusOr<std::unique_ptr<DatasetReader>> Open(
      custody::Custody& custody, const custody::Permit<policy::EVALUATE>& permit, Options options);
  virtual ~DatasetReader() = default;

  // Rows of the whole reading, from its beginning.
  virtual std::uint64_t rows() const = 0;
  // The next block, valid until the next call, which uses its memory again.
  // Null at the end. DataLoss names shard and column; nothing of a bad row group
  // is returned, and every later call repeats the error.
  virtual absl::StatusOr<const RowBlock*> Next() = 0;
  // The place behind the first `used` rows of the block that Next() returned
  // last: resuming there gives every row not used yet, and no other. Requires
  // used <= the block's rows(), 0 before the first block.
  virtual ReadPosition PositionAfter(std::uint64_t used) const = 0;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_DATASET_READER_H_
