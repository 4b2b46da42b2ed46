// One row group of opened columns, or some of its rows: typed arrays in Arrow's
// memory layout, in secret memory that is wiped when the batch goes away. Spans
// point into it.
#ifndef SEALTRAIN_PIPELINE_COLUMN_BATCH_H_
#define SEALTRAIN_PIPELINE_COLUMN_BATCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::pipeline {

// The physical type of a column's values.
enum class ValueType : std::uint8_t {
  kBool = 1,   // one byte a value, 0 or 1
  kInt32 = 2,  // int32, sint32, sfixed32, enum
  kInt64 = 3,
  kUint32 = 4,
  kUint64 = 5,
  kFloat = 6,
  kDouble = 7,
  kBytes = 8,  // string and bytes: 32-bit offsets into one run of bytes
};
std::size_t ValueBytes(ValueType type);  // 0 for kBytes

// A column of some rows. Repeated columns have list offsets: row i holds values
// [list_offsets[i], list_offsets[i + 1]).
class ColumnView {
 public:
  ValueType type = ValueType::kBytes;
  bool repeated = false;
  std::uint64_t rows = 0;
  // Bit validity_begin + i (least significant first) is set when row i has a
  // value. Empty: all do.
  ByteSpan validity;
  std::uint64_t validity_begin = 0;
  absl::Span<const std::uint32_t> list_offsets;  // rows + 1, repeated only
  absl::Span<const std::uint32_t> byte_offsets;  // one more than values, kBytes only
  ByteSpan values;                               // little-endian

  bool IsNull(std::uint64_t row) const {
    const std::uint64_t bit = validity_begin + row;
    return !validity.empty() && (validity[bit / 8] >> (bit % 8) & 1) == 0;
  }
  // Number `value` of the column as a double; integers beyond 2^53 round.
  // Requires type != kBytes.
  double Number(std::uint64_t value) const;
  // Requires type == kBytes. Plaintext: look, do not copy.
  absl::string_view Text(std::uint64_t value) const;
  // All numbers as an array of T, the C++ type of `type` (of kBool:
  // std::uint8_t). Requires sizeof(T) == ValueBytes(type).
  template <typename T>
  absl::Span<const T> Numbers() const {
    return absl::Span<const T>(reinterpret_cast<const T*>(values.data()),
                               values.size() / sizeof(T));
  }

  // Rows [begin, begin + count) of this view, without copying. Values of a
  // repeated column keep their numbers: the list offsets of the slice do not
  // begin at 0. Requires begin + count <= rows.
  ColumnView Slice(std::uint64_t begin, std::uint64_t count) const;
};

struct ColumnBatch {
  std::uint64_t first_row = 0;  // of the snapshot
  std::uint64_t rows = 0;
  std::vector<ColumnView> columns;  // in the order they were asked for
  crypto::SecretBytes memory;       // what the views point into

  // Forgets all rows but [begin, begin + count); the memory stays.
  void KeepRows(std::uint64_t begin, std::uint64_t count);
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_COLUMN_BATCH_H_
