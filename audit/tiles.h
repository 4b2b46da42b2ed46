// The geometry of C2SP tlog-tiles: which hash lies in which file, and how the
// files are laid out. docs/formats/audit-log.md, "Tiles and entry bundles".
#ifndef SEALTRAIN_AUDIT_TILES_H_
#define SEALTRAIN_AUDIT_TILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::audit {

inline constexpr int kTileHeight = 8;
inline constexpr std::uint32_t kTileWidth = 1u << kTileHeight;
// Sizes are below 2^63, so levels 0 to 7 hold every hash.
inline constexpr int kTileLevels = 8;

// A tile of hashes, or the bundle of entries over the same leaves as the tile
// of level 0. Width kTileWidth is full, less is partial.
struct TileId {
  int level = 0;
  std::uint64_t index = 0;
  std::uint32_t width = kTileWidth;
};

// Hashes of level `level` in a tree of `size` leaves: those of full subtrees.
inline std::uint64_t HashesAtLevel(std::uint64_t size, int level) {
  return size >> (kTileHeight * level);
}
// Width of the partial tile at `level`; 0: there is none.
inline std::uint32_t PartialWidth(std::uint64_t size, int level) {
  return static_cast<std::uint32_t>(HashesAtLevel(size, level) % kTileWidth);
}

// Paths below the log's root: "tile/0/x001/234.p/17".
std::string TilePath(const TileId& tile);
// tile.level must be 0.
std::string BundlePath(const TileId& tile);
// The folder of the partial forms of a tile or bundle at `path` (a full one's).
std::string PartialsPath(absl::string_view path);

// The root of the subtree over `hashes`, whose number is a power of two.
Digest PerfectRoot(absl::Span<const Digest> hashes);

// A tile's bytes: its hashes one after the other. DataLoss: not `width` of them.
Bytes EncodeTile(absl::Span<const Digest> hashes);
absl::StatusOr<std::vector<Digest>> ParseTile(ByteSpan bytes, std::uint32_t width);

// A bundle's bytes: for each entry its length (two bytes) and itself.
void AppendToBundle(absl::string_view entry, std::string& bundle);
// Views into `bundle`, `width` of them. DataLoss: truncated, or another number.
absl::StatusOr<std::vector<absl::string_view>> ParseBundle(absl::string_view bundle,
                                                           std::uint32_t width);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_TILES_H_
