// All that is fixed about a run before its first record is opened. Made from
// public parameters only; no part of it can be changed afterwards.
//
// Immutable, so thread-safe.
#ifndef SEALTRAIN_TRAINER_TRAINING_PLAN_H_
#define SEALTRAIN_TRAINER_TRAINING_PLAN_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "sealtrain/policy/policy.pb.h"
#include "sealtrain/policy/rdp_accountant.h"
#include "sealtrain/trainer/features.h"
#include "sealtrain/trainer/train_spec.pb.h"

namespace sealtrain::trainer {

// Clipped gradients and noise are whole multiples of clipping norm / 2^20.
inline constexpr int kLatticeBits = 20;

class TrainingPlan {
 public:
  struct Privacy {
    policy::PrivacyUnit unit;
    double clipping_norm;
    double expected_batch;
    // Standard deviation of the noise, in multiples of clipping_norm / 2^20.
    std::uint64_t lattice_sigma;
    // What is accounted: the sampling rate, the noise multiplier really used
    // (lattice_sigma / 2^20, exact), the steps.
    policy::PrivacyPhase phase;
    double delta;
    double epsilon;  // what the phase proves at delta: at most the spec's
  };

  // Checks the spec and calibrates the noise to its epsilon and delta.
  // InvalidArgument: the spec is not valid, or no noise is enough.
  static absl::StatusOr<TrainingPlan> Create(TrainSpec spec);

  const TrainSpec& spec() const { return spec_; }
  const FeatureSpace& features() const { return features_; }
  // Unset: a run without privacy.
  const std::optional<Privacy>& privacy() const { return privacy_; }

 private:
  TrainingPlan(TrainSpec spec, FeatureSpace features, std::optional<Privacy> privacy);

  TrainSpec spec_;
  FeatureSpace features_;
  std::optional<Privacy> privacy_;
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_TRAINING_PLAN_H_
