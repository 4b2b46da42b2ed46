#include "sealtrain/trainer/training_plan.h"

#include <cmath>
#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/trainer/train_spec_internal.h"

namespace sealtrain::trainer {
namespace {

absl::StatusOr<TrainingPlan::Privacy> PlanPrivacy(const PrivacySpec& spec,
                                                  const Optimizer& optimizer) {
  ST_ASSIGN_OR_RETURN(const double enough,
                      policy::CalibrateNoise(spec.epsilon(), spec.delta(),
                                             optimizer.sampling_rate(), optimizer.steps()));
  TrainingPlan::Privacy privacy;
  privacy.unit = spec.unit();
  privacy.clipping_norm = spec.clipping_norm();
  privacy.expected_batch = spec.expected_batch();
  // Rounded up: at least the noise that was asked for, and at least one unit.
  privacy.lattice_sigma = static_cast<std::uint64_t>(std::ceil(std::ldexp(enough, kLatticeBits)));
  privacy.phase = {
      .sampling_rate = optimizer.sampling_rate(),
      .noise_multiplier = std::ldexp(static_cast<double>(privacy.lattice_sigma), -kLatticeBits),
      .steps = optimizer.steps()};
  privacy.delta = spec.delta();
  ST_ASSIGN_OR_RETURN(privacy.epsilon, policy::RdpEpsilon({privacy.phase}, privacy.delta));
  // Written so that NaN and infinity refuse.
  if (!(privacy.epsilon <= spec.epsilon())) {
    return absl::InternalError("the calibrated noise does not prove the epsilon asked for");
  }
  return privacy;
}

}  // namespace

TrainingPlan::TrainingPlan(TrainSpec spec, FeatureSpace features, std::optional<Privacy> privacy)
    : spec_(std::move(spec)), features_(std::move(features)), privacy_(std::move(privacy)) {}

absl::StatusOr<TrainingPlan> TrainingPlan::Create(TrainSpec spec) {
  ST_RETURN_IF_ERROR(CheckTrainSpec(spec));
  ST_ASSIGN_OR_RETURN(FeatureSpace features, FeatureSpace::Create(spec));
  std::optional<Privacy> privacy;
  if (spec.has_privacy()) {
    ST_ASSIGN_OR_RETURN(privacy, PlanPrivacy(spec.privacy(), spec.optimizer()));
  }
  return TrainingPlan(std::move(spec), std::move(features), std::move(privacy));
}

}  // namespace sealtrain::trainer
