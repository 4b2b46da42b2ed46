// The training loop. It owns sampling, clipping, noise and the plan that is
// accounted, together: none of them can be exchanged from outside.
//
// One step: draw the noise; draw the sample; for each unit in it, the mean
// gradient of its rows, clipped and rounded onto the lattice; exact integer sum;
// division by the plan's public expected batch; the optimiser. Without privacy
// in the plan the same steps run with a plain sum.
#ifndef SEALTRAIN_TRAINER_DP_SGD_H_
#define SEALTRAIN_TRAINER_DP_SGD_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "sealtrain/trainer/secret_vector.h"
#include "sealtrain/trainer/training_data.h"
#include "sealtrain/trainer/training_plan.h"

namespace sealtrain::trainer {

struct SgdCallbacks {
  // After each step: (steps done, steps in all).
  std::function<void(std::uint64_t, std::uint64_t)> progress = nullptr;
  // Before each step; true ends the run.
  std::function<bool()> stop = nullptr;
};

struct TrainedModel {
  SecretVector<double> weights;  // one for each input, the bias last; all finite
  bool locked = false;           // all memory of the loop was locked
};

// Randomness comes fresh from the operating system. `steps_started` counts the
// steps that looked at data, also where the run ends early: it is what a
// private run has spent.
// Cancelled: stop() said so. InvalidArgument: more units than exact sums can
// take, or a learning rate under which the weights overflowed.
absl::StatusOr<TrainedModel> RunSgd(const TrainingPlan& plan, const TrainingData& data,
                                    const SgdCallbacks& callbacks, std::uint64_t& steps_started);

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_DP_SGD_H_
