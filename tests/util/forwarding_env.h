// An Env that passes everything to the real file system and lets a subclass
// stand around each change: to fail it, to die beside it, to write it down.
// sqlite_through_env.h leads SQLite's changes through the same place.
// Thread-safe: changes are made one after the other.
#ifndef SEALTRAIN_TESTS_UTIL_FORWARDING_ENV_H_
#define SEALTRAIN_TESTS_UTIL_FORWARDING_ENV_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/mutex.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::testing {

// One change to the file system.
struct DiskChange {
  enum class Kind {
    kOpen,          // `path` was opened for writing, and made if it was missing
    kWrite,         // `data` at `offset` of the file that was opened as `file`
    kTruncateFile,  // of an open file, to `offset` bytes
    kSync,          // of an open file
    kRename,        // `path` to `new_path`
    kRemove,
    kTruncatePath,  // to `offset` bytes
    kSyncDir,
    kCreateDirs,  // durable when it returns, as Env promises
  };
  Kind kind = Kind::kOpen;
  std::string path{};      // of an open file: what it was opened as
  std::string new_path{};  // kRename
  std::uint64_t file = 0;
  std::uint64_t offset = 0;
  bool truncate = false;  // kOpen: empties what is there
  ByteSpan data{};        // kWrite; a subclass may shorten it before it runs
};

class ForwardingEnv : public Env {
 public:
  // Every change comes through here.
  absl::Status Make(DiskChange& change, absl::FunctionRef<absl::Status()> run) {
    MutexLock lock(&mutex_);
    return Around(change, run);
  }

  // Names an open file in DiskChange::file.
  std::uint64_t NextFile() { return ++files_; }

  absl::StatusOr<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path,
                                                             OpenMode mode) override {
    DiskChange change{.kind = DiskChange::Kind::kOpen,
                      .path = path,
                      .file = NextFile(),
                      .truncate = mode == OpenMode::kTruncate};
    std::unique_ptr<WritableFile> file;
    const absl::Status status = Make(change, [&] {
      auto opened = base_.OpenForWrite(path, mode);
      if (opened.ok()) file = *std::move(opened);
      return opened.status();
    });
    if (!status.ok()) return status;
    std::uint64_t size = 0;
    if (mode == OpenMode::kAppend) size = (*base_.OpenForRead(path))->size();
    return std::make_unique<File>(*this, path, change.file, size, std::move(file));
  }
  absl::StatusOr<std::unique_ptr<UpdatableFile>> OpenForUpdate(const std::string& path) override {
    DiskChange change{.kind = DiskChange::Kind::kOpen, .path = path, .file = NextFile()};
    std::unique_ptr<UpdatableFile> file;
    ST_RETURN_IF_ERROR(Make(change, [&] {
      auto opened = base_.OpenForUpdate(path);
      if (opened.ok()) file = *std::move(opened);
      return opened.status();
    }));
    return std::make_unique<FileInPlace>(*this, path, change.file, std::move(file));
  }
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override {
    return base_.OpenForRead(path);
  }
  absl::StatusOr<std::string> ReadFile(const std::string& path, std::uint64_t max) override {
    return base_.ReadFile(path, max);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    DiskChange change{.kind = DiskChange::Kind::kRename, .path = from, .new_path = to};
    return Make(change, [&] { return base_.Rename(from, to); });
  }
  absl::Status RenameNew(const std::string& from, const std::string& to) override {
    DiskChange change{.kind = DiskChange::Kind::kRename, .path = from, .new_path = to};
    return Make(change, [&] { return base_.RenameNew(from, to); });
  }
  absl::Status Remove(const std::string& path) override {
    DiskChange change{.kind = DiskChange::Kind::kRemove, .path = path};
    return Make(change, [&] { return base_.Remove(path); });
  }
  absl::Status Truncate(const std::string& path, std::uint64_t size) override {
    DiskChange change{.kind = DiskChange::Kind::kTruncatePath, .path = path, .offset = size};
    return Make(change, [&] { return base_.Truncate(path, size); });
  }
  absl::Status SyncDir(const std::string& path) override {
    DiskChange change{.kind = DiskChange::Kind::kSyncDir, .path = path};
    return Make(change, [&] { return base_.SyncDir(path); });
  }
  absl::Status CreateDirs(const std::string& path) override {
    DiskChange change{.kind = DiskChange::Kind::kCreateDirs, .path = path};
    return Make(change, [&] { return base_.CreateDirs(path); });
  }
  bool Exists(const std::string& path) override { return base_.Exists(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    return base_.List(path);
  }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    return base_.Lock(path);
  }

 protected:
  // Makes the change by calling `run`, at most once. Returns what the writer
  // is told.
  virtual absl::Status Around(DiskChange& change, absl::FunctionRef<absl::Status()> run)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) = 0;

  mutable Mutex mutex_;  // guards what subclasses have

 private:
  class File final : public WritableFile {
   public:
    File(ForwardingEnv& env, std::string path, std::uint64_t id, std::uint64_t size,
         std::unique_ptr<WritableFile> base)
        : env_(env), path_(std::move(path)), id_(id), size_(size), base_(std::move(base)) {}

    absl::Status Append(ByteSpan bytes) override {
      DiskChange change{.kind = DiskChange::Kind::kWrite,
                        .path = path_,
                        .file = id_,
                        .offset = size_,
                        .data = bytes};
      absl::Status status = env_.Make(change, [&] { return base_->Append(change.data); });
      size_ += change.data.size();
      return status;
    }
    absl::Status Sync() override {
      DiskChange change{.kind = DiskChange::Kind::kSync, .path = path_, .file = id_};
      return env_.Make(change, [&] { return base_->Sync(); });
    }
    absl::Status Close() override { return base_->Close(); }

   private:
    ForwardingEnv& env_;
    const std::string path_;
    const std::uint64_t id_;
    std::uint64_t size_;
    std::unique_ptr<WritableFile> base_;
  };

  class FileInPlace final : public UpdatableFile {
   public:
    FileInPlace(ForwardingEnv& env, std::string path, std::uint64_t id,
                std::unique_ptr<UpdatableFile> base)
        : env_(env), path_(std::move(path)), id_(id), base_(std::move(base)) {}

    absl::Status WriteAt(std::uint64_t offset, ByteSpan bytes) override {
      DiskChange change{.kind = DiskChange::Kind::kWrite,
                        .path = path_,
                        .file = id_,
                        .offset = offset,
                        .data = bytes};
      return env_.Make(change, [&] { return base_->WriteAt(offset, change.data); });
    }
    absl::Status Sync() override {
      DiskChange change{.kind = DiskChange::Kind::kSync, .path = path_, .file = id_};
      return env_.Make(change, [&] { return base_->Sync(); });
    }

   private:
    ForwardingEnv& env_;
    const std::string path_;
    const std::uint64_t id_;
    std::unique_ptr<UpdatableFile> base_;
  };

  Env& base_ = Env::Posix();
  std::atomic<std::uint64_t> files_ = 0;
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_UTIL_FORWARDING_ENV_H_
