// zstd over plaintext: all working memory is secret memory, which the library
// would otherwise leave behind on the heap.
#ifndef SEALTRAIN_PIPELINE_SEAL_CHUNK_CODEC_H_
#define SEALTRAIN_PIPELINE_SEAL_CHUNK_CODEC_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/pipeline/seal/secret_buffer.h"

namespace sealtrain::pipeline {

// Move-only. Not thread-safe.
class ChunkCompressor {
 public:
  static absl::StatusOr<ChunkCompressor> Create();
  // Compresses `raw` into `out` (cleared first) and returns true, or returns
  // false where that saves, or seems to save, less than a quarter and `raw` is
  // better stored as it is.
  absl::StatusOr<bool> Compress(ByteSpan raw, SecretBuffer& out);

 private:
  absl::StatusOr<bool> CompressAll(ByteSpan raw, SecretBuffer& out);

  explicit ChunkCompressor(crypto::SecretBytes workspace) : workspace_(std::move(workspace)) {}
  crypto::SecretBytes workspace_;
};

// Move-only. Not thread-safe.
class ChunkDecompressor {
 public:
  static absl::StatusOr<ChunkDecompressor> Create();
  // Fills all of `raw`. DataLoss: `frame` is not one frame of exactly that many
  // bytes; `raw` is then wiped.
  absl::Status Decompress(ByteSpan frame, MutableByteSpan raw);

 private:
  explicit ChunkDecompressor(crypto::SecretBytes workspace) : workspace_(std::move(workspace)) {}
  crypto::SecretBytes workspace_;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SEAL_CHUNK_CODEC_H_
