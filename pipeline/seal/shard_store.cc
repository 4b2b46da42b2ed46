#include "sealtrain/pipeline/seal/shard_store.h"

#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/dataset/store_layout.h"

namespace sealtrain::pipeline {
namespace {

constexpr std::chrono::hours kStaleAge(1);

}  // namespace

absl::StatusOr<custody::Shard> StoreShard(Env& env, const std::string& path, ShardWriter& writer) {
  const std::string temporary = absl::StrCat(path, kTemporarySuffix);
  ST_RETURN_IF_ERROR(env.CreateDirs(DirName(path)));
  ST_ASSIGN_OR_RETURN(auto file, env.OpenForWrite(temporary, Env::OpenMode::kCreateNew));
  auto remove_temporary = absl::MakeCleanup([&] { env.Remove(temporary).IgnoreError(); });
  ST_ASSIGN_OR_RETURN(custody::Shard shard, writer.Finish(*file));
  ST_RETURN_IF_ERROR(file->Sync());
  ST_RETURN_IF_ERROR(file->Close());
  ST_RETURN_IF_ERROR(env.Rename(temporary, path));
  std::move(remove_temporary).Cancel();
  if (absl::Status synced = env.SyncDir(DirName(path)); !synced.ok()) {
    env.Remove(path).IgnoreError();
    return synced;
  }
  return shard;
}

void RemoveStaleTemporaries(Env& env, const std::string& folder) {
  const absl::StatusOr<std::vector<std::string>> names = env.List(folder);
  if (!names.ok()) return;  // most often: no such folder yet
  const auto stale = std::filesystem::file_time_type::clock::now() - kStaleAge;
  for (const std::string& name : *names) {
    if (!absl::EndsWith(name, absl::StrCat(".seal", kTemporarySuffix))) continue;
    const std::string path = JoinPath(folder, name);
    std::error_code error;
    const auto written = std::filesystem::last_write_time(path, error);
    if (!error && written < stale) env.Remove(path).IgnoreError();
  }
}

}  // namespace sealtrain::pipeline
