#include "sealtrain/pipeline/seal/shard_store.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/dataset/store_layout.h"

namespace sealtrain::pipeline {

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

}  // namespace sealtrain::pipeline
