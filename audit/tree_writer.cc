#include "sealtrain/audit/tree_writer.h"

#include <utility>

#include "sealtrain/audit/log_files.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

Bytes ToBytes(absl::string_view text) {
  const ByteSpan bytes = AsBytes(text);
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace

absl::StatusOr<TreeWriter> TreeWriter::Load(Env& env, const std::string& log_directory,
                                            const Checkpoint& checkpoint) {
  TreeWriter writer;
  ST_ASSIGN_OR_RETURN(writer.edge_, ReadEdge(env, log_directory, checkpoint));
  const std::vector<Digest>& leaf_hashes = writer.edge_.partial_tile(0);
  if (!leaf_hashes.empty()) {
    ST_ASSIGN_OR_RETURN(
        const Bundle bundle,
        Bundle::Read(env, log_directory, checkpoint.size / kTileWidth, leaf_hashes));
    writer.tail_bundle_ = std::string(bundle.prefix(bundle.size()));
  }
  writer.taken_size_ = checkpoint.size;
  return writer;
}

void TreeWriter::Add(absl::string_view entry) {
  AppendToBundle(entry, tail_bundle_);
  edge_.Append(crypto::MerkleLeafHash(AsBytes(entry)),
               [this](const TileId& tile, absl::Span<const Digest> hashes) {
                 if (tile.level == 0) {
                   full_[BundlePath(tile)] = ToBytes(tail_bundle_);
                   tail_bundle_.clear();
                 }
                 full_[TilePath(tile)] = EncodeTile(hashes);
               });
}

std::vector<TileId> TreeWriter::NewPartials() const {
  std::vector<TileId> tiles;
  for (int level = 0; level < kTileLevels; ++level) {
    const std::uint64_t hashes = HashesAtLevel(size(), level);
    const TileId tile{
        .level = level, .index = hashes / kTileWidth, .width = PartialWidth(size(), level)};
    if (tile.width == 0 || hashes == HashesAtLevel(taken_size_, level)) continue;
    tiles.push_back(tile);
  }
  return tiles;
}

Publication TreeWriter::Take(std::string checkpoint_note) {
  Publication publication{.size = size(),
                          .full = std::exchange(full_, {}),
                          .partial = {},
                          .checkpoint_note = std::move(checkpoint_note)};
  for (const TileId& tile : NewPartials()) {
    if (tile.level == 0) publication.partial[BundlePath(tile)] = ToBytes(tail_bundle_);
    publication.partial[TilePath(tile)] = EncodeTile(edge_.partial_tile(tile.level));
  }
  taken_size_ = size();
  return publication;
}

}  // namespace sealtrain::audit
