// Writes down every change to a folder and tells what a power cut could have
// left of it at any moment.
//
// The model, stricter than any one file system. A file's bytes are durable once
// the file was synced, a name once its folder was. Of what is not durable yet,
//   - each write may be whole, lost, torn in the middle, lost with the file grown all the
//     same (zeros in its place), or lost up to a sector of its second half, whatever came
//     of the others;
//   - each change of a size may be made or lost;
//   - each new name, rename and removal may be made or lost, whatever came of
//     the others; a rename is never half made.
// What was written before a failed sync is lost once a later sync succeeds.
// New folders are durable when Env::CreateDirs() returns, and lock files, which
// are empty, are left out.
#ifndef SEALTRAIN_TESTS_UTIL_RECORDING_ENV_H_
#define SEALTRAIN_TESTS_UTIL_RECORDING_ENV_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sealtrain/tests/util/fault_env.h"

namespace sealtrain::testing {

// The contents of a folder; paths are relative to it.
struct DiskState {
  std::set<std::string> folders;
  std::map<std::string, std::string> files;

  static DiskState Of(const std::string& root);
  // Makes `root`, which must not exist, like this.
  void WriteTo(const std::string& root) const;
};

// How many of a moment's states are tried: all of them if there are at most
// `exhaustive`; else all lost, all made, each fate of each of the four newest
// changes amid each of these two, and `drawn` more at random with a fixed seed.
struct CrashBounds {
  std::size_t exhaustive = 64;
  std::size_t drawn = 8;
};

struct CrashCount {
  std::size_t points = 0;          // moments: after each change, and before the first
  std::size_t sampled_points = 0;  // those with more states than were tried
  std::size_t states = 0;          // rebuilt
  std::size_t distinct = 0;        // of them, visited
};

class RecordingEnv final : public FaultEnv {
 public:
  // Everything in `root` counts as durable now. Changes elsewhere are not kept.
  explicit RecordingEnv(std::string root) : root_(std::move(root)), before_(DiskState::Of(root_)) {}

  std::size_t changes() const {
    MutexLock lock(&mutex_);
    return changes_.size();
  }

  // Visits each distinct state that a crash can leave at any moment from `first`
  // up to now; a moment is told as the number of changes before it.
  CrashCount ForEachCrashState(
      const CrashBounds& bounds,
      const std::function<void(std::size_t moment, const DiskState&)>& visit,
      std::size_t first = 0) const;

 protected:
  absl::Status Around(DiskChange& change, absl::FunctionRef<absl::Status()> run) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

 private:
  struct Change {
    DiskChange what;  // its `data` is not used
    std::string data;
    bool failed = false;  // a sync
  };

  const std::string root_;
  const DiskState before_;
  std::vector<Change> changes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_UTIL_RECORDING_ENV_H_
