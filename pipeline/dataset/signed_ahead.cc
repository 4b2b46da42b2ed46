#include "sealtrain/pipeline/dataset/signed_ahead.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/dataset/stale_files.h"
#include "sealtrain/pipeline/dataset/store_layout.h"

namespace sealtrain::pipeline {
namespace {

// What the name of a manifest file says; nothing if it is no such name.
std::optional<SnapshotRef> RefFromName(const std::string& dataset, const std::string& name) {
  constexpr std::size_t kDigits = 20;
  if (!IsManifestName(name)) return std::nullopt;
  SnapshotRef ref{.dataset = dataset, .generation = 0, .manifest_sha256 = {}};
  if (!absl::SimpleAtoi(name.substr(0, kDigits), &ref.generation)) return std::nullopt;
  const std::string digest =
      absl::HexStringToBytes(name.substr(kDigits + 1, 2 * ref.manifest_sha256.size()));
  std::copy(digest.begin(), digest.end(), ref.manifest_sha256.begin());
  return ref;
}

}  // namespace

absl::StatusOr<std::vector<AheadManifest>> SignedAhead(custody::Custody& custody, Env& env,
                                                       const std::string& store,
                                                       const std::string& dataset) {
  // The files first: a manifest that is there by now was signed on the generation
  // before it, so custody cannot honestly say less than that afterwards.
  ST_ASSIGN_OR_RETURN(const std::vector<StoredFile> files,
                      ListStoredFiles(env, ManifestsFolder(store, dataset)));
  ST_ASSIGN_OR_RETURN(const custody::DatasetInfo info, custody.GetDataset(dataset));
  std::vector<AheadManifest> ahead;
  for (const StoredFile& file : files) {
    std::optional<SnapshotRef> ref = RefFromName(dataset, file.name);
    if (!ref.has_value() || ref->generation <= info.generation) continue;
    absl::StatusOr<custody::Manifest> manifest =
        ReadManifestFile(env, store, *ref, custody.manifest_public_key());
    // Anybody can write a file; what custody did not sign says nothing.
    if (absl::IsDataLoss(manifest.status())) continue;
    ST_RETURN_IF_ERROR(manifest.status());
    if (ref->generation - info.generation > 1) {
      return absl::DataLossError(absl::StrCat(
          "custody knows generation ", info.generation, " of ", dataset,
          ", but the store holds generation ", ref->generation,
          " with custody's signature: custody's state is older than the store. Was its home "
          "restored from a backup?"));
    }
    ahead.push_back({.ref = *std::move(ref), .manifest = *std::move(manifest)});
  }
  return ahead;
}

}  // namespace sealtrain::pipeline
