#include "sealtrain/audit/published_files.h"

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/audit/log_files.h"
#include "sealtrain/audit/tiles.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::audit {

absl::Status PublishedFiles::Publish(const Publication& publication, bool newest) {
  for (const auto& [path, bytes] : publication.full) ST_RETURN_IF_ERROR(WriteFull(path, bytes));
  for (const auto& [path, bytes] : publication.partial) ST_RETURN_IF_ERROR(WriteFile(path, bytes));
  const ByteSpan note = AsBytes(publication.checkpoint_note);
  if (newest) ST_RETURN_IF_ERROR(WriteFile(kCheckpointFile, note));
  // After `checkpoint`: so that a kept one newer than that means a rollback.
  return WriteFile(KeptCheckpointPath(publication.size), note);
}

absl::Status PublishedFiles::WriteFull(const std::string& path, ByteSpan bytes) {
  ST_RETURN_IF_ERROR(WriteFile(path, bytes));
  // Partial forms written since the last Sync() come back from the
  // write-ahead log if they must; older ones have to stay until then.
  const std::string folder = PartialsPath(path);
  const std::string partials = absl::StrCat(folder, "/");
  for (auto it = unsynced_.lower_bound(partials);
       it != unsynced_.end() && absl::StartsWith(*it, partials); it = unsynced_.erase(it)) {
    ST_RETURN_IF_ERROR(env_->Remove(JoinPath(directory_, *it)));
    shrunk_.insert(folder);
  }
  completed_.insert(path);
  return absl::OkStatus();
}

absl::Status PublishedFiles::WriteFile(const std::string& path, ByteSpan bytes) {
  const std::string target = JoinPath(directory_, path);
  const std::string temporary = absl::StrCat(target, ".tmp");
  absl::StatusOr<std::unique_ptr<WritableFile>> opened =
      env_->OpenForWrite(temporary, Env::OpenMode::kTruncate);
  if (absl::IsNotFound(opened.status())) {
    ST_RETURN_IF_ERROR(env_->CreateDirs(DirName(target)));
    opened = env_->OpenForWrite(temporary, Env::OpenMode::kTruncate);
  }
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, std::move(opened));
  ST_RETURN_IF_ERROR(file->Append(bytes));
  ST_RETURN_IF_ERROR(file->Close());
  ST_RETURN_IF_ERROR(env_->Rename(temporary, target));
  unsynced_.insert(path);
  return absl::OkStatus();
}

absl::Status PublishedFiles::Sync() {
  std::set<std::string> folders;
  for (const std::string& path : unsynced_) {
    const std::string target = JoinPath(directory_, path);
    ST_ASSIGN_OR_RETURN(auto file, env_->OpenForWrite(target, Env::OpenMode::kAppend));
    ST_RETURN_IF_ERROR(file->Sync());
    ST_RETURN_IF_ERROR(file->Close());
    // Each may have been made since the last time, and not been synced by who made it.
    for (std::string folder = DirName(target); folder.size() > directory_.size();
         folder = DirName(folder)) {
      folders.insert(folder);
    }
    folders.insert(directory_);
  }
  for (const std::string& folder : shrunk_) folders.insert(JoinPath(directory_, folder));
  for (const std::string& folder : folders) ST_RETURN_IF_ERROR(env_->SyncDir(folder));
  unsynced_.clear();
  shrunk_.clear();
  return absl::OkStatus();
}

absl::Status PublishedFiles::RemoveStale() {
  for (const std::string& path : completed_) ST_RETURN_IF_ERROR(RemoveStalePartials(path));
  completed_.clear();
  return absl::OkStatus();
}

absl::Status PublishedFiles::RemoveStalePartials(const std::string& full_path) {
  const std::string folder = JoinPath(directory_, PartialsPath(full_path));
  const auto names = env_->List(folder);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  ST_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    ST_RETURN_IF_ERROR(env_->Remove(JoinPath(folder, name)));
  }
  return absl::OkStatus();
}

}  // namespace sealtrain::audit
