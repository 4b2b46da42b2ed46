// An Env that fails on command: the n-th write, sync or rename from now on
// returns what the test says, once or for good. Everything else goes through
// to the real file system. Thread-safe.
#ifndef SEALTRAIN_TESTS_UTIL_FAULT_ENV_H_
#define SEALTRAIN_TESTS_UTIL_FAULT_ENV_H_

#include <cstddef>
#include <optional>
#include <utility>

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
  int counts_[5] ABSL_GUARDED_BY(mutex_) = {};
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_UTIL_FAULT_ENV_H_
