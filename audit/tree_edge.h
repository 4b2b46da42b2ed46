// The right edge of a growing Merkle tree: all that is needed to append leaves
// and to know the root, in memory logarithmic in the tree's size.
#ifndef SEALTRAIN_AUDIT_TREE_EDGE_H_
#define SEALTRAIN_AUDIT_TREE_EDGE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "sealtrain/audit/tiles.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::audit {

// Invariants: peaks_ holds the roots of the perfect subtrees that size_ splits
// into, largest first; tiles_[l] the hashes of the partial tile at level l, so
// PartialWidth(size_, l) of them. Not thread-safe.
class TreeEdge {
 public:
  using Tiles = std::array<std::vector<Digest>, kTileLevels>;

  // The empty tree.
  TreeEdge() = default;
  // The tree with these partial tiles, each of less than kTileWidth hashes.
  explicit TreeEdge(Tiles tiles);

  // Appends a leaf, and calls `on_full_tile` for each tile that this fills,
  // lowest level first.
  void Append(const Digest& leaf_hash,
              absl::FunctionRef<void(const TileId&, absl::Span<const Digest>)> on_full_tile);

  std::uint64_t size() const { return size_; }
  // Of the empty tree: SHA-256 of the empty string.
  Digest Root() const;
  const std::vector<Digest>& partial_tile(int level) const {
    return tiles_[static_cast<std::size_t>(level)];
  }

 private:
  std::uint64_t size_ = 0;
  std::vector<Digest> peaks_;
  Tiles tiles_;
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_TREE_EDGE_H_
