// Sealed models: a file that parses has the header that it is written with, and
// nothing opens but what the writer sealed. The first byte chooses the parser.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "sealtrain/base/bytes.h"
#include "sealtrain/trainer/model_artifact.h"
#include "sealtrain/trainer/model_weights.h"

namespace {

using sealtrain::AsText;
using sealtrain::ByteSpan;

constexpr std::uint32_t kDimension = 3;

void FuzzFile(ByteSpan file) {
  const auto parsed = sealtrain::trainer::ParseModel(file);
  if (!parsed.ok()) return;
  const std::string header = parsed->header.SerializeAsString();
  if (parsed->stream_offset != 12 + header.size()) std::abort();
  if (AsText(file.subspan(12, header.size())) != header) std::abort();
  static const auto* const key = new sealtrain::crypto::Dek(
      *sealtrain::crypto::Dek::Generate());  // nothing was ever sealed with it
  if (sealtrain::trainer::OpenWeights(file, *parsed, *key).ok()) std::abort();
}

void FuzzWeights(ByteSpan file) {
  const auto weights = sealtrain::trainer::DecodeWeights(file, kDimension);
  if (!weights.ok()) return;
  const std::vector<double> wide(weights->span().begin(), weights->span().end());
  const auto again = sealtrain::trainer::EncodeWeights(wide);
  if (!again.ok() || AsText(again->span()) != AsText(file)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan rest = ByteSpan(data, size).subspan(1);
  if (data[0] == 0) {
    FuzzWeights(rest);
  } else {
    FuzzFile(rest);
  }
  return 0;
}
