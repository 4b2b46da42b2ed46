#include "sealtrain/audit/tile_tree.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/log_files.h"
#include "sealtrain/audit/tiles.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::audit {

absl::StatusOr<TileTree> TileTree::Open(Env& env, const std::string& log_directory,
                                        const Checkpoint& checkpoint) {
  ST_ASSIGN_OR_RETURN(TreeEdge edge, ReadEdge(env, log_directory, checkpoint));
  return TileTree(env, log_directory, std::move(edge));
}

TileTree::TileTree(Env& env, std::string log_directory, TreeEdge edge)
    : env_(env), directory_(std::move(log_directory)), edge_(std::move(edge)) {
  for (int level = 0; level < kTileLevels; ++level) {
    if (!edge_.partial_tile(level).empty()) ++tiles_read_;
  }
}

absl::StatusOr<absl::Span<const Digest>> TileTree::Tile(int level, std::uint64_t index) {
  if (index == HashesAtLevel(edge_.size(), level) / kTileWidth) {
    return absl::Span<const Digest>(edge_.partial_tile(level));
  }
  CachedTile& cached = cache_[static_cast<std::size_t>(level)];
  if (cached.hashes.empty() || cached.index != index) {
    cached.hashes.clear();
    // Proven from above: the top tile is at the edge, which the root proves.
    ST_ASSIGN_OR_RETURN(const auto parent, Tile(level + 1, index / kTileWidth));
    const TileId tile{.level = level, .index = index};
    ST_ASSIGN_OR_RETURN(std::vector<Digest> hashes, ReadTile(env_, directory_, tile));
    if (PerfectRoot(hashes) != parent[index % kTileWidth]) {
      return absl::DataLossError(
          absl::StrCat(TilePath(tile), ": its hashes do not lead to the signed root"));
    }
    cached = {index, std::move(hashes)};
    ++tiles_read_;
  }
  return absl::Span<const Digest>(cached.hashes);
}

absl::StatusOr<Digest> TileTree::SubtreeHash(int height, std::uint64_t index) {
  const int level = height / kTileHeight;
  const std::uint64_t count = std::uint64_t{1} << (height % kTileHeight);
  const std::uint64_t first = index * count;  // among the hashes of the level
  ST_ASSIGN_OR_RETURN(const auto tile, Tile(level, first / kTileWidth));
  return PerfectRoot(tile.subspan(first % kTileWidth, count));
}

}  // namespace sealtrain::audit
