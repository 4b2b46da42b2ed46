#include "sealtrain/pipeline/seal/chunk_codec.h"

// Contexts in memory of our own are in zstd's "static" interface; 1.5 has it in
// the shared library.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <utility>

#include "sealtrain/base/status_macros.h"

namespace sealtrain::pipeline {
namespace {

// Level 1: on mail text it is three times as fast as the default level and a
// tenth larger, and it runs in the way of every row.
constexpr int kLevel = 1;
// A frame has at least 12 bytes of its own.
constexpr std::size_t kWorthTrying = 128;
// Larger chunks are tried on a piece from their middle first: noise is compressed
// slower than it is sealed.
constexpr std::size_t kSampleBytes = 8 << 10;

// What a frame may have to pay. Decompressing takes several times as long as
// opening, at every reading.
std::size_t LargestFrame(std::size_t raw_bytes) { return raw_bytes - raw_bytes / 4; }

}  // namespace

absl::StatusOr<ChunkCompressor> ChunkCompressor::Create() {
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes workspace,
                      crypto::SecretBytes::Allocate(ZSTD_estimateCCtxSize(kLevel)));
  return ChunkCompressor(std::move(workspace));
}

absl::StatusOr<bool> ChunkCompressor::Compress(ByteSpan raw, SecretBuffer& out) {
  out.Clear();
  if (raw.size() < kWorthTrying) return false;
  if (raw.size() > 4 * kSampleBytes) {
    ST_ASSIGN_OR_RETURN(
        const bool pays,
        CompressAll(raw.subspan((raw.size() - kSampleBytes) / 2, kSampleBytes), out));
    if (!pays) return false;
    out.Clear();
  }
  return CompressAll(raw, out);
}

absl::StatusOr<bool> ChunkCompressor::CompressAll(ByteSpan raw, SecretBuffer& out) {
  // Room for what is worth keeping only: zstd stops when it does not fit.
  const std::size_t limit = LargestFrame(raw.size());
  ST_RETURN_IF_ERROR(out.Resize(limit));
  ZSTD_CCtx* const context =
      ZSTD_initStaticCCtx(workspace_.mutable_span().data(), workspace_.size());
  if (context == nullptr) return absl::UnavailableError("no memory to compress in");
  const std::size_t size =
      ZSTD_compressCCtx(context, out.mutable_span().data(), limit, raw.data(), raw.size(), kLevel);
  out.Truncate(ZSTD_isError(size) ? 0 : size);
  return !ZSTD_isError(size);
}

absl::StatusOr<ChunkDecompressor> ChunkDecompressor::Create() {
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes workspace,
                      crypto::SecretBytes::Allocate(ZSTD_estimateDCtxSize()));
  return ChunkDecompressor(std::move(workspace));
}

absl::Status ChunkDecompressor::Decompress(ByteSpan frame, MutableByteSpan raw) {
  ZSTD_DCtx* const context =
      ZSTD_initStaticDCtx(workspace_.mutable_span().data(), workspace_.size());
  if (context == nullptr) return absl::UnavailableError("no memory to decompress in");
  const std::size_t frame_bytes = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  const std::size_t size =
      ZSTD_decompressDCtx(context, raw.data(), raw.size(), frame.data(), frame.size());
  if (ZSTD_isError(size) || size != raw.size() || frame_bytes != frame.size()) {
    crypto::Wipe(raw);
    return absl::DataLossError("a compressed chunk does not decode to its length");
  }
  return absl::OkStatus();
}

}  // namespace sealtrain::pipeline
