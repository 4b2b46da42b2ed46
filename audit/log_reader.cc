#include "sealtrain/audit/log_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/audit/log_files.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/audit/tile_tree.h"
#include "sealtrain/audit/vkey_file.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

absl::Status Annotate(absl::string_view where, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(where, ": ", status.message()));
}

// A file that a log must have. DataLoss: as AsDamage().
absl::StatusOr<std::string> ReadRequired(Env& env, const std::string& directory,
                                         const std::string& name) {
  absl::StatusOr<std::string> text = env.ReadFile(JoinPath(directory, name), kMaxNoteBytes);
  if (!text.ok()) return AsDamage(text.status(), name);
  return text;
}

// Of a kept checkpoint, which is named by its size.
absl::Status SizeMismatch(const std::string& name, const Checkpoint& checkpoint) {
  return absl::DataLossError(absl::StrCat(name, ": signs size ", checkpoint.size));
}

class PublishedLog final : public LogReader {
 public:
  // `keys`: all that older checkpoints may be signed by.
  PublishedLog(Env& env, std::string directory, std::vector<VerifierKey> keys, std::string note,
               SignedCheckpoint verified)
      : env_(env),
        directory_(std::move(directory)),
        keys_(std::move(keys)),
        vkey_(FormatVkey(verified.key)),
        note_(std::move(note)),
        checkpoint_(std::move(verified.checkpoint)) {}

  const Checkpoint& checkpoint() const override { return checkpoint_; }
  const std::string& checkpoint_note() const override { return note_; }
  const std::string& vkey() const override { return vkey_; }
  const std::vector<VerifierKey>& keys() const override { return keys_; }

  absl::StatusOr<VerifyReport> Verify(const std::vector<KeptCheckpoint>& old_checkpoints) override;
  absl::Status ForEachBytes(
      std::uint64_t begin, std::uint64_t end,
      absl::FunctionRef<bool(std::uint64_t index, absl::string_view bytes)> visit) override;
  absl::Status CheckExtends(const KeptCheckpoint& old) override;
  absl::StatusOr<std::string> Prove(std::uint64_t index) override;
  absl::StatusOr<ProofHashes> ProveConsistency(std::uint64_t old_size) override;

 private:
  // A signed state of the past that the tree must have passed through.
  struct OldCheckpoint {
    Checkpoint checkpoint;
    std::string name;
  };

  // DataLoss: not signed by the log's key, or of more entries than the log has.
  absl::StatusOr<OldCheckpoint> ParseOld(const KeptCheckpoint& given) const;
  // By size.
  absl::StatusOr<std::vector<OldCheckpoint>> ParseGiven(
      const std::vector<KeptCheckpoint>& given) const;
  // Sizes of the checkpoints in checkpoints/, ascending. There may be as many as entries.
  absl::StatusOr<std::vector<std::uint64_t>> KeptSizes();
  absl::StatusOr<OldCheckpoint> ReadKept(std::uint64_t size);
  // `root`: over the first entries, as many as the checkpoint has.
  static absl::Status CheckOld(const OldCheckpoint& old, const Digest& root);

  // Compares the partial files that are still there for the tile or bundle
  // whose full file is `full_path` and has `width` items now. `prefix` gives
  // the bytes of its first so many items.
  absl::Status CheckPartials(const std::string& full_path, std::size_t width,
                             const std::function<ByteSpan(std::size_t)>& prefix);
  absl::Status CheckTilePartials(TileTree& tree, int level, std::uint64_t index);

  // The tree of checkpoint_, opened when it is first needed.
  absl::StatusOr<TileTree*> Tree();

  Env& env_;
  const std::string directory_;
  const std::vector<VerifierKey> keys_;
  const std::string vkey_;
  const std::string note_;
  const Checkpoint checkpoint_;
  std::optional<TileTree> tree_;
};

std::uint64_t TilesAtLevel(std::uint64_t size, int level) {
  return (HashesAtLevel(size, level) + kTileWidth - 1) / kTileWidth;
}

