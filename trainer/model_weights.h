// Weights of a linear model as a safetensors file: docs/formats/sealed-model.md.
#ifndef SEALTRAIN_TRAINER_MODEL_WEIGHTS_H_
#define SEALTRAIN_TRAINER_MODEL_WEIGHTS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/trainer/secret_vector.h"

namespace sealtrain::trainer {

// The file: tensor "weight" of all weights but the last, tensor "bias" of the
// last. Rounds to single precision.
// InvalidArgument: no weights, too many, or one that is not finite.
absl::StatusOr<crypto::SecretBytes> EncodeWeights(absl::Span<const double> weights);

// How long the file with so many weights is, 1..kMaxDimension.
std::uint64_t WeightsFileBytes(std::uint32_t dimension);

// The `dimension` weights of a file that EncodeWeights could have made.
// DataLoss: any other bytes.
absl::StatusOr<SecretVector<float>> DecodeWeights(ByteSpan file, std::uint32_t dimension);

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_MODEL_WEIGHTS_H_
