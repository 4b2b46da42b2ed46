// The Merkle tree of a published log, each hash proven against a signed root
// before it is handed out.
#ifndef SEALTRAIN_AUDIT_TILE_TREE_H_
#define SEALTRAIN_AUDIT_TILE_TREE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/tree_edge.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"

namespace sealtrain::audit {

// Keeps the right edge and one full tile of each level, so walking the leaves
// in order reads every tile once. Not thread-safe.
class TileTree {
 public:
  // DataLoss: the partial tiles are missing or do not give the signed root.
  static absl::StatusOr<TileTree> Open(Env& env, const std::string& log_directory,
                                       const Checkpoint& checkpoint);

  // The hashes of a tile, full or at the right edge; good until the next call.
  // Requires that the tree has the tile. DataLoss: missing or changed; says which.
  absl::StatusOr<absl::Span<const Digest>> Tile(int level, std::uint64_t index);

  // The root over the leaves [index << height, (index + 1) << height), which
  // the tree must have. DataLoss as above.
  absl::StatusOr<Digest> SubtreeHash(int height, std::uint64_t index);

  // Tiles read and proven so far, those at the edge included.
  std::uint64_t tiles_read() const { return tiles_read_; }

 private:
  TileTree(Env& env, std::string log_directory, TreeEdge edge);

  struct CachedTile {
    std::uint64_t index = 0;
    std::vector<Digest> hashes;  // empty: nothing cached
  };

  Env& env_;
  std::string directory_;
  TreeEdge edge_;
  std::array<CachedTile, kTileLevels> cache_;
  std::uint64_t tiles_read_ = 0;
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_TILE_TREE_H_
