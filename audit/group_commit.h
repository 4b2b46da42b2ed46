// Lets concurrent callers share one commit: the first of a group does it for all of them,
// the others sleep until it is done.
#ifndef SEALTRAIN_AUDIT_GROUP_COMMIT_H_
#define SEALTRAIN_AUDIT_GROUP_COMMIT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/mutex.h"

namespace sealtrain::audit {

// Thread-safe.
class GroupCommit {
 public:
  // Commits a group's entries in their order and returns the index of the first.
  using Commit = std::function<absl::StatusOr<std::uint64_t>(std::vector<std::string> entries)>;

  // `commit` is called by one thread at a time, with at most `max_entries` entries.
  GroupCommit(std::size_t max_entries, Commit commit)
      : max_entries_(max_entries), commit_(std::move(commit)) {}

  // Commits the entry, with those of other callers perhaps, and returns its index, or the
  // error of the group's commit.
  absl::StatusOr<std::uint64_t> Add(std::string entry);

 private:
  struct Group {
    std::vector<std::string> entries;  // by mutex_, and the leader's alone once it is closed
    absl::StatusOr<std::uint64_t> first_index = absl::UnknownError("not committed");
    std::atomic<std::uint32_t> done = 0;  // 1: first_index is set for good
  };

  // An exception in here would leave the others asleep.
  void Lead(Group& group) noexcept;

  const std::size_t max_entries_;
  const Commit commit_;
  Mutex turn_;  // of the leaders; acquired before mutex_
  Mutex mutex_;
  std::shared_ptr<Group> open_ ABSL_GUARDED_BY(mutex_);  // takes entries; may be null
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_GROUP_COMMIT_H_
