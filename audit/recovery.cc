#include "sealtrain/audit/recovery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/log_files.h"
#include "sealtrain/audit/vkey_file.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::audit {
namespace {

// A note file of the log; "" if it is empty. DataLoss: missing or too long.
absl::StatusOr<std::string> ReadNoteFile(Env& env, const std::string& directory, const char* name) {
  absl::StatusOr<std::string> note = env.ReadFile(JoinPath(directory, name), kMaxNoteBytes);
  if (absl::IsNotFound(note.status()) || absl::IsOutOfRange(note.status())) {
    return absl::DataLossError(note.status().message());
  }
  return note;
}

// Whether a power cut can have left `bytes` of `note`, which was not synced: its
// beginning, and behind that nothing or zeros.
bool IsTornNote(absl::string_view bytes, absl::string_view note) {
  if (bytes.size() > note.size() || bytes == note) return false;
  const auto begin = std::mismatch(bytes.begin(), bytes.end(), note.begin()).first;
  return std::all_of(begin, bytes.end(), [](char c) { return c == '\0'; });
}

// Whether `published` is torn from a checkpoint that the write-ahead log holds
// whole, and so can be published again.
bool IsTornCheckpoint(absl::string_view published, const WalContents& wal) {
  return IsTornNote(published, wal.base_note) ||
         std::any_of(wal.records.begin(), wal.records.end(), [&](const WalContents::Record& r) {
           return IsTornNote(published, r.record.checkpoint_note);
         });
}

// Nothing is signed before it is in the write-ahead log. So a checkpoint that
// this log does not reach is of another history, or this log was rolled back.
absl::Status CheckReached(const WalContents& wal, const char* name, const std::string& note,
                          const VerifierKey& key) {
  const absl::StatusOr<Checkpoint> checkpoint = VerifyCheckpoint(note, key);
  if (!checkpoint.ok()) {
    return absl::DataLossError(absl::StrCat(name, ": ", checkpoint.status().message()));
  }
  const auto is_it = [&](const WalContents::Record& r) { return r.checkpoint == *checkpoint; };
  if (wal.base == *checkpoint || std::any_of(wal.records.begin(), wal.records.end(), is_it)) {
    return absl::OkStatus();
  }
  const std::uint64_t end =
      wal.records.empty() ? wal.base.size : wal.records.back().checkpoint.size;
  return absl::DataLossError(absl::StrCat(
      name, ": signs size ", checkpoint->size, ", but ", kWalFile, " goes from ", wal.base.size,
      " to ", end, " (byte ", wal.end, ") and does not pass through it: changed or rolled back"));
}

absl::Status CheckVkey(Env& env, const std::string& directory, const VerifierKey& key) {
  ST_ASSIGN_OR_RETURN(const std::string text, ReadNoteFile(env, directory, kVkeyFile));
  const absl::StatusOr<std::vector<VerifierKey>> keys = ParseVkeyFile(text);
  if (!keys.ok() || std::find(keys->begin(), keys->end(), key) == keys->end()) {
    return absl::DataLossError(
        absl::StrCat(kVkeyFile, ": not the key that this log is opened with"));
  }
  return absl::OkStatus();
}

// Whether anything is there that is written only when the tree, of its present size, is
// published: torn perhaps, for none of it was synced.
bool LeftAnything(Env& env, const std::string& directory, const TreeWriter& tree) {
  const auto is_there = [&](const std::string& path) {
    return env.Exists(JoinPath(directory, path));
  };
  const std::vector<TileId> partials = tree.NewPartials();
  return is_there(KeptCheckpointPath(tree.size())) ||
         std::any_of(partials.begin(), partials.end(), [&](const TileId& tile) {
           return is_there(TilePath(tile)) || (tile.level == 0 && is_there(BundlePath(tile)));
         });
}

// Adds what the write-ahead log holds to the tree, and publishes again what had been
// published of it, and what is newest: `checkpoint` once, for readers must not see it go back.
absl::Status Replay(Env& env, const std::string& directory, const WalContents& contents,
                    TreeWriter& tree, PublishedFiles& files) {
  for (const WalContents::Record& logged : contents.records) {
    for (const std::string& entry : logged.record.entries) tree.Add(entry);
    if (tree.Root() != logged.checkpoint.root) {
      return absl::DataLossError(absl::StrCat(kWalFile, ": record at byte ", logged.offset,
                                              " does not give its signed root"));
    }
    const bool newest = &logged == &contents.records.back();
    if (newest || LeftAnything(env, directory, tree)) {
      ST_RETURN_IF_ERROR(files.Publish(tree.Take(logged.record.checkpoint_note), newest));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WriterState> RecoverWriter(Env& env, const std::string& directory,
                                          const VerifierKey& key) {
  if (!env.Exists(JoinPath(directory, kCheckpointFile)) &&
      !env.Exists(JoinPath(directory, kTileFolder))) {
    return absl::NotFoundError(absl::StrCat("no audit log in ", directory));
  }
  ST_RETURN_IF_ERROR(CheckVkey(env, directory, key));
  ST_ASSIGN_OR_RETURN(const WalContents contents, ReadWal(env, JoinPath(directory, kWalFile), key));
  ST_ASSIGN_OR_RETURN(const std::string last, ReadNoteFile(env, directory, kLastFile));
  ST_RETURN_IF_ERROR(CheckReached(contents, kLastFile, last, key));
  ST_ASSIGN_OR_RETURN(const std::string published, ReadNoteFile(env, directory, kCheckpointFile));
  // Checkpoints are published without a sync: what the rename names may not have
  // reached the disk as a whole, or at all.
  const bool torn_checkpoint = IsTornCheckpoint(published, contents);
  if (!torn_checkpoint) {
    ST_RETURN_IF_ERROR(CheckReached(contents, kCheckpointFile, published, key));
  }

  ST_ASSIGN_OR_RETURN(TreeWriter tree, TreeWriter::Load(env, directory, contents.base));
  PublishedFiles files(env, directory);
  const std::string* note = &contents.base_note;
  if (!contents.records.empty()) {
    // Before anybody can see what follows from it.
    ST_RETURN_IF_ERROR(SecureWal(env, JoinPath(directory, kWalFile), contents));
    ST_RETURN_IF_ERROR(Replay(env, directory, contents, tree, files));
    note = &contents.records.back().record.checkpoint_note;
  } else if (torn_checkpoint || contents.base.size == 0) {
    // A creation may have ended before it had synced the empty checkpoint.
    ST_RETURN_IF_ERROR(files.Publish(tree.Take(*note)));
  }
  // A new one, always: even that the one that was read has this name may not be durable.
  ST_ASSIGN_OR_RETURN(WalWriter wal, StartWal(env, directory, files, *note));
  return WriterState{std::move(tree), std::move(files), std::move(wal), *note};
}

absl::StatusOr<WalWriter> StartWal(Env& env, const std::string& directory, PublishedFiles& files,
                                   const std::string& checkpoint_note) {
  ST_RETURN_IF_ERROR(files.Sync());
  // Before the old write-ahead log goes: whichever of the two is there after a
  // crash, it reaches the state that `last` remembers.
  ST_RETURN_IF_ERROR(
      WriteFileDurably(env, JoinPath(directory, kLastFile), AsBytes(checkpoint_note)));
  ST_ASSIGN_OR_RETURN(WalWriter wal,
                      WalWriter::Create(env, JoinPath(directory, kWalFile), checkpoint_note));
  // Not before: the old one started from them, and recovery from it would write over the
  // full files that take their place.
  ST_RETURN_IF_ERROR(files.RemoveStale());
  return wal;
}

}  // namespace sealtrain::audit
