#include "sealtrain/pipeline/seal/stream_writer.h"

#include <algorithm>
#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/seal/shard_layout.h"

namespace sealtrain::pipeline {
namespace {

// Ciphertext grows by blocks: nothing is moved, and each is one write.
constexpr std::size_t kBlockBytes = 1 << 20;

}  // namespace

absl::StatusOr<StreamWriter> StreamWriter::Create(const crypto::Dek& key, ByteSpan aad,
                                                  SegmentHasher& hasher) {
  ST_ASSIGN_OR_RETURN(crypto::StreamSealer sealer, crypto::StreamSealer::Create(key, aad, kStream));
  return StreamWriter(std::move(sealer), hasher);
}

absl::Status StreamWriter::Append(ByteSpan plaintext) {
  plaintext_bytes_ += plaintext.size();
  const std::size_t full = kStream.plaintext_bytes();
  while (!plaintext.empty()) {
    // A full segment is sealed only once more plaintext follows: the last one
    // is the final segment, full or not.
    if (pending_.size() == full) {
      ST_RETURN_IF_ERROR(SealSegment(pending_.span(), /*final=*/false));
      pending_.Clear();
    }
    if (pending_.empty() && plaintext.size() > full) {
      ST_RETURN_IF_ERROR(SealSegment(plaintext.first(full), /*final=*/false));
      plaintext.remove_prefix(full);
      continue;
    }
    const std::size_t n = std::min(plaintext.size(), full - pending_.size());
    ST_RETURN_IF_ERROR(pending_.Append(plaintext.first(n)));
    plaintext.remove_prefix(n);
  }
  return absl::OkStatus();
}

absl::Status StreamWriter::Finish() {
  static const Bytes& zeros = *new Bytes(4096);
  std::uint64_t padding = PaddedBytes(plaintext_bytes_) - plaintext_bytes_;
  while (padding > 0) {
    const std::size_t n = std::min<std::uint64_t>(padding, zeros.size());
    ST_RETURN_IF_ERROR(Append(ByteSpan(zeros).first(n)));
    padding -= n;
  }
  ST_RETURN_IF_ERROR(SealSegment(pending_.span(), /*final=*/true));
  pending_.Clear();
  return absl::OkStatus();
}

absl::Status StreamWriter::SealSegment(ByteSpan plaintext, bool final) {
  const std::size_t segment_bytes = plaintext.size() + crypto::kSegmentOverhead;
  // The stream's header belongs to the first piece.
  const ByteSpan before = leaves_.empty() ? sealer_.header() : ByteSpan();
  const MutableByteSpan piece = Extend(before.size() + segment_bytes);
  std::copy(before.begin(), before.end(), piece.begin());
  const MutableByteSpan segment = piece.last(segment_bytes);
  ST_RETURN_IF_ERROR(final ? sealer_.SealFinalSegment(plaintext, segment)
                           : sealer_.SealSegment(plaintext, segment));
  hasher_->Add(piece, leaves_.emplace_back());
  return absl::OkStatus();
}

MutableByteSpan StreamWriter::Extend(std::size_t bytes) {
  if (blocks_.empty() || blocks_.back().size() + bytes > kBlockBytes) {
    blocks_.emplace_back().reserve(kBlockBytes);
  }
  Bytes& block = blocks_.back();
  block.resize(block.size() + bytes);
  sealed_bytes_ += bytes;
  return absl::MakeSpan(block).last(bytes);
}

absl::Status StreamWriter::WriteTo(WritableFile& file) const {
  for (const Bytes& block : blocks_) ST_RETURN_IF_ERROR(file.Append(block));
  return absl::OkStatus();
}

}  // namespace sealtrain::pipeline
