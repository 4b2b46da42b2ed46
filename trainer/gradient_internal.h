// The gradient of one unit: dense storage, and a list of the coordinates that
// were touched, so that clearing costs what filling did. In secret memory.
//
// Not thread-safe.
#ifndef SEALTRAIN_TRAINER_GRADIENT_INTERNAL_H_
#define SEALTRAIN_TRAINER_GRADIENT_INTERNAL_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/trainer/secret_vector.h"
#include "sealtrain/trainer/sparse_rows.h"

namespace sealtrain::trainer {

class Gradient {
 public:
  static absl::StatusOr<Gradient> Create(std::size_t dimension) {
    Gradient gradient;
    ST_ASSIGN_OR_RETURN(gradient.values_, SecretVector<double>::WithSize(dimension));
    ST_ASSIGN_OR_RETURN(gradient.touched_, SecretVector<std::uint8_t>::WithSize(dimension));
    ST_ASSIGN_OR_RETURN(gradient.indexes_, SecretVector<std::uint32_t>::WithSize(dimension));
    return gradient;
  }

  void SetZero() {
    for (const std::uint32_t i : indexes()) {
      values_[i] = 0;
      touched_[i] = 0;
    }
    count_ = 0;
  }
  // Adds factor * row. Requires indexes below the dimension.
  void Add(double factor, absl::Span<const Entry> row) {
    for (const Entry& entry : row) {
      if (touched_[entry.index] == 0) {
        touched_[entry.index] = 1;
        indexes_[count_++] = entry.index;
      }
      values_[entry.index] += factor * static_cast<double>(entry.value);
    }
  }

  // The coordinates that may differ from zero, each once.
  absl::Span<const std::uint32_t> indexes() const { return indexes_.span().first(count_); }
  double value(std::uint32_t i) const { return values_[i]; }
  bool locked() const { return values_.locked() && touched_.locked() && indexes_.locked(); }

 private:
  Gradient() = default;

  SecretVector<double> values_;
  SecretVector<std::uint8_t> touched_;
  SecretVector<std::uint32_t> indexes_;  // the first count_ are in use
  std::size_t count_ = 0;
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_GRADIENT_INTERNAL_H_
