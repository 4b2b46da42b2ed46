// Rows of inputs in compressed sparse form, in secret memory.
//
// Invariants: the entries of a row have distinct indexes; row i is entries
// [end(i - 1), end(i)).
#ifndef SEALTRAIN_TRAINER_SPARSE_ROWS_H_
#define SEALTRAIN_TRAINER_SPARSE_ROWS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "sealtrain/trainer/secret_vector.h"

namespace sealtrain::trainer {

// One input that is not zero.
struct Entry {
  std::uint32_t index;
  float value;
};

// Not thread-safe while rows are added; afterwards it is.
class SparseRows {
 public:
  // Adds an input to the row being built.
  absl::Status Append(std::uint32_t index, float value) { return entries_.Append({index, value}); }
  // The inputs of the row being built, so far.
  absl::Span<Entry> open_row() {
    return entries_.mutable_span().subspan(static_cast<std::size_t>(last_end()));
  }
  // Finishes the row, which may be empty.
  absl::Status EndRow() { return ends_.Append(entries_.size()); }

  std::size_t size() const { return ends_.size(); }
  absl::Span<const Entry> row(std::size_t i) const {
    const std::uint64_t begin = i == 0 ? 0 : ends_[i - 1];
    return entries_.span().subspan(begin, ends_[i] - begin);
  }
  bool locked() const { return entries_.locked() && ends_.locked(); }

 private:
  std::uint64_t last_end() const { return ends_.empty() ? 0 : ends_[ends_.size() - 1]; }

  SecretVector<Entry> entries_;
  SecretVector<std::uint64_t> ends_;
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_SPARSE_ROWS_H_
