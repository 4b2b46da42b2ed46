// Random access to the plaintext of one sealed stream within a file.
#ifndef SEALTRAIN_PIPELINE_OPEN_STREAM_READER_H_
#define SEALTRAIN_PIPELINE_OPEN_STREAM_READER_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/sealed_stream.h"

namespace sealtrain::pipeline {

// Opens each segment once when read in order: the one that two reads share is
// kept. Move-only, not thread-safe.
class StreamReader {
 public:
  // The stream takes [offset, offset + bytes) of `file`, which must outlive the
  // reader; `bytes` comes from an authenticated source. `key` need not outlive
  // the reader. `space`, secret memory for the reader alone, has room for the
  // plaintext of a segment and must outlive the reader. DataLoss: wrong key, or
  // not such a stream.
  static absl::StatusOr<StreamReader> Open(const RandomAccessFile& file, std::uint64_t offset,
                                           std::uint64_t bytes, const crypto::Dek& key,
                                           ByteSpan aad, MutableByteSpan space);

  std::uint64_t plaintext_bytes() const { return plaintext_bytes_; }
  // Fills `out` from `position` of the plaintext. DataLoss: a segment does not
  // open; `out` is then wiped. OutOfRange: past the end.
  absl::Status ReadAt(std::uint64_t position, MutableByteSpan out);

 private:
  StreamReader(const RandomAccessFile& file, std::uint64_t offset, crypto::SegmentOpener opener,
               MutableByteSpan space)
      : file_(&file), offset_(offset), opener_(std::move(opener)), shared_(space) {}
  absl::Status Fill(std::uint64_t position, MutableByteSpan out);
  absl::Status OpenSegment(std::uint64_t segment, MutableByteSpan out);

  const RandomAccessFile* file_;
  std::uint64_t offset_;
  std::uint64_t plaintext_bytes_ = 0;
  crypto::SegmentOpener opener_;
  Bytes ciphertext_;        // of one segment
  MutableByteSpan shared_;  // plaintext of segment shared_segment_
  std::optional<std::uint64_t> shared_segment_;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_OPEN_STREAM_READER_H_
