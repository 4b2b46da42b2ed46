// Seals one stream into memory as its plaintext comes in.
#ifndef SEALTRAIN_PIPELINE_SEAL_STREAM_WRITER_H_
#define SEALTRAIN_PIPELINE_SEAL_STREAM_WRITER_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/seal/secret_buffer.h"
#include "sealtrain/pipeline/seal/segment_hasher.h"

namespace sealtrain::pipeline {

// Holds at most one segment of plaintext. Move-only, not thread-safe.
class StreamWriter {
 public:
  // `hasher` must outlive the writer, and be gone or waited for before the
  // writer goes.
  static absl::StatusOr<StreamWriter> Create(const crypto::Dek& key, ByteSpan aad,
                                             SegmentHasher& hasher);

  absl::Status Append(ByteSpan plaintext);
  // Pads the plaintext (PaddedBytes) and seals the final segment.
  absl::Status Finish();

  std::uint64_t sealed_bytes() const { return sealed_bytes_; }
  // After Finish(): writes the stream to `file`.
  absl::Status WriteTo(WritableFile& file) const;
  // After Finish(), and once the hasher was waited for: the Merkle leaf hash of
  // each segment (docs/formats/sealed-shard.md, 6).
  const std::deque<Digest>& leaves() const { return leaves_; }

 private:
  StreamWriter(crypto::StreamSealer sealer, SegmentHasher& hasher)
      : sealer_(std::move(sealer)), hasher_(&hasher) {}
  MutableByteSpan Extend(std::size_t bytes);
  absl::Status SealSegment(ByteSpan plaintext, bool final);

  crypto::StreamSealer sealer_;
  SegmentHasher* hasher_;
  SecretBuffer pending_;  // at most a segment
  std::uint64_t plaintext_bytes_ = 0;
  std::vector<Bytes> blocks_;  // ciphertext; a block never moves
  std::uint64_t sealed_bytes_ = 0;
  std::deque<Digest> leaves_;  // a deque, since the hasher knows their places
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SEAL_STREAM_WRITER_H_
