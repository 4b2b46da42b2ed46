// What becomes of a step's mean gradient: regularisation, momentum or Adam.
// None of it looks at data, so all of it is post-processing of the noisy sum.
//
// Not thread-safe.
#ifndef SEALTRAIN_TRAINER_OPTIMIZER_INTERNAL_H_
#define SEALTRAIN_TRAINER_OPTIMIZER_INTERNAL_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/trainer/secret_vector.h"
#include "sealtrain/trainer/train_spec.pb.h"

namespace sealtrain::trainer {

class WeightUpdater {
 public:
  // Requires a checked spec. The last of `dimension` weights is the bias.
  static absl::StatusOr<WeightUpdater> Create(const Optimizer& spec, std::size_t dimension);

  // Moves `weights` by one step; `gradient` is used up.
  void Step(absl::Span<double> gradient, absl::Span<double> weights);

  bool locked() const { return first_.locked() && second_.locked(); }

 private:
  explicit WeightUpdater(const Optimizer& spec) : spec_(spec) {}

  Optimizer spec_;
  SecretVector<double> first_;   // momentum; Adam's first moment
  SecretVector<double> second_;  // Adam's second moment
  std::uint64_t steps_ = 0;
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_OPTIMIZER_INTERNAL_H_
