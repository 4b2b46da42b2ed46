// Writes one sealed shard; docs/formats/sealed-shard.md is the contract.
//
// Rows come in row groups and are sealed at once. The ciphertext stays in memory
// until Finish(), so that every column lies in one piece of the file; a caller
// watches sealed_bytes().
#ifndef SEALTRAIN_PIPELINE_SEAL_SHARD_WRITER_H_
#define SEALTRAIN_PIPELINE_SEAL_SHARD_WRITER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/manifest.pb.h"
#include "sealtrain/custody/permit.h"
#include "sealtrain/pipeline/seal/column_builder.h"
#include "sealtrain/pipeline/seal/shard.pb.h"

namespace sealtrain::pipeline {

// Not thread-safe. After an error the writer is of no more use.
class ShardWriter {
 public:
  // `header` without shard id and key epoch, which come from `keys`.
  // InvalidArgument: no columns, too many, or a column without a key.
  static absl::StatusOr<std::unique_ptr<ShardWriter>> Create(
      ShardHeader header, custody::ShardKeys keys, const std::vector<ColumnSpec>& columns);
  virtual ~ShardWriter() = default;

  // Seals what the builders hold, one for each column in the same order and all
  // with the same number of rows, as the next row group. The builders keep it.
  virtual absl::Status AppendGroup(absl::Span<const ColumnBuilder> builders) = 0;

  virtual std::uint64_t rows() const = 0;
  virtual std::uint64_t sealed_bytes() const = 0;  // of ciphertext so far

  // Writes the file from its first byte to its last; syncing is the caller's
  // business. Returns the shard's entry for a manifest, save for its `plan`.
  virtual absl::StatusOr<custody::Shard> Finish(WritableFile& file) = 0;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SEAL_SHARD_WRITER_H_
