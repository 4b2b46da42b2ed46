// The memory that a thread opens shards in, beside that of the rows themselves.
#ifndef SEALTRAIN_PIPELINE_OPEN_READ_SPACE_H_
#define SEALTRAIN_PIPELINE_OPEN_READ_SPACE_H_

#include <optional>

#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/pipeline/seal/chunk_codec.h"
#include "sealtrain/pipeline/seal/secret_buffer.h"

namespace sealtrain::pipeline {

// Serves one shard after the other, since large secret memory costs many system
// calls. It is not wiped in between: no reader looks at what it has not opened
// into it itself, and both shards are opened for the same job and in the same
// process. It is wiped when it goes away. Bounded by the largest shard: a segment
// for each column, and a chunk. Not thread-safe.
struct ReadSpace {
  Bytes ciphertext;                               // of some segments
  crypto::SecretBytes segments;                   // a segment's plaintext for each column
  SecretBuffer frame;                             // of the chunk at hand, if it is compressed
  std::optional<ChunkDecompressor> decompressor;  // once there was one
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_OPEN_READ_SPACE_H_
