// What every train spec must fulfil, however it came into being.
#ifndef SEALTRAIN_TRAINER_TRAIN_SPEC_INTERNAL_H_
#define SEALTRAIN_TRAINER_TRAIN_SPEC_INTERNAL_H_

#include <cstdint>

#include "absl/status/status.h"
#include "sealtrain/trainer/train_spec.pb.h"

namespace sealtrain::trainer {

// Inputs of one model, the bias included; parameters of the artifact.
inline constexpr std::uint32_t kMaxDimension = 1u << 24;

// Checks a spec that did not come from text: ParseTrainSpec has done it for one
// that did. InvalidArgument: the first thing that is wrong.
absl::Status CheckTrainSpec(const TrainSpec& spec);

// Inputs of one feature. Requires a checked spec.
std::uint64_t InputsOf(const Feature& feature);

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_TRAIN_SPEC_INTERNAL_H_
