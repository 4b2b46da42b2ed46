#include "sealtrain/audit/tree_writer.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/audit/log_files.h"
#include "sealtrain/audit/tiles.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {

absl::StatusOr<TreeWriter> TreeWriter::Load(Env& env, std::string log_directory,
                                            const Checkpoint& checkpoint) {
  TreeWriter writer(env, std::move(log_directory));
  ST_ASSIGN_OR_RETURN(writer.edge_, ReadEdge(env, writer.directory_, checkpoint));
  const std::vector<Digest>& leaf_hashes = writer.edge_.partial_tile(0);
  if (!leaf_hashes.empty()) {
    ST_ASSIGN_OR_RETURN(
        const Bundle bundle,
        Bundle::Read(env, writer.directory_, checkpoint.size / kTileWidth, leaf_hashes));
    writer.tail_bundle_ = std::string(bundle.prefix(bundle.size()));
  }
  writer.published_size_ = checkpoint.size;
  return writer;
}

void TreeWriter::Add(absl::string_view entry) {
  AppendToBundle(entry, tail_bundle_);
  edge_.Append(crypto::MerkleLeafHash(AsBytes(entry)),
               [this](const TileId& tile, absl::Span<const Digest> hashes) {
                 if (tile.level == 0) {
                   const ByteSpan bundle = AsBytes(tail_bundle_);
                   full_[BundlePath(tile)] = Bytes(bundle.begin(), bundle.end());
                   tail_bundle_.clear();
                 }
                 full_[TilePath(tile)] = EncodeTile(hashes);
               });
}

absl::Status TreeWriter::Publish(absl::string_view checkpoint_note, bool newest) {
  ST_RETURN_IF_ERROR(WriteFull());
  ST_RETURN_IF_ERROR(WritePartials());
  if (newest) ST_RETURN_IF_ERROR(WriteFile(kCheckpointFile, AsBytes(checkpoint_note)));
  // After `checkpoint`: so that a kept one newer than that means a rollback.
  ST_RETURN_IF_ERROR(
      WriteFile(absl::StrCat(kCheckpointsFolder, "/", size()), AsBytes(checkpoint_note)));
  published_size_ = size();
  return absl::OkStatus();
}

absl::Status TreeWriter::WriteFull() {
  for (const auto& [path, bytes] : full_) {
    ST_RETURN_IF_ERROR(WriteFile(path, bytes));
    // Partial forms written since the last Sync() come back from the
    // write-ahead log if they must; older ones have to stay until then.
    const std::string partials = absl::StrCat(PartialsPath(path), "/");
    for (auto it = unsynced_.lower_bound(partials);
         it != unsynced_.end() && absl::StartsWith(*it, partials); it = unsynced_.erase(it)) {
      ST_RETURN_IF_ERROR(env_.Remove(JoinPath(directory_, *it)));
    }
    completed_.push_back(path);
  }
  full_.clear();
  return absl::OkStatus();
}

absl::Status TreeWriter::WritePartials() {
  for (int level = 0; level < kTileLevels; ++level) {
    const std::uint64_t hashes = HashesAtLevel(size(), level);
    const TileId tile{
        .level = level, .index = hashes / kTileWidth, .width = PartialWidth(size(), level)};
    if (tile.width == 0 || hashes == HashesAtLevel(published_size_, level)) continue;
    if (level == 0) ST_RETURN_IF_ERROR(WriteFile(BundlePath(tile), AsBytes(tail_bundle_)));
    ST_RETURN_IF_ERROR(WriteFile(TilePath(tile), EncodeTile(edge_.partial_tile(level))));
  }
  return absl::OkStatus();
}

absl::Status TreeWriter::WriteFile(const std::string& path, ByteSpan bytes) {
  const std::string target = JoinPath(directory_, path);
  const std::string temporary = absl::StrCat(target, ".tmp");
  absl::StatusOr<std::unique_ptr<WritableFile>> opened =
      env_.OpenForWrite(temporary, Env::OpenMode::kTruncate);
  if (absl::IsNotFound(opened.status())) {
    ST_RETURN_IF_ERROR(env_.CreateDirs(DirName(target)));
    opened = env_.OpenForWrite(temporary, Env::OpenMode::kTruncate);
  }
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, std::move(opened));
  ST_RETURN_IF_ERROR(file->Append(bytes));
  ST_RETURN_IF_ERROR(file->Close());
  ST_RETURN_IF_ERROR(env_.Rename(temporary, target));
  unsynced_.insert(path);
  return absl::OkStatus();
}

absl::Status TreeWriter::Sync() {
  std::set<std::string> folders;
  for (const std::string& path : unsynced_) {
    const std::string target = JoinPath(directory_, path);
    ST_ASSIGN_OR_RETURN(auto file, env_.OpenForWrite(target, Env::OpenMode::kAppend));
    ST_RETURN_IF_ERROR(file->Sync());
    ST_RETURN_IF_ERROR(file->Close());
    // Each may have been made since the last time, and not been synced by who made it.
    for (std::string folder = DirName(target); folder.size() > directory_.size();
         folder = DirName(folder)) {
      folders.insert(folder);
    }
    folders.insert(directory_);
  }
  for (const std::string& folder : folders) ST_RETURN_IF_ERROR(env_.SyncDir(folder));
  unsynced_.clear();
  return absl::OkStatus();
}

absl::Status TreeWriter::RemoveStale() {
  for (const std::string& path : completed_) ST_RETURN_IF_ERROR(RemoveStalePartials(path));
  completed_.clear();
  return absl::OkStatus();
}

absl::Status TreeWriter::RemoveStalePartials(const std::string& full_path) {
  const std::string folder = JoinPath(directory_, PartialsPath(full_path));
  const auto names = env_.List(folder);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  ST_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    ST_RETURN_IF_ERROR(env_.Remove(JoinPath(folder, name)));
  }
  return absl::OkStatus();
}

}  // namespace sealtrain::audit
