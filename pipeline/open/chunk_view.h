// A decoded chunk as typed arrays (docs/formats/sealed-shard.md, 4.3).
#ifndef SEALTRAIN_PIPELINE_OPEN_CHUNK_VIEW_H_
#define SEALTRAIN_PIPELINE_OPEN_CHUNK_VIEW_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/pipeline/column_batch.h"

namespace sealtrain::pipeline {

struct ChunkShape {
  ValueType type = ValueType::kBytes;
  bool repeated = false;
  bool has_validity = false;
  std::uint64_t rows = 0;
  std::uint64_t values = 0;
};

// Checks `raw` byte by byte against its shape and returns views into it, safe
// to index with no further check. `raw` must be aligned to 8 bytes.
// DataLoss: anything is not as the format says.
absl::StatusOr<ColumnView> ViewChunk(const ChunkShape& shape, ByteSpan raw);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_OPEN_CHUNK_VIEW_H_
