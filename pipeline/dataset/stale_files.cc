#include "sealtrain/pipeline/dataset/stale_files.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/dataset/store_layout.h"

namespace sealtrain::pipeline {
namespace {

constexpr absl::Duration kStaleAge = absl::Hours(1);

void RemoveStaleIn(Env& env, const std::string& folder) {
  const absl::StatusOr<std::vector<StoredFile>> files = ListStoredFiles(env, folder);
  if (!files.ok()) return;
  const absl::Time stale = absl::Now() - kStaleAge;
  for (const StoredFile& file : *files) {
    if (!IsTemporaryName(file.name) || file.written >= stale) continue;
    env.Remove(JoinPath(folder, file.name)).IgnoreError();
  }
}

}  // namespace

absl::StatusOr<std::vector<StoredFile>> ListStoredFiles(Env& env, const std::string& folder) {
  absl::StatusOr<std::vector<std::string>> names = env.List(folder);
  if (absl::IsNotFound(names.status())) return std::vector<StoredFile>();
  ST_RETURN_IF_ERROR(names.status());
  std::vector<StoredFile> files;
  for (std::string& name : *names) {
    struct stat st;
    if (::lstat(JoinPath(folder, name).c_str(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
    files.push_back({.name = std::move(name),
                     .bytes = static_cast<std::uint64_t>(st.st_size),
                     .written = absl::TimeFromTimespec(st.st_mtim)});
  }
  return files;
}

bool IsTemporaryName(absl::string_view name) { return absl::StrContains(name, kTemporarySuffix); }

void RemoveStaleTemporaries(Env& env, const std::string& store, const std::string& dataset) {
  RemoveStaleIn(env, ManifestsFolder(store, dataset));
  RemoveStaleIn(env, ShardsFolder(store, dataset));
  RemoveStaleIn(env, ReviewsFolder(store, dataset));
}

}  // namespace sealtrain::pipeline