absl::StatusOr<VerifyReport> PublishedLog::Verify(
    const std::vector<KeptCheckpoint>& old_checkpoints) {
  ST_ASSIGN_OR_RETURN(const std::vector<OldCheckpoint> given, ParseGiven(old_checkpoints));
  ST_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> kept, KeptSizes());
  ST_ASSIGN_OR_RETURN(TileTree tree, TileTree::Open(env_, directory_, checkpoint_));

  auto next_given = given.begin();
  auto next_kept = kept.begin();
  // Checks those of up to `end` entries. `root_of` is asked for ascending sizes.
  const auto check_old =
      [&](std::uint64_t end,
          absl::FunctionRef<Digest(crypto::MerkleAccumulator&, std::uint64_t)> root_of) {
        crypto::MerkleAccumulator for_given;
        for (; next_given != given.end() && next_given->checkpoint.size <= end; ++next_given) {
          ST_RETURN_IF_ERROR(
              CheckOld(*next_given, root_of(for_given, next_given->checkpoint.size)));
        }
        crypto::MerkleAccumulator for_kept;
        for (; next_kept != kept.end() && *next_kept <= end; ++next_kept) {
          ST_ASSIGN_OR_RETURN(const OldCheckpoint old, ReadKept(*next_kept));
          ST_RETURN_IF_ERROR(CheckOld(old, root_of(for_kept, *next_kept)));
        }
        return absl::OkStatus();
      };
  ST_RETURN_IF_ERROR(
      check_old(0, [](crypto::MerkleAccumulator&, std::uint64_t) { return crypto::Sha256({}); }));
  // Tiles lead to the signed root and entries to their tiles, so that nothing else is
  // left to show of the newest size.
  crypto::MerkleAccumulator full_tiles;
  for (std::uint64_t block = 0; block < TilesAtLevel(checkpoint_.size, 0); ++block) {
    ST_ASSIGN_OR_RETURN(const auto leaf_hashes, tree.Tile(0, block));
    ST_ASSIGN_OR_RETURN(const Bundle bundle, Bundle::Read(env_, directory_, block, leaf_hashes));
    ST_RETURN_IF_ERROR(CheckPartials(BundlePath({.index = block}), bundle.size(),
                                     [&](std::size_t n) { return AsBytes(bundle.prefix(n)); }));
    // What an old checkpoint must have signed: the full tiles before, by their roots,
    // and those leaves of this one that there were.
    ST_RETURN_IF_ERROR(check_old(block * kTileWidth + leaf_hashes.size(),
                                 [&](crypto::MerkleAccumulator& leaves, std::uint64_t size) {
                                   const std::uint64_t wanted = size - block * kTileWidth;
                                   while (leaves.size() < wanted)
                                     leaves.Append(leaf_hashes[leaves.size()]);
                                   return full_tiles.RootWith(leaves.Root());
                                 }));
    if (leaf_hashes.size() < kTileWidth) break;
    ST_ASSIGN_OR_RETURN(const auto parents, tree.Tile(1, block / kTileWidth));
    full_tiles.Append(parents[block % kTileWidth]);
  }
  for (int level = 0; level < kTileLevels; ++level) {
    for (std::uint64_t index = 0; index < TilesAtLevel(checkpoint_.size, level); ++index) {
      ST_RETURN_IF_ERROR(CheckTilePartials(tree, level, index));
    }
  }
  return VerifyReport{.checkpoint = checkpoint_,
                      .entries = checkpoint_.size,
                      .tiles = tree.tiles_read(),
                      .older_checkpoints = given.size() + kept.size()};
}

absl::Status PublishedLog::CheckOld(const OldCheckpoint& old, const Digest& root) {
  if (old.checkpoint.root == root) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(old.name, ": signs another history: its root of size ",
                                          old.checkpoint.size,
                                          " is not that of the log's first entries"));
}

absl::StatusOr<PublishedLog::OldCheckpoint> PublishedLog::ParseOld(
    const KeptCheckpoint& given) const {
  absl::StatusOr<SignedCheckpoint> verified = VerifyCheckpoint(given.note, keys_);
  if (!verified.ok()) return Annotate(given.name, verified.status());
  Checkpoint* const checkpoint = &verified->checkpoint;
  if (checkpoint->size > checkpoint_.size) {
    return absl::DataLossError(absl::StrCat(given.name, ": signs size ", checkpoint->size,
                                            ", but the log has size ", checkpoint_.size,
                                            ": rolled back or truncated"));
  }
  return OldCheckpoint{std::move(*checkpoint), given.name};
}

absl::StatusOr<std::vector<PublishedLog::OldCheckpoint>> PublishedLog::ParseGiven(
    const std::vector<KeptCheckpoint>& given) const {
  std::vector<OldCheckpoint> old;
  for (const KeptCheckpoint& kept : given) {
    ST_ASSIGN_OR_RETURN(OldCheckpoint parsed, ParseOld(kept));
    old.push_back(std::move(parsed));
  }
  std::stable_sort(old.begin(), old.end(), [](const OldCheckpoint& a, const OldCheckpoint& b) {
    return a.checkpoint.size < b.checkpoint.size;
  });
  return old;
}

