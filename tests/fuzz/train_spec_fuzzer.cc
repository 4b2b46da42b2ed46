// Train specs: what parses is valid, says so again when it is checked or
// printed and parsed once more, and describes a feature space.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "google/protobuf/text_format.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/trainer/features.h"
#include "sealtrain/trainer/train_spec_internal.h"
#include "sealtrain/trainer/training.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain::trainer;
  const auto spec = ParseTrainSpec(sealtrain::AsText(sealtrain::ByteSpan(data, size)), "fuzz");
  if (!spec.ok()) {
    // The error must name the place.
    if (spec.status().message().substr(0, 5) != "fuzz:") std::abort();
    return 0;
  }
  if (!CheckTrainSpec(*spec).ok()) std::abort();
  const auto features = FeatureSpace::Create(*spec);
  if (!features.ok() || features->dimension() > kMaxDimension) std::abort();
  std::string text;
  if (!google::protobuf::TextFormat::PrintToString(*spec, &text)) std::abort();
  const auto again = ParseTrainSpec(text, "again");
  if (!again.ok() || again->SerializeAsString() != spec->SerializeAsString()) std::abort();
  return 0;
}
