#include "sealtrain/pipeline/dataset/store_layout.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "sealtrain/base/env.h"
#include "sealtrain/pipeline/dataset.h"

namespace sealtrain::pipeline {
namespace {

std::string Folder(const std::string& store, const std::string& dataset, absl::string_view name) {
  return JoinPath(JoinPath(store, dataset), name);
}

bool IsHex(absl::string_view text, std::size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

std::string ManifestsFolder(const std::string& store, const std::string& dataset) {
  return Folder(store, dataset, "manifests");
}
std::string ShardsFolder(const std::string& store, const std::string& dataset) {
  return Folder(store, dataset, "shards");
}
std::string ReviewsFolder(const std::string& store, const std::string& dataset) {
  return Folder(store, dataset, "reviews");
}

std::string ManifestPath(const std::string& store, const std::string& dataset,
                         std::uint64_t generation, const Digest& sha256) {
  return JoinPath(ManifestsFolder(store, dataset),
                  absl::StrFormat("%020d-%s.manifest", generation, HexEncode(sha256)));
}
std::string ShardPath(const std::string& store, const std::string& dataset, const Id& shard_id) {
  return JoinPath(ShardsFolder(store, dataset), absl::StrCat(HexEncode(shard_id), ".seal"));
}
std::string ReviewPath(const std::string& store, const std::string& dataset, const Digest& sha256) {
  return JoinPath(ReviewsFolder(store, dataset), absl::StrCat(HexEncode(sha256), ".review"));
}
bool IsShardName(absl::string_view name) {
  return absl::ConsumeSuffix(&name, ".seal") && IsHex(name, 32);
}
bool IsReviewName(absl::string_view name) {
  return absl::ConsumeSuffix(&name, ".review") && IsHex(name, 64);
}
bool IsManifestName(absl::string_view name) {
  return absl::ConsumeSuffix(&name, ".manifest") && name.size() == 20 + 1 + 64 &&
         std::all_of(name.begin(), name.begin() + 20, absl::ascii_isdigit) && name[20] == '-' &&
         IsHex(name.substr(21), 64);
}

std::string CommitLockPath(const std::string& store, const std::string& dataset) {
  return Folder(store, dataset, "commit.lock");
}

}  // namespace sealtrain::pipeline
