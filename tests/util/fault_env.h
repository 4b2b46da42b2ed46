// An Env that fails on command: the n-th write, sync or rename from now on
// returns what the test says, once or for good. Everything else goes through
// to the real file system. Not thread-safe.
#ifndef SEALTRAIN_TESTS_UTIL_FAULT_ENV_H_
#define SEALTRAIN_TESTS_UTIL_FAULT_ENV_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sealtrain/base/env.h"

namespace sealtrain::testing {

class FaultEnv final : public Env {
 public:
  enum class Op { kAppend, kSync, kRename, kSyncDir, kOpenForWrite };

  // Fails operation `op` after `skip` more of them succeeded; `times` < 0: for good.
  void FailOn(Op op, int skip, absl::Status status, int times = -1) {
    op_ = op;
    skip_ = skip;
    times_ = times;
    status_ = std::move(status);
  }
  void Heal() { times_ = 0; }
  int count(Op op) const { return counts_[static_cast<std::size_t>(op)]; }

  absl::StatusOr<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path,
                                                             OpenMode mode) override {
    if (absl::Status s = Check(Op::kOpenForWrite); !s.ok()) return s;
    auto file = base_.OpenForWrite(path, mode);
    if (!file.ok()) return file.status();
    return std::make_unique<File>(*this, *std::move(file));
  }
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override {
    return base_.OpenForRead(path);
  }
  absl::StatusOr<std::string> ReadFile(const std::string& path, std::uint64_t max) override {
    return base_.ReadFile(path, max);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (absl::Status s = Check(Op::kRename); !s.ok()) return s;
    return base_.Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override { return base_.Remove(path); }
  absl::Status Truncate(const std::string& path, std::uint64_t size) override {
    return base_.Truncate(path, size);
  }
  absl::Status SyncDir(const std::string& path) override {
    if (absl::Status s = Check(Op::kSyncDir); !s.ok()) return s;
    return base_.SyncDir(path);
  }
  absl::Status CreateDirs(const std::string& path) override { return base_.CreateDirs(path); }
  bool Exists(const std::string& path) override { return base_.Exists(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    return base_.List(path);
  }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    return base_.Lock(path);
  }

 private:
  class File final : public WritableFile {
   public:
    File(FaultEnv& env, std::unique_ptr<WritableFile> base) : env_(env), base_(std::move(base)) {}
    absl::Status Append(ByteSpan bytes) override {
      if (absl::Status s = env_.Check(Op::kAppend); !s.ok()) return s;
      return base_->Append(bytes);
    }
    absl::Status Sync() override {
      if (absl::Status s = env_.Check(Op::kSync); !s.ok()) return s;
      return base_->Sync();
    }
    absl::Status Close() override { return base_->Close(); }

   private:
    FaultEnv& env_;
    std::unique_ptr<WritableFile> base_;
  };

  absl::Status Check(Op op) {
    ++counts_[static_cast<std::size_t>(op)];
    if (op != op_ || times_ == 0) return absl::OkStatus();
    if (skip_ > 0) {
      --skip_;
      return absl::OkStatus();
    }
    if (times_ > 0) --times_;
    return status_;
  }

  Env& base_ = Env::Posix();
  Op op_ = Op::kAppend;
  int skip_ = 0;
  int times_ = 0;
  absl::Status status_;
  int counts_[5] = {};
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_UTIL_FAULT_ENV_H_
