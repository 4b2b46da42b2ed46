// The published files of a log: entry bundles, tiles and checkpoints.
//
// It knows nothing of signatures and the write-ahead log; the writer above it
// makes entries durable first. Order of publication: bundles and tiles, then the
// checkpoint that names them. Each file appears at once, by rename, so a reader
// never sees half of one.
#ifndef SEALTRAIN_AUDIT_PUBLISHED_FILES_H_
#define SEALTRAIN_AUDIT_PUBLISHED_FILES_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"

namespace sealtrain::audit {

// What is to be published of a tree. Files are named by their paths below the log.
struct Publication {
  std::uint64_t size = 0;                // of the tree
  std::map<std::string, Bytes> full;     // bundles and tiles that were filled
  std::map<std::string, Bytes> partial;  // the partial ones of this size that are new
  std::string checkpoint_note;           // signs the tree

  // The tree has not grown.
  bool empty() const { return full.empty() && partial.empty(); }
};

// Not thread-safe. After an error of unknown state for good; but where IsDiskFull(), the same
// call may be made again, and must be before any other.
class PublishedFiles {
 public:
  PublishedFiles(Env& env, std::string log_directory)
      : env_(&env), directory_(std::move(log_directory)) {}

  // Writes the files, then the checkpoint. Visible on return, durable only after Sync().
  // Not `newest`: a larger tree is published already, and readers must not see it go back.
  absl::Status Publish(const Publication& publication, bool newest = true);

  // Makes durable all that was published.
  absl::Status Sync();
  // Removes partial files whose full ones were durable at the last Sync(). To be called
  // once no write-ahead log is there that starts from them.
  absl::Status RemoveStale();

 private:
  absl::Status WriteFile(const std::string& path, ByteSpan bytes);
  absl::Status WriteFull(const std::string& path, ByteSpan bytes);
  absl::Status RemoveStalePartials(const std::string& full_path);

  Env* env_;
  std::string directory_;
  // Written since the last Sync().
  std::set<std::string> unsynced_;
  // Folders from which files that were never synced have been removed since then. A crash
  // could put those back, torn, and once the write-ahead log is replaced nothing mends them.
  std::set<std::string> shrunk_;
  // Full tiles and bundles written since the last RemoveStale().
  std::set<std::string> completed_;
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_PUBLISHED_FILES_H_
