#include "sealtrain/pipeline/open/stream_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/seal/shard_layout.h"

namespace sealtrain::pipeline {
absl::StatusOr<StreamReader> StreamReader::Open(const RandomAccessFile& file, std::uint64_t offset,
                                                std::uint64_t bytes, const crypto::Dek& key,
                                                ByteSpan aad, MutableByteSpan space) {
  ST_ASSIGN_OR_RETURN(const std::uint64_t plaintext_bytes, crypto::OpenedSize(bytes, kStream));
  std::array<std::uint8_t, crypto::kStreamHeaderBytes> header;
  ST_RETURN_IF_ERROR(file.ReadAt(offset, absl::MakeSpan(header)));
  ST_ASSIGN_OR_RETURN(crypto::SegmentOpener opener,
                      crypto::SegmentOpener::Create(key, aad, header, bytes, kStream));
  StreamReader reader(file, offset, std::move(opener), space);
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
  while (!out.empty()) {
    const std::uint64_t segment = position / full;
    const std::size_t skip = position % full;
    const std::size_t available = opener_.SegmentBytes(segment) - crypto::kSegmentOverhead;
    if (skip == 0 && out.size() >= available && shared_segment_ != segment) {
      // All of it is wanted: no detour.
      ST_RETURN_IF_ERROR(OpenSegment(segment, out.first(available)));
      position += available;
      out.remove_prefix(available);
      continue;
    }
    if (shared_segment_ != segment) {
      shared_segment_.reset();
      ST_RETURN_IF_ERROR(OpenSegment(segment, shared_.first(available)));
      shared_segment_ = segment;
    }
    const std::size_t n = std::min(out.size(), available - skip);
    std::memcpy(out.data(), shared_.data() + skip, n);
    position += n;
    out.remove_prefix(n);
  }
  return absl::OkStatus();
}

absl::Status StreamReader::OpenSegment(std::uint64_t segment, MutableByteSpan out) {
  ciphertext_.resize(opener_.SegmentBytes(segment));
  ST_RETURN_IF_ERROR(
      file_->ReadAt(offset_ + opener_.SegmentOffset(segment), absl::MakeSpan(ciphertext_)));
  return opener_.OpenSegment(segment, ciphertext_, out);
}

}  // namespace sealtrain::pipeline
