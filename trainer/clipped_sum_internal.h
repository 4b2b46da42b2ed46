// The private sum of one step: clipped gradients on an integer lattice, plus
// noise.
//
// Every gradient that is added changes the sum, as a vector of integers, by a
// vector of L2 norm at most 2^20: adding or removing one unit moves the sum by
// at most the clipping norm, exactly. Integer sums do not depend on the order
// of their terms.
//
// Inside the room: only DP-SGD may decide what is summed and when noise is
// added. Not thread-safe.
#ifndef SEALTRAIN_TRAINER_CLIPPED_SUM_INTERNAL_H_
#define SEALTRAIN_TRAINER_CLIPPED_SUM_INTERNAL_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/trainer/gradient_internal.h"
#include "sealtrain/trainer/rounded_gaussian_internal.h"
#include "sealtrain/trainer/secret_vector.h"

namespace sealtrain::trainer {

class ClippedSum {
 public:
  // Units that may be summed in one step without overflow: their integers stay
  // below 2^62, and noise of any size that occurs fits on top.
  static constexpr std::uint64_t kMaxUnits = std::uint64_t{1} << 42;

  // A sum of zero. Requires a clipping norm in [1e-6, 1e6].
  static absl::StatusOr<ClippedSum> Create(std::size_t dimension, double clipping_norm);

  void SetZero();
  // Adds one draw to every coordinate.
  void AddNoise(RoundedGaussian& noise);
  // Adds a gradient, scaled down to the clipping norm where it is longer and
  // rounded towards zero. One with a norm that is not finite counts as zero.
  void Add(const Gradient& gradient);

  std::size_t size() const { return sum_.size(); }
  std::int64_t lattice(std::size_t i) const { return sum_[i]; }
  double value(std::size_t i) const { return static_cast<double>(sum_[i]) * quantum_; }
  bool locked() const { return sum_.locked(); }

 private:
  ClippedSum(SecretVector<std::int64_t> sum, double clipping_norm);

  SecretVector<std::int64_t> sum_;
  double clipping_norm_;
  double quantum_;  // clipping_norm / 2^20
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_CLIPPED_SUM_INTERNAL_H_
