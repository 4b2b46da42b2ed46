// Seals one stream into memory as its plaintext comes in.
#ifndef SEALTRAIN_PIPELINE_SEAL_STREAM_WRITER_H_
#define SEALTRAIN_PIPELINE_SEAL_STREAM_WRITER_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/seal/secret_buffer.h"

namespace sealtrain::pipeline {

// Holds at most one segment of plaintext. Move-only, not thread-safe.
class StreamWriter {
 public:
  static absl::StatusOr<StreamWriter> Create(const crypto::Dek& key, ByteSpan aad);

  absl::Status Append(ByteSpan plaintext);
  // Pads the plaintext (PaddedBytes) and seals the final segment.
  absl::Status Finish();

  std::uint64_t sealed_bytes() const { return sealed_bytes_; }
  // After Finish(): writes the stream to `file`, and its tags to `tags`.
  absl::Status WriteTo(WritableFile& file, crypto::MerkleAccumulator& tags) const;

 private:
  explicit StreamWriter(crypto::StreamSealer sealer) : sealer_(std::move(sealer)) {}
  MutableByteSpan Extend(std::size_t bytes);
  absl::Status SealPending(bool final);
  void KeepTag();  // of the segment sealed last

  crypto::StreamSealer sealer_;
  SecretBuffer pending_;  // less than a segment
  std::uint64_t plaintext_bytes_ = 0;
  std::vector<Bytes> blocks_;  // ciphertext
  std::uint64_t sealed_bytes_ = 0;
  std::vector<std::array<std::uint8_t, crypto::kTagBytes>> tags_;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SEAL_STREAM_WRITER_H_
