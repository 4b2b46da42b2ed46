#include "sealtrain/pipeline/open/stream_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/seal/shard_layout.h"

namespace sealtrain::pipeline {
namespace {

// Segments that are read with one call: fewer calls for the kernel, and still
// less ciphertext than the cache of a core holds.
constexpr std::uint64_t kSegmentsAtOnce = 4;
// The kernel copies a third faster to where bytes lie as they do in its page.
constexpr std::size_t kCopyAlignment = 4096;

}  // namespace

absl::StatusOr<StreamReader> StreamReader::Open(const RandomAccessFile& file, std::uint64_t offset,
                                                std::uint64_t bytes, const crypto::Dek& key,
                                                ByteSpan aad, MutableByteSpan space,
                                                Bytes& ciphertext) {
  ST_ASSIGN_OR_RETURN(const std::uint64_t plaintext_bytes, crypto::OpenedSize(bytes, kStream));
  std::array<std::uint8_t, crypto::kStreamHeaderBytes> header;
  ST_RETURN_IF_ERROR(file.ReadAt(offset, absl::MakeSpan(header)));
  ST_ASSIGN_OR_RETURN(crypto::SegmentOpener opener,
                      crypto::SegmentOpener::Create(key, aad, header, bytes, kStream));
  StreamReader reader(file, offset, std::move(opener), space, ciphertext);
  reader.plaintext_bytes_ = plaintext_bytes;
  return reader;
}

absl::Status StreamReader::ReadAt(std::uint64_t position, MutableByteSpan out) {
  if (position > plaintext_bytes_ || out.size() > plaintext_bytes_ - position) {
    return absl::OutOfRangeError("read past the end of a sealed stream");
  }
  absl::Status status = Fill(position, out);
  if (!status.ok()) crypto::Wipe(out);
  return status;
}

absl::Status StreamReader::Fill(std::uint64_t position, MutableByteSpan out) {
  const std::size_t full = kStream.plaintext_bytes();
  const std::uint64_t end = (position + out.size() + full - 1) / full;  // of the segments
  ByteSpan ciphertext;  // what was read, from the segment at hand on
  while (!out.empty()) {
    const std::uint64_t segment = position / full;
    const std::size_t skip = position % full;
    const std::size_t sealed = opener_.SegmentBytes(segment);
    const std::size_t available = sealed - crypto::kSegmentOverhead;
    const std::size_t n = std::min(out.size(), available - skip);
    if (shared_segment_ != segment) {
      if (ciphertext.empty()) {
        ST_ASSIGN_OR_RETURN(ciphertext,
                            ReadSegments(segment, std::min(end, segment + kSegmentsAtOnce)));
      }
      if (n < available) shared_segment_.reset();
      // What is wanted whole takes no detour.
      const MutableByteSpan opened = (n < available ? shared_ : out).first(available);
      ST_RETURN_IF_ERROR(opener_.OpenSegment(segment, ciphertext.first(sealed), opened));
      if (n < available) shared_segment_ = segment;
    }
    if (shared_segment_ == segment) std::memcpy(out.data(), shared_.data() + skip, n);
    if (!ciphertext.empty()) ciphertext.remove_prefix(sealed);
    position += n;
    out.remove_prefix(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<ByteSpan> StreamReader::ReadSegments(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t from = opener_.SegmentOffset(begin);
  const std::size_t bytes = opener_.SegmentOffset(end - 1) + opener_.SegmentBytes(end - 1) - from;
  if (ciphertext_->size() < bytes + kCopyAlignment) ciphertext_->resize(bytes + kCopyAlignment);
  const std::size_t shift =
      (offset_ + from - reinterpret_cast<std::uintptr_t>(ciphertext_->data())) % kCopyAlignment;
  const MutableByteSpan segments = absl::MakeSpan(*ciphertext_).subspan(shift, bytes);
  ST_RETURN_IF_ERROR(file_->ReadAt(offset_ + from, segments));
  return segments;
}

}  // namespace sealtrain::pipeline
