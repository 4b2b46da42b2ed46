#include "sealtrain/pipeline/dataset/stale_files.h"

#include <chrono>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "sealtrain/pipeline/dataset/store_layout.h"

namespace sealtrain::pipeline {
namespace {

constexpr std::chrono::hours kStaleAge(1);

void RemoveStaleIn(Env& env, const std::string& folder) {
  const absl::StatusOr<std::vector<std::string>> names = env.List(folder);
  if (!names.ok()) return;  // most often: no such folder yet
  const auto stale = std::filesystem::file_time_type::clock::now() - kStaleAge;
  for (const std::string& name : *names) {
    // Names of finished files are hex digits and a suffix without that.
    if (!absl::StrContains(name, kTemporarySuffix)) continue;
    const std::string path = JoinPath(folder, name);
    std::error_code error;
    const auto written = std::filesystem::last_write_time(path, error);
    if (!error && written < stale) env.Remove(path).IgnoreError();
  }
}

}  // namespace

void RemoveStaleTemporaries(Env& env, const std::string& store, const std::string& dataset) {
  RemoveStaleIn(env, ManifestsFolder(store, dataset));
  RemoveStaleIn(env, ShardsFolder(store, dataset));
  RemoveStaleIn(env, ReviewsFolder(store, dataset));
}

}  // namespace sealtrain::pipeline
