// Names of a log's files, and reading those that grow.
#ifndef SEALTRAIN_AUDIT_LOG_FILES_H_
#define SEALTRAIN_AUDIT_LOG_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/tiles.h"
#include "sealtrain/audit/tree_edge.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"

namespace sealtrain::audit {

// Below the log's root.
inline constexpr char kCheckpointFile[] = "checkpoint";
inline constexpr char kCheckpointsFolder[] = "checkpoints";
inline constexpr char kCosignedSuffix[] = ".cosigned";  // of a kept checkpoint's file
inline constexpr char kVkeyFile[] = "log.vkey";
inline constexpr char kTileFolder[] = "tile";
inline constexpr char kStateFolder[] = ".state";  // private to the writer
inline constexpr char kLockFile[] = ".state/lock";
inline constexpr char kWalFile[] = ".state/wal";
inline constexpr char kLastFile[] = ".state/last";

// What `error`, of reading the file or folder `name` below a log's root, says of the log.
// DataLoss: it is missing, too long, or something else is there. All else as it is: whoever
// may not read a log has not seen that it was changed.
absl::Status AsDamage(const absl::Status& error, absl::string_view name);

// Where the checkpoint of that size is kept, below the log's root.
std::string KeptCheckpointPath(std::uint64_t size);

// The first tile.width hashes of a tile, as they are: compare them with a
// signed root. Where the partial file is gone, the full one serves.
// DataLoss: neither is there, or not of the right size.
absl::StatusOr<std::vector<Digest>> ReadTile(Env& env, const std::string& log_directory,
                                             const TileId& tile);

// The partial tiles of the tree that `checkpoint` signs, proven by its root.
// DataLoss: as above, or they do not give that root.
absl::StatusOr<TreeEdge> ReadEdge(Env& env, const std::string& log_directory,
                                  const Checkpoint& checkpoint);

// Entries of one bundle.
class Bundle {
 public:
  // The first leaf_hashes.size() entries of bundle `index`, each proven by its
  // hash. Where the partial file is gone, the full one serves.
  // DataLoss: neither is there, not of so many entries, or an entry of another
  // hash; names file, entry and byte.
  static absl::StatusOr<Bundle> Read(Env& env, const std::string& log_directory,
                                     std::uint64_t index, absl::Span<const Digest> leaf_hashes);

  std::size_t size() const { return entries_.size(); }
  absl::string_view entry(std::size_t i) const {
    return absl::string_view(bytes_).substr(entries_[i].offset, entries_[i].size);
  }
  // The bytes of a bundle of the first `count` entries.
  absl::string_view prefix(std::size_t count) const;

 private:
  struct Place {
    std::size_t offset;
    std::size_t size;
  };
  std::string bytes_;
  std::vector<Place> entries_;
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_LOG_FILES_H_
