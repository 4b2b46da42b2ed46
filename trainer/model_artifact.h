// Sealed models in the data store. docs/formats/sealed-model.md is the contract.
//
// The header can be read without a key and says so much about a model as an
// auditor needs; the weights open only with the key that custody releases.
// Thread-safe: no state.
#ifndef SEALTRAIN_TRAINER_MODEL_ARTIFACT_H_
#define SEALTRAIN_TRAINER_MODEL_ARTIFACT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/trainer/model_header.pb.h"
#include "sealtrain/trainer/secret_vector.h"

namespace sealtrain::trainer {

// InvalidArgument: not 1 to 64 of [a-z0-9_-].
absl::Status CheckModelName(absl::string_view name);

// <store>/models/<name>.seal
std::string ModelPath(const std::string& store, const std::string& name);

// The bytes of a sealed model. InvalidArgument: header or weights are not valid,
// or do not fit together.
absl::StatusOr<Bytes> SealModel(const ModelHeader& header, const crypto::Dek& key,
                                absl::Span<const double> weights);

// A model's file, checked for form only: nothing in it is authenticated yet.
struct ParsedModel {
  ModelHeader header;
  std::size_t stream_offset = 0;  // of the sealed stream in the file
};
// DataLoss: malformed.
absl::StatusOr<ParsedModel> ParseModel(ByteSpan file);

// Checks that the file is the one that custody registered: SHA-256 of all
// bytes, then name, object id and key epoch.
// DataLoss: it is not, or it is malformed.
absl::StatusOr<ParsedModel> VerifyModel(ByteSpan file, const custody::ModelInfo& info);

// Opens the weights of a file that `parsed` was made from; one for each input.
// DataLoss: tampered, wrong key, malformed, not finite, or not as many as the
// spec in the header has inputs.
absl::StatusOr<SecretVector<float>> OpenWeights(ByteSpan file, const ParsedModel& parsed,
                                                const crypto::Dek& key);
// The same weights as the bytes that were sealed. Errors as above.
absl::StatusOr<crypto::SecretBytes> OpenWeightsFile(ByteSpan file, const ParsedModel& parsed,
                                                    const crypto::Dek& key);

// Reads the file of a registered model and verifies it. DataLoss: changed or gone.
struct StoredModel {
  std::string file;
  ParsedModel parsed;
};
absl::StatusOr<StoredModel> ReadModel(Env& env, const std::string& store,
                                      const custody::ModelInfo& info);

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_MODEL_ARTIFACT_H_
