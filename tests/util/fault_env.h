// An Env that fails on command: the n-th write, sync or rename from now on
// returns what the test says, once or for good; or the disk is full. Everything else goes
// through to the real file system. Thread-safe.
#ifndef SEALTRAIN_TESTS_UTIL_FAULT_ENV_H_
#define SEALTRAIN_TESTS_UTIL_FAULT_ENV_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/tests/util/forwarding_env.h"

namespace sealtrain::testing {

class FaultEnv : public ForwardingEnv {
 public:
  enum class Op { kAppend, kSync, kRename, kSyncDir, kOpenForWrite };

  // Fails operation `op` after `skip` more of them succeeded; `times` < 0: for
  // good. Of a write that fails, the first half reaches the file.
  void FailOn(Op op, int skip, absl::Status status, int times = -1) {
    MutexLock lock(&mutex_);
    op_ = op;
    skip_ = skip;
    times_ = times;
    status_ = std::move(status);
  }
  // From now on files may grow by so many bytes in all, and once there is no byte left, no
  // file or folder is made; nullopt: as the real disk has it. What does not fit fails with
  // DiskFullError(), after as much of a write as fits. What is cut off is given
  // back, what is removed is not.
  void LeaveSpace(std::optional<std::uint64_t> bytes) {
    MutexLock lock(&mutex_);
    space_ = bytes;
  }
  void Heal() {
    MutexLock lock(&mutex_);
    times_ = 0;
  }
  int failures() const {
    MutexLock lock(&mutex_);
    return failures_;
  }
  int count(Op op) const {
    MutexLock lock(&mutex_);
    return counts_[static_cast<std::size_t>(op)];
  }

 protected:
  absl::Status Around(DiskChange& change, absl::FunctionRef<absl::Status()> run) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (space_.has_value() && !Fits(change)) {
      ++failures_;
      if (change.kind == DiskChange::Kind::kWrite) {
        if (absl::Status status = run(); !status.ok()) return status;
      }
      return DiskFullError(absl::StrCat("no space for ", change.path));
    }
    const std::optional<Op> op = OpOf(change.kind);
    if (!op.has_value() || Passes(*op)) return run();
    ++failures_;
    if (change.kind == DiskChange::Kind::kWrite) {
      change.data = change.data.first(change.data.size() / 2);
      if (absl::Status status = run(); !status.ok()) return status;
    }
    return status_;
  }

 private:
  static std::optional<Op> OpOf(DiskChange::Kind kind) {
    switch (kind) {
      case DiskChange::Kind::kWrite:
        return Op::kAppend;
      case DiskChange::Kind::kSync:
        return Op::kSync;
      case DiskChange::Kind::kRename:
        return Op::kRename;
      case DiskChange::Kind::kSyncDir:
        return Op::kSyncDir;
      case DiskChange::Kind::kOpen:
        return Op::kOpenForWrite;
      default:
        return std::nullopt;
    }
  }

  // Takes the space that the change needs. Of a write for which there is not enough it leaves
  // what fits.
  bool Fits(DiskChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    switch (change.kind) {
      case DiskChange::Kind::kWrite: {
        std::error_code missing;
        const std::uint64_t size = std::filesystem::file_size(change.path, missing);
        const std::uint64_t end = change.offset + change.data.size();
        const std::uint64_t growth = end > size ? end - size : 0;
        const std::uint64_t taken = std::min(growth, *space_);
        *space_ -= taken;
        change.data.remove_suffix(
            static_cast<std::size_t>(std::min<std::uint64_t>(growth - taken, change.data.size())));
        return taken == growth;
      }
      case DiskChange::Kind::kTruncatePath: {
        std::error_code missing;
        const std::uint64_t size = std::filesystem::file_size(change.path, missing);
        if (!missing && size > change.offset) *space_ += size - change.offset;
        return true;
      }
      case DiskChange::Kind::kOpen:
      case DiskChange::Kind::kCreateDirs:
        return *space_ > 0 || std::filesystem::exists(change.path);
      default:
        return true;
    }
  }

  bool Passes(Op op) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ++counts_[static_cast<std::size_t>(op)];
    if (op != op_ || times_ == 0) return true;
    if (skip_ > 0) {
      --skip_;
      return true;
    }
    if (times_ > 0) --times_;
    return false;
  }

  Op op_ ABSL_GUARDED_BY(mutex_) = Op::kAppend;
  int skip_ ABSL_GUARDED_BY(mutex_) = 0;
  int times_ ABSL_GUARDED_BY(mutex_) = 0;
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::uint64_t> space_ ABSL_GUARDED_BY(mutex_);
  int counts_[5] ABSL_GUARDED_BY(mutex_) = {};
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_UTIL_FAULT_ENV_H_
