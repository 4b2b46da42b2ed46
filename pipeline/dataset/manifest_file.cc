#include "sealtrain/pipeline/dataset/manifest_file.h"

#include <algorithm>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/pipeline/dataset/store_layout.h"
#include "sealtrain/pipeline/exact_proto.h"
#include "sealtrain/pipeline/status_text.h"

namespace sealtrain::pipeline {
namespace {

// Custody signs no manifest of more than 64 MiB.
constexpr std::uint64_t kMaxManifestFileBytes = (64 << 20) + 4096;

absl::Status Malformed(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the manifest is malformed: ", what));
}

absl::Status CheckPlan(const custody::SealPlan& plan) {
  if (plan.permit_id().size() != sizeof(Id) || plan.policy_sha256().size() != sizeof(Digest) ||
      plan.review_sha256().size() != sizeof(Digest)) {
    return Malformed("a plan");
  }
  return absl::OkStatus();
}

absl::Status CheckShards(const custody::Manifest& manifest) {
  std::set<absl::string_view> ids;
  std::uint64_t rows = 0;
  for (const custody::Shard& shard : manifest.shard()) {
    if (shard.id().size() != sizeof(Id) || shard.header_sha256().size() != sizeof(Digest) ||
        shard.segments_root().size() != sizeof(Digest) ||
        shard.plan() >= static_cast<std::uint32_t>(manifest.plan_size()) || shard.rows() == 0 ||
        shard.rows() > std::numeric_limits<std::uint64_t>::max() - rows) {
      return Malformed("a shard");
    }
    if (!ids.insert(shard.id()).second) return Malformed("a shard stands twice");
    rows += shard.rows();
  }
  return rows == manifest.rows() ? absl::OkStatus() : Malformed("the number of rows");
}

absl::Status CheckForm(const custody::Manifest& manifest, const SnapshotRef& ref) {
  if (manifest.format() != 1) return Malformed("unknown format");
  if (manifest.dataset() != ref.dataset || manifest.generation() != ref.generation) {
    return Malformed("it is of another snapshot");
  }
  if (manifest.previous_sha256().size() != (manifest.generation() == 1 ? 0 : sizeof(Digest)) ||
      manifest.schema_sha256().size() != sizeof(Digest)) {
    return Malformed("a digest");
  }
  for (const custody::SealPlan& plan : manifest.plan()) ST_RETURN_IF_ERROR(CheckPlan(plan));
  for (const custody::Reseal& reseal : manifest.reseal()) {
    if (reseal.permit_id().size() != sizeof(Id) ||
        reseal.policy_sha256().size() != sizeof(Digest) || reseal.plans() == 0 ||
        reseal.plans() > static_cast<std::uint32_t>(manifest.plan_size())) {
      return Malformed("a reseal");
    }
  }
  return CheckShards(manifest);
}

std::string Describe(const SnapshotRef& ref) {
  return absl::StrCat("generation ", ref.generation, " of ", ref.dataset);
}

}  // namespace

Bytes ManifestMessage(char role, absl::string_view manifest) {
  constexpr absl::string_view kLabel("sealtrain/manifest/1\0", 21);
  Bytes message(kLabel.begin(), kLabel.end());
  message.push_back(static_cast<std::uint8_t>(role));
  message.insert(message.end(), manifest.begin(), manifest.end());
  return message;
}

absl::StatusOr<custody::Manifest> VerifyManifest(ByteSpan file, const SnapshotRef& ref,
                                                 const crypto::PublicKey& custodian_key) {
  custody::SignedManifest signed_manifest;
  ST_RETURN_IF_ERROR(ParseExactly(file, "the manifest file", signed_manifest));
  const std::string& bytes = signed_manifest.manifest();
  if (crypto::Sha256(AsBytes(bytes)) != ref.manifest_sha256) {
    return absl::DataLossError("the manifest is not the one that custody knows");
  }
  crypto::PublicKey writer_key;
  if (signed_manifest.writer_public_key().size() != writer_key.size()) {
    return Malformed("the writer's key");
  }
  const ByteSpan writer_key_bytes = AsBytes(signed_manifest.writer_public_key());
  std::copy(writer_key_bytes.begin(), writer_key_bytes.end(), writer_key.begin());
  ST_RETURN_IF_ERROR(crypto::VerifySignature(custodian_key, ManifestMessage('C', bytes),
                                             AsBytes(signed_manifest.custodian_signature())));
  ST_RETURN_IF_ERROR(crypto::VerifySignature(writer_key, ManifestMessage('W', bytes),
                                             AsBytes(signed_manifest.writer_signature())));
  custody::Manifest manifest;
  ST_RETURN_IF_ERROR(ParseExactly(AsBytes(bytes), "the manifest", manifest));
  ST_RETURN_IF_ERROR(CheckForm(manifest, ref));
  return manifest;
}

absl::StatusOr<custody::Manifest> ReadManifestFile(Env& env, const std::string& store,
                                                   const SnapshotRef& ref,
                                                   const crypto::PublicKey& custodian_key) {
  absl::StatusOr<std::string> file = env.ReadFile(
      ManifestPath(store, ref.dataset, ref.generation, ref.manifest_sha256), kMaxManifestFileBytes);
  if (absl::IsNotFound(file.status()) || absl::IsInvalidArgument(file.status())) {
    return At(Describe(ref), absl::DataLossError("its manifest is missing from the store"));
  }
  if (absl::IsOutOfRange(file.status())) {
    return At(Describe(ref), absl::DataLossError("its manifest is too long"));
  }
  ST_RETURN_IF_ERROR(file.status());
  absl::StatusOr<custody::Manifest> manifest = VerifyManifest(AsBytes(*file), ref, custodian_key);
  if (!manifest.ok()) return At(Describe(ref), manifest.status());
  return manifest;
}

SnapshotRef PreviousOf(const custody::Manifest& manifest) {
  SnapshotRef previous{.dataset = manifest.dataset(),
                       .generation = manifest.generation() - 1,
                       .manifest_sha256 = {}};
  const ByteSpan digest = AsBytes(manifest.previous_sha256());
  std::copy(digest.begin(), digest.end(), previous.manifest_sha256.begin());
  return previous;
}

}  // namespace sealtrain::pipeline
