// The sealed index of a shard, checked against everything it can be checked
// against, so that nobody has to doubt a number in it again.
#ifndef SEALTRAIN_PIPELINE_OPEN_SHARD_INDEX_H_
#define SEALTRAIN_PIPELINE_OPEN_SHARD_INDEX_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/pipeline/seal/shard.pb.h"

namespace sealtrain::pipeline {

// What the file and the manifest say about the shard.
struct ShardExtent {
  std::uint64_t rows = 0;
  std::uint64_t stream_bytes = 0;  // of all column streams together
};

// Decodes the plaintext of an index stream. DataLoss: it is not as
// docs/formats/sealed-shard.md, 10, demands.
absl::StatusOr<ShardIndex> DecodeShardIndex(ByteSpan plaintext, const ShardExtent& extent);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_OPEN_SHARD_INDEX_H_
