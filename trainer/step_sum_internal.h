// The sum of the gradients of one step's sample, in the two ways there are.
//
// Which one a run has follows from its plan and is decided once, before the
// first step. Not thread-safe.
#ifndef SEALTRAIN_TRAINER_STEP_SUM_INTERNAL_H_
#define SEALTRAIN_TRAINER_STEP_SUM_INTERNAL_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/trainer/gradient_internal.h"
#include "sealtrain/trainer/training_plan.h"

namespace sealtrain::trainer {

class StepSum {
 public:
  // With privacy in the plan: clipped, noised, divided by the public expected
  // batch. Without: a plain sum, divided by sampling rate times `units`.
  static absl::StatusOr<std::unique_ptr<StepSum>> Create(const TrainingPlan& plan,
                                                         std::size_t units);
  virtual ~StepSum() = default;

  // Starts a step. The step's noise is drawn here, ahead of any record.
  virtual void Start() = 0;
  virtual void Add(const Gradient& gradient) = 0;
  // The sum over its divisor, to `mean`.
  virtual void Mean(absl::Span<double> mean) const = 0;
  virtual bool locked() const = 0;
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_STEP_SUM_INTERNAL_H_
