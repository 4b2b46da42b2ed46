#include "sealtrain/pipeline/open/chunk_view.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "sealtrain/base/status_macros.h"

namespace sealtrain::pipeline {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint64_t kAlignment = 8;

absl::Status Malformed() { return absl::DataLossError("a chunk contradicts its description"); }

// Cuts parts off the front of a chunk.
class PartReader {
 public:
  explicit PartReader(ByteSpan raw) : rest_(raw) {}

  // The next `bytes` bytes; the padding behind them must be there and zero.
  absl::StatusOr<ByteSpan> Next(std::uint64_t bytes) {
    const std::uint64_t padded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    if (padded > rest_.size()) return Malformed();
    const ByteSpan part = rest_.first(bytes);
    const ByteSpan padding = rest_.subspan(bytes, padded - bytes);
    if (std::any_of(padding.begin(), padding.end(), [](std::uint8_t b) { return b != 0; })) {
      return Malformed();
    }
    rest_.remove_prefix(padded);
    return part;
  }
  // `count` + 1 offsets from 0 to `end`, none smaller than the one before.
  absl::StatusOr<absl::Span<const std::uint32_t>> NextOffsets(std::uint64_t count) {
    ST_ASSIGN_OR_RETURN(const ByteSpan part, Next((count + 1) * sizeof(std::uint32_t)));
    const absl::Span<const std::uint32_t> offsets(
        reinterpret_cast<const std::uint32_t*>(part.data()), count + 1);
    if (offsets.front() != 0 || !std::is_sorted(offsets.begin(), offsets.end())) {
      return Malformed();
    }
    return offsets;
  }
  ByteSpan rest() const { return rest_; }

 private:
  ByteSpan rest_;
};

}  // namespace

absl::StatusOr<ColumnView> ViewChunk(const ChunkShape& shape, ByteSpan raw) {
  // Offsets have 32 bits, and so have counts; the sums below cannot overflow.
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (shape.rows > kMost || shape.values > kMost || (shape.repeated && shape.has_validity) ||
      (!shape.repeated && shape.values != shape.rows)) {
    return Malformed();
  }
  ColumnView view;
  view.type = shape.type;
  view.repeated = shape.repeated;
  view.rows = shape.rows;
  PartReader parts(raw);
  if (shape.has_validity) {
    ST_ASSIGN_OR_RETURN(view.validity, parts.Next((shape.rows + 7) / 8));
    const std::uint64_t used_bits = shape.rows % 8;
    if (used_bits != 0 && view.validity.back() >> used_bits != 0) return Malformed();
  }
  if (shape.repeated) {
    ST_ASSIGN_OR_RETURN(view.list_offsets, parts.NextOffsets(shape.rows));
    if (view.list_offsets.back() != shape.values) return Malformed();
  }
  if (shape.type == ValueType::kBytes) {
    ST_ASSIGN_OR_RETURN(view.byte_offsets, parts.NextOffsets(shape.values));
    if (view.byte_offsets.back() != parts.rest().size()) return Malformed();
  } else if (shape.values * ValueBytes(shape.type) != parts.rest().size()) {
    return Malformed();
  }
  view.values = parts.rest();
  if (shape.type == ValueType::kBool &&
      std::any_of(view.values.begin(), view.values.end(), [](std::uint8_t b) { return b > 1; })) {
    return Malformed();
  }
  return view;
}

}  // namespace sealtrain::pipeline
