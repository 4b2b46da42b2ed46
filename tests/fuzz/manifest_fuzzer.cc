// Manifests and review reports. Bit 0 of the first byte chooses whether the
// input is the whole file or the signed part, which is then really signed, so
// that the checks behind the signatures are reached.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/pipeline/dataset/manifest_file.h"
#include "sealtrain/pipeline/dataset/review_file.h"

namespace {

using namespace sealtrain;

const crypto::SigningKey& SigningKey() {
  static const crypto::SigningKey& key = *new crypto::SigningKey(*crypto::SigningKey::Generate());
  return key;
}

std::string Sign(char role, const std::string& manifest) {
  return std::string(AsText(SigningKey().Sign(pipeline::ManifestMessage(role, manifest))));
}

void FuzzManifest(const std::string& bytes) {
  custody::SignedManifest file;
  file.set_manifest(bytes);
  file.set_writer_public_key(std::string(AsText(SigningKey().public_key())));
  file.set_writer_signature(Sign('W', bytes));
  file.set_custodian_signature(Sign('C', bytes));
  const auto manifest = pipeline::VerifyManifest(
      AsBytes(file.SerializeAsString()),
      {.dataset = "d", .generation = 1, .manifest_sha256 = crypto::Sha256(AsBytes(bytes))},
      SigningKey().public_key());
  if (!manifest.ok()) return;
  if (manifest->SerializeAsString() != bytes) std::abort();
  for (const custody::Shard& shard : manifest->shard()) {
    if (shard.plan() >= static_cast<std::uint32_t>(manifest->plan_size())) std::abort();
  }
}

void FuzzFile(ByteSpan file) {
  const auto manifest =
      pipeline::VerifyManifest(file, {.dataset = "d", .generation = 1}, SigningKey().public_key());
  if (manifest.ok()) std::abort();  // nobody can have signed that
  (void)pipeline::VerifyReview(file, crypto::Sha256(file)).ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan input(data + 1, size - 1);
  if ((data[0] & 1) == 0) {
    FuzzFile(input);
  } else {
    FuzzManifest(std::string(AsText(input)));
  }
  return 0;
}
