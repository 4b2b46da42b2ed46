#include "sealtrain/pipeline/sweep.h"

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/dataset/manifest_file.h"
#include "sealtrain/pipeline/dataset/signed_ahead.h"
#include "sealtrain/pipeline/dataset/stale_files.h"
#include "sealtrain/pipeline/dataset/store_layout.h"

namespace sealtrain::pipeline {
namespace {

constexpr absl::Duration kYoungest = absl::Hours(1);
constexpr absl::Duration kSweepLockPatience = absl::Seconds(60);

// Whether a job gives such a name, to a file that is finished or still written.
bool IsJobsName(absl::string_view name, bool (*is_name)(absl::string_view)) {
  return is_name(name.substr(0, name.find(kTemporarySuffix)));
}

template <std::size_t kSize>
std::array<std::uint8_t, kSize> FixedBytes(const std::string& text) {
  std::array<std::uint8_t, kSize> bytes{};  // of that size in a verified manifest
  std::copy_n(AsBytes(text).begin(), kSize, bytes.begin());
  return bytes;
}

// Adds the paths of the manifest's own file and of all that it names.
void AddNamedFiles(const std::string& store, const SnapshotRef& ref,
                   const custody::Manifest& manifest, std::set<std::string>& paths) {
  paths.insert(ManifestPath(store, ref.dataset, ref.generation, ref.manifest_sha256));
  for (const custody::Shard& shard : manifest.shard()) {
    paths.insert(ShardPath(store, ref.dataset, FixedBytes<sizeof(Id)>(shard.id())));
  }
  for (const custody::SealPlan& plan : manifest.plan()) {
    paths.insert(ReviewPath(store, ref.dataset, FixedBytes<sizeof(Digest)>(plan.review_sha256())));
  }
}

// Paths of all files of all snapshots of the data set.
absl::StatusOr<std::set<std::string>> FilesOfSnapshots(custody::Custody& custody, Env& env,
                                                       const std::string& store,
                                                       const custody::DatasetInfo& info) {
  std::set<std::string> paths;
  if (info.generation == 0) return paths;
  SnapshotRef ref = {
      .dataset = info.name, .generation = info.generation, .manifest_sha256 = info.manifest_sha256};
  while (true) {
    ST_ASSIGN_OR_RETURN(const custody::Manifest manifest,
                        ReadManifestFile(env, store, ref, custody.manifest_public_key()));
    AddNamedFiles(store, ref, manifest, paths);
    if (ref.generation == 1) return paths;
    ref = PreviousOf(manifest);
  }
}

}  // namespace

absl::StatusOr<SweepReport> SweepDataset(custody::Custody& custody, Env& env,
                                         const std::string& store, const std::string& dataset,
                                         const SweepOptions& options) {
  if (options.older_than < kYoungest) {
    return absl::InvalidArgumentError(
        absl::StrCat("files younger than ", absl::FormatDuration(kYoungest), " are never swept"));
  }
  ST_ASSIGN_OR_RETURN(custody::DatasetInfo info, custody.GetDataset(dataset));
  SweepReport report;
  if (!env.Exists(DirName(CommitLockPath(store, dataset)))) {
    // Of a data set with snapshots that is another store, and this says so.
    ST_RETURN_IF_ERROR(FilesOfSnapshots(custody, env, store, info).status());
    return report;
  }
  ST_ASSIGN_OR_RETURN(
      const std::unique_ptr<FileLock> lock,
      LockPatiently(env, CommitLockPath(store, dataset), kSweepLockPatience, nullptr));
  ST_ASSIGN_OR_RETURN(const std::vector<custody::LeaseInfo> leases, custody.ListLeases());
  for (const custody::LeaseInfo& lease : leases) {
    if (lease.action == policy::SEAL && lease.dataset == dataset) {
      return absl::UnavailableError(absl::StrCat("a job is writing to ", dataset));
    }
  }
  // Read while nobody commits: what is named now is all that ever will be.
  ST_ASSIGN_OR_RETURN(info, custody.GetDataset(dataset));
  ST_ASSIGN_OR_RETURN(const std::set<std::string> named,
                      FilesOfSnapshots(custody, env, store, info));
  ST_ASSIGN_OR_RETURN(const std::vector<AheadManifest> ahead,
                      SignedAhead(custody, env, store, dataset));
  std::set<std::string> unsettled;
  for (const AheadManifest& signed_manifest : ahead) {
    AddNamedFiles(store, signed_manifest.ref, signed_manifest.manifest, unsettled);
  }

  const absl::Time old = absl::Now() - options.older_than;
  const struct {
    std::string folder;
    bool (*is_name)(absl::string_view);
  } kinds[] = {{ManifestsFolder(store, dataset), IsManifestName},
               {ReviewsFolder(store, dataset), IsReviewName},
               {ShardsFolder(store, dataset), IsShardName}};
  for (const auto& [folder, is_name] : kinds) {
    ST_ASSIGN_OR_RETURN(const std::vector<StoredFile> files, ListStoredFiles(env, folder));
    bool removed = false;
    for (const StoredFile& file : files) {
      const std::string path = JoinPath(folder, file.name);
      if (named.count(path) != 0 || !IsJobsName(file.name, is_name)) continue;
      Orphan orphan{.name = path.substr(DirName(folder).size() + 1),
                    .bytes = file.bytes,
                    .written = file.written};
      if (unsettled.count(path) != 0) {
        report.unsettled.push_back(std::move(orphan));
      } else if (file.written >= old) {
        report.young.push_back(std::move(orphan));
      } else {
        if (!options.dry_run) ST_RETURN_IF_ERROR(env.Remove(path));
        removed = !options.dry_run;
        report.swept.push_back(std::move(orphan));
      }
    }
    if (removed) ST_RETURN_IF_ERROR(env.SyncDir(folder));
  }
  return report;
}

}  // namespace sealtrain::pipeline