absl::StatusOr<std::vector<std::uint64_t>> PublishedLog::KeptSizes() {
  const auto names = env_.List(JoinPath(directory_, kCheckpointsFolder));
  if (!names.ok()) return AsDamage(names.status(), kCheckpointsFolder);
  // A running writer may be ahead of us. But it moves `checkpoint` before it
  // keeps a copy, so no copy is ahead of what is there by now.
  ST_ASSIGN_OR_RETURN(const std::string now_note, ReadRequired(env_, directory_, kCheckpointFile));
  const absl::StatusOr<SignedCheckpoint> now = VerifyCheckpoint(now_note, keys_);
  if (!now.ok()) return Annotate(kCheckpointFile, now.status());
  const std::uint64_t now_size = now->checkpoint.size;

  std::vector<std::uint64_t> sizes;
  for (const std::string& file : *names) {
    const std::optional<std::uint64_t> size = DecodeDecimal(file);
    if (!size) continue;
    if (*size > now_size) {
      return absl::DataLossError(absl::StrCat(kCheckpointFile, ": signs size ", now_size,
                                              ", but there is ", kCheckpointsFolder, "/", file,
                                              ": rolled back or truncated"));
    }
    if (*size <= checkpoint_.size) sizes.push_back(*size);
  }
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

absl::StatusOr<PublishedLog::OldCheckpoint> PublishedLog::ReadKept(std::uint64_t size) {
  std::string name = absl::StrCat(kCheckpointsFolder, "/", size);
  ST_ASSIGN_OR_RETURN(const std::string note, ReadRequired(env_, directory_, name));
  absl::StatusOr<SignedCheckpoint> verified = VerifyCheckpoint(note, keys_);
  if (!verified.ok()) return Annotate(name, verified.status());
  if (verified->checkpoint.size != size) return SizeMismatch(name, verified->checkpoint);
  return OldCheckpoint{std::move(verified->checkpoint), std::move(name)};
}

absl::Status PublishedLog::CheckPartials(const std::string& full_path, std::size_t width,
                                         const std::function<ByteSpan(std::size_t)>& prefix) {
  const std::string folder = PartialsPath(full_path);
  const auto names = env_.List(JoinPath(directory_, folder));
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  if (!names.ok()) return AsDamage(names.status(), folder);
  for (const std::string& name : *names) {
    const std::optional<std::uint64_t> count = DecodeDecimal(name);
    // Wider ones are of a checkpoint newer than ours.
    if (!count || *count == 0 || *count > width) continue;
    const std::string path = JoinPath(folder, name);
    const ByteSpan expected = prefix(*count);
    const auto actual = env_.ReadFile(JoinPath(directory_, path), expected.size());
    if (absl::IsNotFound(actual.status())) continue;  // the full one came between
    if (!actual.ok() && !absl::IsOutOfRange(actual.status())) {
      return AsDamage(actual.status(), path);
    }
    if (!actual.ok() || AsBytes(*actual) != expected) {
      return absl::DataLossError(absl::StrCat(path, ": was changed"));
    }
  }
  return absl::OkStatus();
}

absl::Status PublishedLog::CheckTilePartials(TileTree& tree, int level, std::uint64_t index) {
  const std::string full_path = TilePath({.level = level, .index = index});
  if (!env_.Exists(JoinPath(directory_, PartialsPath(full_path)))) return absl::OkStatus();
  ST_ASSIGN_OR_RETURN(const auto hashes, tree.Tile(level, index));
  const Bytes bytes = EncodeTile(hashes);
  return CheckPartials(full_path, hashes.size(),
                       [&](std::size_t n) { return ByteSpan(bytes).first(n * sizeof(Digest)); });
}

absl::Status PublishedLog::ForEachBytes(
    std::uint64_t begin, std::uint64_t end,
    absl::FunctionRef<bool(std::uint64_t index, absl::string_view bytes)> visit) {
  if (begin > end || end > checkpoint_.size) {
    return absl::OutOfRangeError(
        absl::StrCat("no entries ", begin, " to ", end, " in a log of size ", checkpoint_.size));
  }
  ST_ASSIGN_OR_RETURN(TileTree* const tree, Tree());
  for (std::uint64_t index = begin; index < end;) {
    const std::uint64_t block = index / kTileWidth;
    ST_ASSIGN_OR_RETURN(const auto leaf_hashes, tree->Tile(0, block));
    ST_ASSIGN_OR_RETURN(const Bundle bundle, Bundle::Read(env_, directory_, block, leaf_hashes));
    const std::uint64_t block_end = std::min(end, block * kTileWidth + bundle.size());
    for (; index < block_end; ++index) {
      if (!visit(index, bundle.entry(index % kTileWidth))) return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<TileTree*> PublishedLog::Tree() {
  if (!tree_.has_value()) {
    ST_ASSIGN_OR_RETURN(TileTree tree, TileTree::Open(env_, directory_, checkpoint_));
    tree_.emplace(std::move(tree));
  }
  return &*tree_;
}

absl::Status PublishedLog::CheckExtends(const KeptCheckpoint& old) {
  ST_ASSIGN_OR_RETURN(const OldCheckpoint kept, ParseOld(old));
  if (kept.checkpoint.size == 0) return CheckOld(kept, crypto::Sha256({}));
  ST_ASSIGN_OR_RETURN(TileTree* const tree, Tree());
  ST_ASSIGN_OR_RETURN(const Digest root,
                      RootOf(kept.checkpoint.size, [&](int height, std::uint64_t subtree) {
                        return tree->SubtreeHash(height, subtree);
                      }));
  return CheckOld(kept, root);
}

absl::StatusOr<std::string> PublishedLog::Prove(std::uint64_t index) {
  ST_ASSIGN_OR_RETURN(TileTree* const tree, Tree());
  TlogProof proof{.extra = {}, .index = index, .hashes = {}, .checkpoint_note = note_};
  ST_ASSIGN_OR_RETURN(
      proof.hashes, ProveInclusion(index, checkpoint_.size, [&](int height, std::uint64_t subtree) {
        return tree->SubtreeHash(height, subtree);
      }));
  return FormatTlogProof(proof);
}

absl::StatusOr<ProofHashes> PublishedLog::ProveConsistency(std::uint64_t old_size) {
  ST_ASSIGN_OR_RETURN(TileTree* const tree, Tree());
  return audit::ProveConsistency(
      old_size, checkpoint_.size,
      [&](int height, std::uint64_t subtree) { return tree->SubtreeHash(height, subtree); });
}

}  // namespace

std::uint64_t SignedSize(const KeptCheckpoint& kept, absl::Span<const VerifierKey> keys) {
  const absl::StatusOr<SignedCheckpoint> verified = VerifyCheckpoint(kept.note, keys);
  return verified.ok() ? verified->checkpoint.size : 0;
}

absl::Status LogReader::ForEach(std::uint64_t begin, std::uint64_t end,
                                const std::function<bool(const Entry&)>& visit) {
  Entry entry;
  absl::Status decoded;
  ST_RETURN_IF_ERROR(ForEachBytes(begin, end, [&](std::uint64_t index, absl::string_view bytes) {
    decoded = DecodeEvent(bytes, entry.event);
    if (!decoded.ok()) {
      decoded = Annotate(absl::StrCat("entry ", index), decoded);
      return false;
    }
    entry.index = index;
    entry.bytes.assign(bytes.data(), bytes.size());
    return visit(entry);
  }));
  return decoded;
}

absl::StatusOr<std::unique_ptr<LogReader>> LogReader::Open(
    Env& env, const std::string& directory, const std::vector<std::string>& trusted_vkeys,
    std::optional<std::uint64_t> size) {
  if (!env.Exists(JoinPath(directory, kVkeyFile)) &&
      !env.Exists(JoinPath(directory, kCheckpointFile))) {
    return absl::NotFoundError(absl::StrCat("no audit log in ", directory));
  }
  ST_ASSIGN_OR_RETURN(std::vector<VerifierKey> trusted, ParseVkeys(trusted_vkeys));
  ST_ASSIGN_OR_RETURN(const std::string vkey_text, ReadRequired(env, directory, kVkeyFile));
  absl::StatusOr<std::vector<VerifierKey>> keys = ParseVkeyFile(vkey_text);
  if (!keys.ok()) return Annotate(kVkeyFile, keys.status());
  if (trusted.empty()) {
    trusted = *keys;
  } else if (std::find_first_of(keys->begin(), keys->end(), trusted.begin(), trusted.end()) ==
             keys->end()) {
    return absl::DataLossError(absl::StrCat(kVkeyFile, ": not the trusted verifier key"));
  }
  const std::string file = size ? KeptCheckpointPath(*size) : std::string(kCheckpointFile);
  if (size && !env.Exists(JoinPath(directory, file))) {
    return absl::OutOfRangeError(absl::StrCat("no checkpoint of size ", *size, " was kept"));
  }
  ST_ASSIGN_OR_RETURN(std::string note, ReadRequired(env, directory, file));
  absl::StatusOr<SignedCheckpoint> verified = VerifyCheckpoint(note, trusted);
  if (!verified.ok()) {
    const absl::StatusOr<SignedCheckpoint> by_another = VerifyCheckpoint(note, *keys);
    if (!by_another.ok()) return Annotate(file, verified.status());
    return absl::DataLossError(
        absl::StrCat(file, ": signed by ", Printable(FormatVkey(by_another->key)),
                     ", which log.vkey names and you did not: if you know from elsewhere that it "
                     "is a key of the log, name it as well"));
  }
  if (size && verified->checkpoint.size != *size) return SizeMismatch(file, verified->checkpoint);
  for (VerifierKey& key : trusted) {
    if (std::find(keys->begin(), keys->end(), key) == keys->end()) keys->push_back(std::move(key));
  }
  return std::make_unique<PublishedLog>(env, directory, *std::move(keys), std::move(note),
                                        *std::move(verified));
}

}  // namespace sealtrain::audit
