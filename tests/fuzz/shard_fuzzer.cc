// Everything in a shard that is parsed: header section, trailer, index, chunks.
// The first byte chooses.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "sealtrain/pipeline/open/chunk_view.h"
#include "sealtrain/pipeline/open/shard_index.h"
#include "sealtrain/pipeline/seal/chunk_codec.h"
#include "sealtrain/pipeline/seal/shard_layout.h"

namespace sealtrain::pipeline {
namespace {

void FuzzHeader(ByteSpan input) {
  if (input.size() < kHeaderPrefixBytes) return;
  const absl::StatusOr<std::size_t> bytes = HeaderSectionBytes(input.first(kHeaderPrefixBytes));
  if (!bytes.ok() || *bytes > input.size()) return;
  const absl::StatusOr<ShardHeader> header = DecodeHeaderSection(input.first(*bytes));
  if (!header.ok()) return;
  // What is accepted has one encoding.
  const absl::StatusOr<Bytes> again = EncodeHeaderSection(*header);
  if (!again.ok() || ByteSpan(*again) != input.first(*bytes)) std::abort();
}

void FuzzTrailer(ByteSpan input) {
  if (input.size() < kTrailerBytes) return;
  const absl::StatusOr<ShardTrailer> trailer = DecodeTrailer(input.first(kTrailerBytes));
  if (trailer.ok() && ByteSpan(EncodeTrailer(*trailer)) != input.first(kTrailerBytes)) std::abort();
}

void FuzzIndex(ByteSpan input) {
  if (input.size() < 16) return;
  const ShardExtent extent{.rows = GetBigEndian(input.first(8)),
                           .stream_bytes = GetBigEndian(input.subspan(8, 8))};
  const absl::StatusOr<ShardIndex> index = DecodeShardIndex(input.subspan(16), extent);
  if (!index.ok()) return;
  for (const ColumnIndex& column : index->column()) {
    if (column.chunk_size() != index->group_rows_size()) std::abort();
  }
}

void FuzzChunk(ByteSpan input) {
  if (input.size() < 7) return;
  const ChunkShape shape{.type = static_cast<ValueType>(1 + input[0] % 8),
                         .repeated = (input[1] & 1) != 0,
                         .has_validity = (input[1] & 2) != 0,
                         .rows = GetBigEndian(input.subspan(2, 2)),
                         .values = GetBigEndian(input.subspan(4, 2))};
  // A copy, so that it is aligned and its ends are watched.
  absl::StatusOr<crypto::SecretBytes> raw = crypto::SecretBytes::CopyFrom(input.subspan(6));
  if (!raw.ok()) return;
  const absl::StatusOr<ColumnView> view = ViewChunk(shape, raw->span());
  if (!view.ok()) return;
  std::uint64_t sum = 0;
  for (std::uint64_t row = 0; row < view->rows; ++row) {
    sum += view->IsNull(row) ? 1 : 0;
    const std::uint64_t begin = view->repeated ? view->list_offsets[row] : row;
    const std::uint64_t end = view->repeated ? view->list_offsets[row + 1] : row + 1;
    for (std::uint64_t i = begin; i < end; ++i) {
      if (view->type != ValueType::kBytes) {
        sum += view->Number(i) == 0 ? 0 : 1;
        continue;
      }
      for (const char c : view->Text(i)) sum += static_cast<std::uint8_t>(c);
    }
  }
  volatile std::uint64_t keep = sum;
  (void)keep;
}

void FuzzFrame(ByteSpan input) {
  if (input.size() < 3) return;
  static ChunkDecompressor& decompressor = *new ChunkDecompressor(*ChunkDecompressor::Create());
  absl::StatusOr<crypto::SecretBytes> raw =
      crypto::SecretBytes::Allocate(GetBigEndian(input.first(2)));
  if (!raw.ok()) return;
  const absl::Status status = decompressor.Decompress(input.subspan(2), raw->mutable_span());
  if (status.ok()) return;
  const ByteSpan left = raw->span();
  if (std::any_of(left.begin(), left.end(), [](std::uint8_t b) { return b != 0; })) std::abort();
}

}  // namespace
}  // namespace sealtrain::pipeline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain::pipeline;
  if (size == 0) return 0;
  const sealtrain::ByteSpan input(data + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      FuzzHeader(input);
      break;
    case 1:
      FuzzTrailer(input);
      break;
    case 2:
      FuzzIndex(input);
      break;
    case 3:
      FuzzChunk(input);
      break;
    default:
      FuzzFrame(input);
  }
  return 0;
}
