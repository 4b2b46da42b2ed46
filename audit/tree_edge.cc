#include "sealtrain/audit/tree_edge.h"

#include <utility>

#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {

TreeEdge::TreeEdge(Tiles tiles) : tiles_(std::move(tiles)) {
  for (int level = kTileLevels - 1; level >= 0; --level) {
    absl::Span<const Digest> rest = partial_tile(level);
    size_ |= static_cast<std::uint64_t>(rest.size()) << (kTileHeight * level);
    for (std::size_t width = kTileWidth / 2; width > 0; width /= 2) {
      if (rest.size() < width) continue;
      peaks_.push_back(PerfectRoot(rest.first(width)));
      rest.remove_prefix(width);
    }
  }
}

void TreeEdge::Append(
    const Digest& leaf_hash,
    absl::FunctionRef<void(const TileId&, absl::Span<const Digest>)> on_full_tile) {
  Digest hash = leaf_hash;
  tiles_[0].push_back(hash);
  // As in adding one to a binary counter: every 1 at its end is a peak that the
  // new subtree merges with.
  int height = 0;
  for (std::uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
    hash = crypto::MerkleNodeHash(peaks_.back(), hash);
    peaks_.pop_back();
    ++height;
    if (height % kTileHeight != 0) continue;
    const int level = height / kTileHeight;
    std::vector<Digest>& full = tiles_[static_cast<std::size_t>(level - 1)];
    on_full_tile(TileId{.level = level - 1, .index = size_ >> height}, full);
    full.clear();
    tiles_[static_cast<std::size_t>(level)].push_back(hash);
  }
  peaks_.push_back(hash);
  ++size_;
}

Digest TreeEdge::Root() const {
  if (peaks_.empty()) return crypto::Sha256({});
  Digest root = peaks_.back();
  for (auto peak = peaks_.rbegin() + 1; peak != peaks_.rend(); ++peak) {
    root = crypto::MerkleNodeHash(*peak, root);
  }
  return root;
}

}  // namespace sealtrain::audit
