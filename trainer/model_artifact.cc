#include "sealtrain/trainer/model_artifact.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/exact_proto.h"
#include "sealtrain/trainer/features.h"
#include "sealtrain/trainer/model_weights.h"
#include "sealtrain/trainer/train_spec_internal.h"

namespace sealtrain::trainer {
namespace {

constexpr absl::string_view kMagic = "SEALMDL1";
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kPrefixBytes = 12;  // magic and header length
constexpr std::size_t kMaxHeaderBytes = 4 << 20;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{80} << 20;
constexpr std::size_t kMaxModelNameBytes = 64;

static_assert(kPrefixBytes == kMagic.size() + kLengthBytes);

absl::Status Malformed(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("sealed model: ", what));
}

bool IsDigest(const std::string& bytes) { return bytes.size() == std::tuple_size_v<Digest>; }

// Everything in the header that has a form of its own. Returns the number of
// inputs that its spec describes.
absl::StatusOr<std::uint32_t> CheckHeader(const ModelHeader& header) {
  if (header.format() != 1) return absl::InvalidArgumentError("unknown format version");
  ST_RETURN_IF_ERROR(CheckModelName(header.model()));
  if (header.object_id().size() != std::tuple_size_v<Id>) {
    return absl::InvalidArgumentError("the object id has not 16 bytes");
  }
  if (!IsDigest(header.manifest_sha256()) || !IsDigest(header.policy_sha256()) ||
      !(header.spec_sha256().empty() || IsDigest(header.spec_sha256()))) {
    return absl::InvalidArgumentError("a digest has not 32 bytes");
  }
  if (header.dataset().empty() || header.purpose().empty() || header.generation() == 0) {
    return absl::InvalidArgumentError("data set, purpose and generation must be set");
  }
  ST_ASSIGN_OR_RETURN(const FeatureSpace features, FeatureSpace::Create(header.spec()));
  if (header.has_privacy() != header.spec().has_privacy()) {
    return absl::InvalidArgumentError("header and train spec disagree about privacy");
  }
  if (!header.has_privacy()) return features.dimension();
  const ModelPrivacy& privacy = header.privacy();
  const TrainSpec& spec = header.spec();
  const bool agrees = privacy.unit() == spec.privacy().unit() && privacy.epsilon() > 0 &&
                      privacy.epsilon() <= spec.privacy().epsilon() &&
                      privacy.delta() == spec.privacy().delta() && privacy.noise_multiplier() > 0 &&
                      std::isfinite(privacy.noise_multiplier()) &&
                      privacy.sampling_rate() == spec.optimizer().sampling_rate() &&
                      privacy.steps() == spec.optimizer().steps() &&
                      privacy.clipping_norm() == spec.privacy().clipping_norm();
  if (!agrees) return absl::InvalidArgumentError("header and train spec disagree about privacy");
  return features.dimension();
}

// The sealed bytes and what they say.
struct OpenedWeights {
  crypto::SecretBytes bytes;
  SecretVector<float> weights;
};

absl::StatusOr<OpenedWeights> Open(ByteSpan file, const ParsedModel& parsed,
                                   const crypto::Dek& key) {
  ST_ASSIGN_OR_RETURN(const FeatureSpace features, FeatureSpace::Create(parsed.header.spec()));
  OpenedWeights opened;
  ST_ASSIGN_OR_RETURN(opened.bytes,
                      crypto::OpenStream(key, crypto::StreamAad(file.first(parsed.stream_offset)),
                                         file.subspan(parsed.stream_offset)));
  ST_ASSIGN_OR_RETURN(opened.weights, DecodeWeights(opened.bytes.span(), features.dimension()));
  return opened;
}

}  // namespace

absl::Status CheckModelName(absl::string_view name) {
  const bool allowed = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  if (!name.empty() && name.size() <= kMaxModelNameBytes && allowed) return absl::OkStatus();
  return absl::InvalidArgumentError("a model's name is 1 to 64 of a-z, 0-9, _ and -");
}

std::string ModelPath(const std::string& store, const std::string& name) {
  return JoinPath(JoinPath(store, "models"), absl::StrCat(name, ".seal"));
}

