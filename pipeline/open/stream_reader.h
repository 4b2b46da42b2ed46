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
//
// Ciphertext is copied out of the file before it is opened, rather than mapped:
// AES-GCM may read a byte twice, for the tag and for the plaintext, so whoever can
// write to a mapped file could have other bytes opened than were authenticated; and
// a file that is cut off under a map ends the process.
class StreamReader {
 public:
  // The stream takes [offset, offset + bytes) of `file`, which must outlive the
  // reader; `bytes` comes from an authenticated source. `key` need not outlive
  // the reader. `space`, secret memory for the reader alone, has room for the
  // plaintext of a segment. `ciphertext` may serve several readers of one thread.
  // Both must outlive the reader. DataLoss: wrong key, or not such a stream.
  static absl::StatusOr<StreamReader> Open(const RandomAccessFile& file, std::uint64_t offset,
                                           std::uint64_t bytes, const crypto::Dek& key,
                                           ByteSpan aad, MutableByteSpan space, Bytes& ciphertext);

  std::uint64_t plaintext_bytes() const { return plaintext_bytes_; }
  // Fills `out` from `position` of the plaintext. DataLoss: a segment does not
  // open; `out` is then wiped. OutOfRange: past the end.
  absl::Status ReadAt(std::uint64_t position, MutableByteSpan out);

 private:
  StreamReader(const RandomAccessFile& file, std::uint64_t offset, crypto::SegmentOpener opener,
               MutableByteSpan space, Bytes& ciphertext)
      : file_(&file),
        offset_(offset),
        opener_(std::move(opener)),
        ciphertext_(&ciphertext),
        shared_(space) {}
  absl::Status Fill(std::uint64_t position, MutableByteSpan out);
  // The ciphertext of segments [begin, end), next to each other.
  absl::StatusOr<ByteSpan> ReadSegments(std::uint64_t begin, std::uint64_t end);

  const RandomAccessFile* file_;
  std::uint64_t offset_;
  std::uint64_t plaintext_bytes_ = 0;
  crypto::SegmentOpener opener_;
  Bytes* ciphertext_;       // what was read last, by whichever reader
  MutableByteSpan shared_;  // plaintext of segment shared_segment_
  std::optional<std::uint64_t> shared_segment_;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_OPEN_STREAM_READER_H_
