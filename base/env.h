// The file system as the project sees it. Every write of every room goes
// through an Env, so that tests can fail any one of them.
//
// Durability: bytes are durable once Sync() returned OK; a file's name is
// durable once SyncDir() of its folder returned OK. After a failed Sync() the
// state of the file is unknown for good and the caller must not retry.
//
// Errors, each naming the path: NotFound; AlreadyExists; InvalidArgument (not a
// regular file, path too long, no permission: PermissionDenied is kept for
// policy; IsOfAnotherKind() tells the first from the rest); Unavailable (EIO, EMFILE, a full
// disk and all else).
//
// Of a full disk or quota IsDiskFull() tells where that is known to have spoiled nothing: a
// file or folder was not made, a Rename() left both names as they were, a write put down some
// of its bytes at most. A Sync(), SyncDir(), Close() or Remove() that fails for it fails like
// any other.
//
// Thread-safe; the files it returns are not.
#ifndef SEALTRAIN_BASE_ENV_H_
#define SEALTRAIN_BASE_ENV_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain {

// A file being written. The destructor closes it without syncing.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  // Appends all of `bytes`, or fails with part of them written.
  virtual absl::Status Append(ByteSpan bytes) = 0;
  // Makes all appended bytes durable (fdatasync).
  virtual absl::Status Sync() = 0;
  virtual absl::Status Close() = 0;
};

// A file being written at any place. The destructor closes it without syncing.
class UpdatableFile {
 public:
  virtual ~UpdatableFile() = default;
  // Puts all of `bytes` at `offset`, which makes the file longer where it ends before
  // them, or fails with part of them written.
  virtual absl::Status WriteAt(std::uint64_t offset, ByteSpan bytes) = 0;
  // Makes all written bytes durable (fdatasync).
  virtual absl::Status Sync() = 0;
};

// A file being read at any place. Thread-safe.
class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;
  // Fills all of `out` from `offset`. DataLoss: the file ends before that.
  virtual absl::Status ReadAt(std::uint64_t offset, MutableByteSpan out) const = 0;
  virtual std::uint64_t size() const = 0;  // when it was opened
};

// An exclusive advisory lock, held until destroyed or the process ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class Env {
 public:
  enum class OpenMode {
    kCreateNew,  // AlreadyExists if there is one
    kTruncate,   // empties an existing file
    kAppend,     // keeps an existing file; creates a missing one
  };

  virtual ~Env() = default;

  // The real file system. Lives for ever.
  static Env& Posix();

  // New files get mode 0600: what we write is nobody else's by default.
  virtual absl::StatusOr<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path,
                                                                     OpenMode mode) = 0;
  // A file that is there, as it is. NotFound: there is none.
  virtual absl::StatusOr<std::unique_ptr<UpdatableFile>> OpenForUpdate(const std::string& path) = 0;
  virtual absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(
      const std::string& path) = 0;
  // The whole file. OutOfRange: it has more than `max_bytes`.
  virtual absl::StatusOr<std::string> ReadFile(const std::string& path,
                                               std::uint64_t max_bytes) = 0;

  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // Replaces nothing. AlreadyExists: there is something of that name. Another failure may
  // leave the file under both.
  virtual absl::Status RenameNew(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  virtual absl::Status Truncate(const std::string& path, std::uint64_t size) = 0;
  virtual absl::Status SyncDir(const std::string& path) = 0;
  // Creates `path` and its missing parents (mode 0700), durable on return.
  virtual absl::Status CreateDirs(const std::string& path) = 0;
  virtual bool Exists(const std::string& path) = 0;
  // Names (not paths) of a folder's entries, sorted. NotFound: no such folder.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
  // Unavailable: another process or Lock() holds it.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
};

// Unavailable, and IsDiskFull().
absl::Status DiskFullError(absl::string_view message);
bool IsDiskFull(const absl::Status& status);
// Whether an Env said so because in the place of a file, or of a folder, is something else.
bool IsOfAnotherKind(const absl::Status& status);

// Replaces `path` by a file of these bytes so that a crash leaves the old or
// the new one: temporary file, sync, rename, sync of the folder. A failure
// leaves the old file and no temporary one; if it was the last step that
// failed, the new file, which a crash may still take back. IsDiskFull(): the old file.
absl::Status WriteFileDurably(Env& env, const std::string& path, ByteSpan bytes);

// The lock, waiting up to `patience` for whoever holds it; `on_wait`, which may
// be null, is called once before a wait. Unavailable: it is still held.
absl::StatusOr<std::unique_ptr<FileLock>> LockPatiently(Env& env, const std::string& path,
                                                        absl::Duration patience,
                                                        const std::function<void()>& on_wait);

// `a`/`b`, with exactly one separator.
std::string JoinPath(absl::string_view a, absl::string_view b);
// `path` without symbolic links and dots, as far as it exists.
std::string CanonicalPath(const std::string& path);
// Everything before the last separator; "." if there is none.
std::string DirName(absl::string_view path);

}  // namespace sealtrain

#endif  // SEALTRAIN_BASE_ENV_H_
