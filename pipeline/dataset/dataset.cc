#include "sealtrain/pipeline/dataset.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/dataset/manifest_file.h"
#include "sealtrain/pipeline/dataset/review_file.h"
#include "sealtrain/pipeline/dataset/signed_ahead.h"
#include "sealtrain/pipeline/open/shard_file.h"
#include "sealtrain/pipeline/status_text.h"

namespace sealtrain::pipeline {
namespace {

using google::protobuf::util::MessageDifferencer;

SnapshotRef NewestOf(const custody::DatasetInfo& info) {
  return {
      .dataset = info.name, .generation = info.generation, .manifest_sha256 = info.manifest_sha256};
}

template <typename Repeated>
bool IsPrefix(const Repeated& prefix, const Repeated& whole) {
  return prefix.size() <= whole.size() &&
         std::equal(prefix.begin(), prefix.end(), whole.begin(), MessageDifferencer::Equals);
}

// A snapshot holds everything that the one before it held, unchanged.
absl::Status CheckSuccession(const custody::Manifest& previous, const custody::Manifest& next) {
  if (previous.schema_sha256() == next.schema_sha256() &&
      previous.message_name() == next.message_name() && IsPrefix(previous.plan(), next.plan()) &&
      IsPrefix(previous.shard(), next.shard()) && IsPrefix(previous.reseal(), next.reseal())) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat("generation ", next.generation(), " of ", next.dataset(),
                                          " does not continue the one before it"));
}

Id ShardId(const custody::Shard& shard) {
  Id id;
  const ByteSpan bytes = AsBytes(shard.id());  // 16 in a verified manifest
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return id;
}

// Goes from a snapshot back to its generation `generation`.
absl::StatusOr<custody::Manifest> WalkBack(Env& env, const std::string& store,
                                           const SnapshotRef& snapshot, std::uint64_t generation,
                                           const crypto::PublicKey& key) {
  ST_ASSIGN_OR_RETURN(custody::Manifest manifest, ReadManifestFile(env, store, snapshot, key));
  while (manifest.generation() > generation) {
    ST_ASSIGN_OR_RETURN(custody::Manifest previous,
                        ReadManifestFile(env, store, PreviousOf(manifest), key));
    ST_RETURN_IF_ERROR(CheckSuccession(previous, manifest));
    manifest = std::move(previous);
  }
  return manifest;
}

absl::Status VerifyShard(Env& env, const std::string& store, const custody::Manifest& manifest,
                         const custody::Shard& shard) {
  const std::string path = ShardPath(store, manifest.dataset(), ShardId(shard));
  ST_ASSIGN_OR_RETURN(const ShardFile file, ShardFile::Open(env, path, manifest, shard));
  return file.VerifySegments(manifest);
}

}  // namespace

absl::StatusOr<custody::Manifest> ReadManifest(custody::Custody& custody, Env& env,
                                               const std::string& store, const std::string& dataset,
                                               std::uint64_t generation) {
  ST_ASSIGN_OR_RETURN(const custody::DatasetInfo info, custody.GetDataset(dataset));
  if (generation == 0 || generation > info.generation) {
    return absl::NotFoundError(absl::StrCat(dataset, " has no generation ", generation));
  }
  return WalkBack(env, store, NewestOf(info), generation, custody.manifest_public_key());
}

absl::StatusOr<DatasetReport> VerifyDataset(custody::Custody& custody, Env& env,
                                            const std::string& store, const std::string& dataset) {
  ST_ASSIGN_OR_RETURN(const custody::DatasetInfo info, custody.GetDataset(dataset));
  if (info.generation == 0) {
    return absl::NotFoundError(absl::StrCat(dataset, " has no snapshot yet"));
  }
  ST_RETURN_IF_ERROR(SignedAhead(custody, env, store, dataset).status());
  return VerifySnapshot(env, store, NewestOf(info), custody.manifest_public_key());
}

absl::StatusOr<DatasetReport> VerifySnapshot(Env& env, const std::string& store,
                                             const SnapshotRef& snapshot,
                                             const crypto::PublicKey& custody_key) {
  ST_ASSIGN_OR_RETURN(const custody::Manifest manifest,
                      ReadManifestFile(env, store, snapshot, custody_key));
  ST_RETURN_IF_ERROR(WalkBack(env, store, snapshot, 1, custody_key).status());

  DatasetReport report;
  report.generation = manifest.generation();
  report.generations_checked = manifest.generation();
  report.rows = manifest.rows();
  for (const custody::SealPlan& plan : manifest.plan()) {
    ST_RETURN_IF_ERROR(VerifyReviewFile(env, store, snapshot.dataset, plan));
  }
  for (const custody::Shard& shard : manifest.shard()) {
    ST_RETURN_IF_ERROR(
        At(absl::StrCat("shard ", HexEncode(ShardId(shard)), " of ", snapshot.dataset),
           VerifyShard(env, store, manifest, shard)));
    ++report.shards;
    report.bytes += shard.file_bytes();
    report.segments += shard.segments();
  }
  return report;
}

}  // namespace sealtrain::pipeline