absl::StatusOr<Bytes> SealModel(const ModelHeader& header, const crypto::Dek& key,
                                absl::Span<const double> weights) {
  ST_ASSIGN_OR_RETURN(const std::uint32_t dimension, CheckHeader(header));
  if (weights.size() != dimension) {
    return absl::InvalidArgumentError("a model has one weight for each input");
  }
  const std::string header_bytes = header.SerializeAsString();
  if (header_bytes.size() > kMaxHeaderBytes) {
    return absl::InvalidArgumentError("the model's header is too long: shorten the train spec");
  }
  Bytes file(kMagic.begin(), kMagic.end());
  AppendBigEndian(header_bytes.size(), kLengthBytes, file);
  file.insert(file.end(), header_bytes.begin(), header_bytes.end());

  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext, EncodeWeights(weights));
  ST_ASSIGN_OR_RETURN(const Bytes stream,
                      crypto::SealStream(key, crypto::StreamAad(file), plaintext.span()));
  file.insert(file.end(), stream.begin(), stream.end());
  return file;
}

absl::StatusOr<ParsedModel> ParseModel(ByteSpan file) {
  if (file.size() > kMaxFileBytes || file.size() < kPrefixBytes ||
      AsText(file.first(kMagic.size())) != kMagic) {
    return Malformed("not a sealed model of a known version");
  }
  const std::uint64_t header_bytes = GetBigEndian(file.subspan(kMagic.size(), kLengthBytes));
  if (header_bytes > kMaxHeaderBytes || header_bytes > file.size() - kPrefixBytes) {
    return Malformed("the header is too long");
  }
  ParsedModel parsed;
  ST_RETURN_IF_ERROR(pipeline::ParseExactly(file.subspan(kPrefixBytes, header_bytes),
                                            "sealed model: the header", parsed.header));
  const absl::StatusOr<std::uint32_t> dimension = CheckHeader(parsed.header);
  if (!dimension.ok()) return Malformed(dimension.status().message());
  parsed.stream_offset = kPrefixBytes + header_bytes;
  return parsed;
}

absl::StatusOr<ParsedModel> VerifyModel(ByteSpan file, const custody::ModelInfo& info) {
  if (crypto::Sha256(file) != info.artifact_sha256) {
    return Malformed("not the file that was registered");
  }
  ST_ASSIGN_OR_RETURN(ParsedModel parsed, ParseModel(file));
  const ModelHeader& header = parsed.header;
  const std::uint64_t deadline = info.deadline == absl::InfiniteFuture()
                                     ? 0
                                     : static_cast<std::uint64_t>(absl::ToUnixNanos(info.deadline));
  if (!std::equal(header.data_class().begin(), header.data_class().end(), info.classes.begin(),
                  info.classes.end()) ||
      header.deadline_unix_ns() != deadline) {
    return Malformed("the header has other classes or another deadline than were registered");
  }
  if (header.model() != info.name || AsBytes(header.object_id()) != ByteSpan(info.object_id) ||
      header.key_epoch() != info.key_epoch) {
    return Malformed("the header names another model");
  }
  return parsed;
}

absl::StatusOr<SecretVector<float>> OpenWeights(ByteSpan file, const ParsedModel& parsed,
                                                const crypto::Dek& key) {
  ST_ASSIGN_OR_RETURN(OpenedWeights opened, Open(file, parsed, key));
  return std::move(opened.weights);
}

absl::StatusOr<crypto::SecretBytes> OpenWeightsFile(ByteSpan file, const ParsedModel& parsed,
                                                    const crypto::Dek& key) {
  ST_ASSIGN_OR_RETURN(OpenedWeights opened, Open(file, parsed, key));
  return std::move(opened.bytes);
}

absl::StatusOr<StoredModel> ReadModel(Env& env, const std::string& store,
                                      const custody::ModelInfo& info) {
  StoredModel stored;
  absl::StatusOr<std::string> file = env.ReadFile(ModelPath(store, info.name), kMaxFileBytes);
  if (absl::IsNotFound(file.status()) || absl::IsInvalidArgument(file.status())) {
    // Custody knows the model, so that its file should be there.
    return absl::DataLossError(file.status().message());
  }
  ST_ASSIGN_OR_RETURN(stored.file, std::move(file));
  ST_ASSIGN_OR_RETURN(stored.parsed, VerifyModel(AsBytes(stored.file), info));
  return stored;
}

}  // namespace sealtrain::trainer
