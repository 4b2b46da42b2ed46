// Grows the tree of a log in memory, and tells what files that makes.
//
// It knows nothing of signatures and writes nothing: PublishedFiles does.
#ifndef SEALTRAIN_AUDIT_TREE_WRITER_H_
#define SEALTRAIN_AUDIT_TREE_WRITER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/published_files.h"
#include "sealtrain/audit/tiles.h"
#include "sealtrain/audit/tree_edge.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"

namespace sealtrain::audit {

// Not thread-safe.
class TreeWriter {
 public:
  // Reads the right edge of the tree that `checkpoint` signs, and proves it.
  // DataLoss: its files are missing or do not give that root.
  static absl::StatusOr<TreeWriter> Load(Env& env, const std::string& log_directory,
                                         const Checkpoint& checkpoint);

  // Appends an entry. At most 65,535 bytes.
  void Add(absl::string_view entry);
  std::uint64_t size() const { return edge_.size(); }
  Digest Root() const { return edge_.Root(); }

  // The partial tiles of this size that were not taken yet. That of level 0 stands for a
  // bundle as well.
  std::vector<TileId> NewPartials() const;
  // What was not taken yet, with `checkpoint_note`, which signs size() and Root(): to be
  // published before what is taken next.
  Publication Take(std::string checkpoint_note);

 private:
  TreeEdge edge_;
  std::string tail_bundle_;  // the entries after the last full bundle
  // Full files not yet taken, by path.
  std::map<std::string, Bytes> full_;
  // The level-l hashes that the partial tile held when it was last taken are known
  // by the size it had then.
  std::uint64_t taken_size_ = 0;
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_TREE_WRITER_H_
