#include "sealtrain/pipeline/seal/stream_writer.h"

#include <algorithm>
#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/seal/shard_layout.h"

namespace sealtrain::pipeline {
namespace {

const crypto::StreamOptions kStream;
// Ciphertext grows by blocks: nothing is moved, and each is one write.
constexpr std::size_t kBlockBytes = 1 << 20;

}  // namespace

absl::StatusOr<StreamWriter> StreamWriter::Create(const crypto::Dek& key, ByteSpan aad) {
  ST_ASSIGN_OR_RETURN(crypto::StreamSealer sealer, crypto::StreamSealer::Create(key, aad, kStream));
  StreamWriter writer(std::move(sealer));
  const ByteSpan header = writer.sealer_.header();
  std::copy(header.begin(), header.end(), writer.Extend(header.size()).begin());
  return writer;
}

absl::Status StreamWriter::Append(ByteSpan plaintext) {
  plaintext_bytes_ += plaintext.size();
  const std::size_t full = kStream.plaintext_bytes();
  while (!plaintext.empty()) {
    // A full segment is sealed only once more plaintext follows: the last one
    // is the final segment, full or not.
    if (pending_.size() == full) ST_RETURN_IF_ERROR(SealPending(/*final=*/false));
    if (pending_.empty() && plaintext.size() > full) {
      ST_RETURN_IF_ERROR(sealer_.SealSegment(plaintext.first(full), Extend(kStream.segment_bytes)));
      KeepTag();
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
  return SealPending(/*final=*/true);
}

absl::Status StreamWriter::SealPending(bool final) {
  const MutableByteSpan out = Extend(pending_.size() + crypto::kSegmentOverhead);
  ST_RETURN_IF_ERROR(final ? sealer_.SealFinalSegment(pending_.span(), out)
                           : sealer_.SealSegment(pending_.span(), out));
  KeepTag();
  pending_.Clear();
  return absl::OkStatus();
}

void StreamWriter::KeepTag() {
  const ByteSpan tag = ByteSpan(blocks_.back()).last(crypto::kTagBytes);
  std::copy(tag.begin(), tag.end(), tags_.emplace_back().begin());
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

absl::Status StreamWriter::WriteTo(WritableFile& file, crypto::MerkleAccumulator& tags) const {
  for (const Bytes& block : blocks_) ST_RETURN_IF_ERROR(file.Append(block));
  for (const auto& tag : tags_) tags.Append(crypto::MerkleLeafHash(tag));
  return absl::OkStatus();
}

}  // namespace sealtrain::pipeline
