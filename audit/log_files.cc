#include "sealtrain/audit/log_files.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

constexpr std::uint64_t kEntryLengthBytes = 2;
// A foreign log may hold the longest entries that a bundle can.
constexpr std::uint64_t kMaxFileBytes = kTileWidth * (kEntryLengthBytes + 0xFFFF);

struct File {
  std::string path;
  std::string bytes;
  std::uint32_t width;
};

absl::StatusOr<File> ReadPartialOrFull(Env& env, const std::string& log_directory,
                                       std::string (*path_of)(const TileId&), TileId tile) {
  const std::string wanted = path_of(tile);
  while (true) {
    std::string path = path_of(tile);
    absl::StatusOr<std::string> bytes = env.ReadFile(JoinPath(log_directory, path), kMaxFileBytes);
    if (bytes.ok()) return File{std::move(path), *std::move(bytes), tile.width};
    if (!absl::IsNotFound(bytes.status())) return AsDamage(bytes.status(), path);
    if (tile.width == kTileWidth) return AsDamage(bytes.status(), wanted);
    tile.width = kTileWidth;
  }
}

absl::Status InFile(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace

absl::Status AsDamage(const absl::Status& error, absl::string_view name) {
  const auto damage = [name](const char* what) {
    return absl::DataLossError(absl::StrCat(name, ": ", what));
  };
  if (absl::IsNotFound(error)) return damage("missing");
  if (absl::IsOutOfRange(error)) return damage("too long");
  if (IsOfAnotherKind(error)) return damage("something else than a file or a folder of the log");
  return error;
}

std::string KeptCheckpointPath(std::uint64_t size) {
  return absl::StrCat(kCheckpointsFolder, "/", size);
}

absl::StatusOr<std::vector<Digest>> ReadTile(Env& env, const std::string& log_directory,
                                             const TileId& tile) {
  ST_ASSIGN_OR_RETURN(const File file, ReadPartialOrFull(env, log_directory, TilePath, tile));
  auto hashes = ParseTile(AsBytes(file.bytes), file.width);
  if (!hashes.ok()) return InFile(file.path, hashes.status());
  hashes->resize(tile.width);
  return hashes;
}

absl::StatusOr<TreeEdge> ReadEdge(Env& env, const std::string& log_directory,
                                  const Checkpoint& checkpoint) {
  TreeEdge::Tiles tiles;
  for (int level = 0; level < kTileLevels; ++level) {
    const TileId tile{.level = level,
                      .index = HashesAtLevel(checkpoint.size, level) / kTileWidth,
                      .width = PartialWidth(checkpoint.size, level)};
    if (tile.width == 0) continue;
    ST_ASSIGN_OR_RETURN(tiles[static_cast<std::size_t>(level)], ReadTile(env, log_directory, tile));
  }
  TreeEdge edge(std::move(tiles));
  if (edge.Root() != checkpoint.root) {
    return absl::DataLossError(absl::StrCat("the partial tiles of the tree of size ",
                                            checkpoint.size, " do not give its signed root"));
  }
  return edge;
}

absl::StatusOr<Bundle> Bundle::Read(Env& env, const std::string& log_directory, std::uint64_t index,
                                    absl::Span<const Digest> leaf_hashes) {
  const TileId tile{.index = index, .width = static_cast<std::uint32_t>(leaf_hashes.size())};
  ST_ASSIGN_OR_RETURN(File file, ReadPartialOrFull(env, log_directory, BundlePath, tile));
  Bundle bundle;
  bundle.bytes_ = std::move(file.bytes);
  const auto entries = ParseBundle(bundle.bytes_, file.width);
  if (!entries.ok()) return InFile(file.path, entries.status());
  for (std::size_t i = 0; i < tile.width; ++i) {
    const absl::string_view entry = (*entries)[i];
    const auto offset = static_cast<std::size_t>(entry.data() - bundle.bytes_.data());
    if (crypto::MerkleLeafHash(AsBytes(entry)) != leaf_hashes[i]) {
      return absl::DataLossError(absl::StrCat(file.path, ": entry ", index * kTileWidth + i,
                                              " at byte ", offset - kEntryLengthBytes,
                                              " is not the one that was logged"));
    }
    bundle.entries_.push_back({offset, entry.size()});
  }
  return bundle;
}

absl::string_view Bundle::prefix(std::size_t count) const {
  const Place& last = entries_[count - 1];
  return absl::string_view(bytes_).substr(0, last.offset + last.size);
}

}  // namespace sealtrain::audit
