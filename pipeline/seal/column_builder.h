// Collects one column of one row group and lays it out as a chunk
// (docs/formats/sealed-shard.md, 4.3).
//
//   for each row: Append... its values, then EndRow(); or EndNullRow().
//
// Invariants: 1. between rows a plain column has one value a row; 2. the last
// byte offset is the size of the values; 3. the last list offset is the number
// of values.
#ifndef SEALTRAIN_PIPELINE_SEAL_COLUMN_BUILDER_H_
#define SEALTRAIN_PIPELINE_SEAL_COLUMN_BUILDER_H_

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sealtrain/pipeline/seal/column_spec.h"
#include "sealtrain/pipeline/seal/secret_buffer.h"

namespace sealtrain::pipeline {

// Decoded bytes that a chunk may have.
inline constexpr std::uint64_t kMaxChunkBytes = std::uint64_t{1} << 30;

// Not thread-safe.
class ColumnBuilder {
 public:
  explicit ColumnBuilder(ColumnSpec spec) : spec_(std::move(spec)) {}

  const ColumnSpec& spec() const { return spec_; }
  std::uint64_t rows() const { return rows_; }
  std::uint64_t values() const { return value_count_; }
  bool has_nulls() const { return nulls_ > 0; }
  // About as many bytes as the chunk will have.
  std::uint64_t bytes() const {
    return values_.size() + byte_ends_.size() + list_ends_.size() + validity_.size();
  }

  // T is the C++ type of spec().type; booleans are std::uint8_t.
  template <typename T>
  absl::Status AppendNumber(T number) {
    ++value_count_;
    return values_.AppendNumber(number);
  }
  // InvalidArgument: more than a chunk can hold.
  absl::Status AppendText(absl::string_view text);

  // A zero or an empty text, whichever the type has.
  absl::Status AppendZero();

  absl::Status EndRow() { return FinishRow(true); }
  // Adds a null row to a column that is not repeated.
  absl::Status EndNullRow();

  // Adds row `row` of a builder of the same column, which has that row.
  absl::Status AppendRow(const ColumnBuilder& from, std::uint64_t row);
  // Appends bytes to `out` that two rows of a column have in common only if they hold
  // the same, nulls and the bytes of their values.
  absl::Status EncodeRow(std::uint64_t row, SecretBuffer& out) const;

  // Forgets everything behind the first `rows` rows, also of a row half made.
  void TruncateTo(std::uint64_t rows);
  // Forgets everything.
  void Clear() { TruncateTo(0); }

  // Appends the chunk to `out`, whose size must be a multiple of 8.
  absl::Status LayOut(SecretBuffer& out) const;

 private:
  absl::Status FinishRow(bool valid);
  bool IsValid(std::uint64_t row) const;
  // Places among the values: from, and behind.
  std::pair<std::uint64_t, std::uint64_t> ValuesOf(std::uint64_t row) const;
  ByteSpan Value(std::uint64_t place) const;

  ColumnSpec spec_;
  std::uint64_t rows_ = 0;
  std::uint64_t value_count_ = 0;
  std::uint64_t nulls_ = 0;
  SecretBuffer validity_;   // a bit a row, not repeated only
  SecretBuffer list_ends_;  // uint32 a row, repeated only
  SecretBuffer byte_ends_;  // uint32 a value, kBytes only
  SecretBuffer values_;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SEAL_COLUMN_BUILDER_H_
