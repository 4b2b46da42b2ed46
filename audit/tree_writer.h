// Grows the published files of a log: entry bundles, tiles and checkpoints.
//
// It knows nothing of signatures and the write-ahead log; the writer above it
// makes entries durable first. Order of publication: bundles, tiles, then the
// checkpoint that names them. Each file appears at once, by rename, so a reader
// never sees half of one.
#ifndef SEALTRAIN_AUDIT_TREE_WRITER_H_
#define SEALTRAIN_AUDIT_TREE_WRITER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/tree_edge.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"

namespace sealtrain::audit {

// Not thread-safe. After an error, of unknown state for good.
class TreeWriter {
 public:
  // Reads the right edge of the tree that `checkpoint` signs, and proves it.
  // DataLoss: its files are missing or do not give that root.
  static absl::StatusOr<TreeWriter> Load(Env& env, std::string log_directory,
                                         const Checkpoint& checkpoint);

  // Appends an entry in memory. At most 65,535 bytes.
  void Add(absl::string_view entry);
  std::uint64_t size() const { return edge_.size(); }
  Digest Root() const { return edge_.Root(); }

  // Writes what Add() changed, then `checkpoint_note`, which signs size() and
  // Root(). Visible on return, durable only after Sync(). Not `newest`: a larger tree is
  // published already, and readers must not see it go back.
  absl::Status Publish(absl::string_view checkpoint_note, bool newest = true);

  // Makes durable all that was published.
  absl::Status Sync();
  // Removes partial files whose full ones were durable at the last Sync(). To be called
  // once no write-ahead log is there that starts from them.
  absl::Status RemoveStale();

 private:
  TreeWriter(Env& env, std::string log_directory)
      : env_(env), directory_(std::move(log_directory)) {}

  absl::Status WriteFile(const std::string& path, ByteSpan bytes);
  absl::Status WriteFull();
  absl::Status WritePartials();
  absl::Status RemoveStalePartials(const std::string& full_path);

  Env& env_;
  std::string directory_;
  TreeEdge edge_;
  std::string tail_bundle_;  // the entries after the last full bundle

  // Full files not yet written, by path.
  std::map<std::string, Bytes> full_;
  // The level-l hashes that the published partial tile holds are known by the
  // size it was published at.
  std::uint64_t published_size_ = 0;
  // Written since the last Sync().
  std::set<std::string> unsynced_;
  std::vector<std::string> completed_;  // full tiles and bundles among them
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_TREE_WRITER_H_
