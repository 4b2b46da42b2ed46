#include "sealtrain/trainer/model_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/trainer/train_spec_internal.h"

namespace sealtrain::trainer {
namespace {

constexpr std::size_t kJsonLengthBytes = 8;

// Length and JSON of the file with so many weights. There is exactly one, so
// that a reader compares and does not parse.
std::string FileHeader(std::uint32_t dimension) {
  const std::uint64_t weight_bytes = (std::uint64_t{dimension} - 1) * sizeof(float);
  const auto tensor = [](std::uint64_t values, std::uint64_t begin) {
    return nlohmann::json{{"dtype", "F32"},
                          {"shape", {values}},
                          {"data_offsets", {begin, begin + values * sizeof(float)}}};
  };
  std::string json =
      nlohmann::json{{"weight", tensor(dimension - 1, 0)}, {"bias", tensor(1, weight_bytes)}}
          .dump();
  // Spaces, so that the tensors start at a multiple of 8.
  json.resize((json.size() + 7) / 8 * 8, ' ');
  std::string header(kJsonLengthBytes, '\0');
  for (std::size_t i = 0; i < kJsonLengthBytes; ++i) {  // little-endian
    header[i] = static_cast<char>(json.size() >> (8 * i) & 0xff);
  }
  return header + json;
}

}  // namespace

absl::StatusOr<crypto::SecretBytes> EncodeWeights(absl::Span<const double> weights) {
  if (weights.empty() || weights.size() > kMaxDimension) {
    return absl::InvalidArgumentError("a model has no weights, or too many");
  }
  const std::string header = FileHeader(static_cast<std::uint32_t>(weights.size()));
  ST_ASSIGN_OR_RETURN(
      crypto::SecretBytes file,
      crypto::SecretBytes::Allocate(header.size() + weights.size() * sizeof(float)));
  std::uint8_t* out = file.mutable_span().data();
  std::memcpy(out, header.data(), header.size());
  out += header.size();
  for (const double weight : weights) {
    const auto single = static_cast<float>(weight);
    if (!std::isfinite(single)) return absl::InvalidArgumentError("a weight is not finite");
    std::memcpy(out, &single, sizeof(single));
    out += sizeof(single);
  }
  return file;
}

std::uint64_t WeightsFileBytes(std::uint32_t dimension) {
  return FileHeader(dimension).size() + std::uint64_t{dimension} * sizeof(float);
}

absl::StatusOr<SecretVector<float>> DecodeWeights(ByteSpan file, std::uint32_t dimension) {
  const absl::Status malformed = absl::DataLossError("the model's weights are malformed");
  if (dimension == 0 || dimension > kMaxDimension) return malformed;
  const std::string header = FileHeader(dimension);
  if (file.size() != header.size() + std::size_t{dimension} * sizeof(float) ||
      AsText(file.first(header.size())) != header) {
    return malformed;
  }
  ST_ASSIGN_OR_RETURN(auto weights, SecretVector<float>::WithSize(dimension));
  const ByteSpan values = file.subspan(header.size());
  std::memcpy(weights.mutable_span().data(), values.data(), values.size());
  const absl::Span<const float> decoded = weights.span();
  if (!std::all_of(decoded.begin(), decoded.end(), [](float w) { return std::isfinite(w); })) {
    return malformed;
  }
  return weights;
}

}  // namespace sealtrain::trainer
