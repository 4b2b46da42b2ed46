#include "sealtrain/base/env.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain {
namespace {

// Payloads of statuses that say more than their code.
constexpr absl::string_view kDiskFull = "sealtrain/disk-full";
constexpr absl::string_view kAnotherKind = "sealtrain/another-kind";

absl::Status AnotherKindError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kAnotherKind, absl::Cord());
  return status;
}

absl::Status PosixError(int error, absl::string_view what, absl::string_view path) {
  const std::string message = absl::StrCat(what, " ", path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case EACCES:
    case EPERM:
    case EROFS:
    case ENAMETOOLONG:
    case EINVAL:
      return absl::InvalidArgumentError(message);
    case EISDIR:
    case ENOTDIR:
    case ELOOP:
    case ENXIO:  // a socket
      return AnotherKindError(message);
    default:
      return absl::UnavailableError(message);
  }
}

// The same of a call that a full disk keeps from doing anything but write some of its bytes.
absl::Status PosixErrorOrDiskFull(int error, absl::string_view what, absl::string_view path) {
  const absl::Status status = PosixError(error, what, path);
  // EFBIG: the file is as long as the process or the file system lets it be.
  const bool is_full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return is_full ? DiskFullError(status.message()) : status;
}

template <typename Call>
auto RetryOnInterrupt(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

absl::Status SyncData(int fd, const std::string& path) {
  if (RetryOnInterrupt([&] { return ::fdatasync(fd); }) == 0) return absl::OkStatus();
  return PosixError(errno, "cannot sync", path);
}

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~PosixWritableFile() override {
    if (fd_ >= 0) ::close(fd_);
  }

  absl::Status Append(ByteSpan bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = RetryOnInterrupt([&] { return ::write(fd_, bytes.data(), bytes.size()); });
      if (n < 0) return PosixErrorOrDiskFull(errno, "cannot write", path_);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override { return SyncData(fd_, path_); }

  absl::Status Close() override {
    // After close() fails the descriptor is gone all the same on Linux.
    if (::close(std::exchange(fd_, -1)) != 0) return PosixError(errno, "cannot close", path_);
    return absl::OkStatus();
  }

 private:
  std::string path_;
  int fd_;
};

class PosixUpdatableFile final : public UpdatableFile {
 public:
  PosixUpdatableFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~PosixUpdatableFile() override { ::close(fd_); }

  absl::Status WriteAt(std::uint64_t offset, ByteSpan bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = RetryOnInterrupt(
          [&] { return ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (n < 0) return PosixErrorOrDiskFull(errno, "cannot write", path_);
      offset += static_cast<std::uint64_t>(n);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override { return SyncData(fd_, path_); }

 private:
  std::string path_;
  int fd_;
};

class PosixRandomAccessFile final : public RandomAccessFile {
 public:
  PosixRandomAccessFile(std::string path, int fd, std::uint64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  ~PosixRandomAccessFile() override { ::close(fd_); }

  absl::Status ReadAt(std::uint64_t offset, MutableByteSpan out) const override {
    while (!out.empty()) {
      const ssize_t n = RetryOnInterrupt(
          [&] { return ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset)); });
      if (n < 0) return PosixError(errno, "cannot read", path_);
      if (n == 0) return absl::DataLossError(absl::StrCat(path_, ": file ends too early"));
      offset += static_cast<std::uint64_t>(n);
      out.remove_prefix(static_cast<std::size_t>(n));
    }
    return absl::OkStatus();
  }
  std::uint64_t size() const override { return size_; }

 private:
  std::string path_;
  int fd_;
  std::uint64_t size_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(int fd) : fd_(fd) {}
  ~PosixFileLock() override { ::close(fd_); }

 private:
  int fd_;
};

class PosixEnv final : public Env {
 public:
  absl::StatusOr<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path,
                                                             OpenMode mode) override {
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC;
    if (mode == OpenMode::kCreateNew) flags |= O_EXCL;
    if (mode == OpenMode::kTruncate) flags |= O_TRUNC;
    if (mode == OpenMode::kAppend) flags |= O_APPEND;
    const int fd = RetryOnInterrupt([&] { return ::open(path.c_str(), flags, 0600); });
    if (fd < 0) return PosixErrorOrDiskFull(errno, "cannot create", path);
    return std::make_unique<PosixWritableFile>(path, fd);
  }

  absl::StatusOr<std::unique_ptr<UpdatableFile>> OpenForUpdate(const std::string& path) override {
    const int fd = RetryOnInterrupt([&] { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC); });
    if (fd < 0) return PosixError(errno, "cannot open", path);
    return std::make_unique<PosixUpdatableFile>(path, fd);
  }

  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override {
    // O_NONBLOCK so that a FIFO in a file's place cannot hang us.
    const int fd =
        RetryOnInterrupt([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
    if (fd < 0) return PosixError(errno, "cannot open", path);
    struct stat st;
    if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
      ::close(fd);
      return AnotherKindError(absl::StrCat("not a regular file: ", path));
    }
    return std::make_unique<PosixRandomAccessFile>(path, fd,
                                                   static_cast<std::uint64_t>(st.st_size));
  }

  absl::StatusOr<std::string> ReadFile(const std::string& path, std::uint64_t max_bytes) override {
    ST_ASSIGN_OR_RETURN(auto file, OpenForRead(path));
    if (file->size() > max_bytes) {
      return absl::OutOfRangeError(absl::StrCat(path, " has ", file->size(),
                                                " bytes, more than the ", max_bytes, " allowed"));
    }
    std::string contents(file->size(), '\0');
    ST_RETURN_IF_ERROR(file->ReadAt(
        0, MutableByteSpan(reinterpret_cast<std::uint8_t*>(contents.data()), contents.size())));
    return contents;
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return PosixErrorOrDiskFull(errno, "cannot rename to", to);
  }

  absl::Status RenameNew(const std::string& from, const std::string& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
      return absl::OkStatus();
    }
    // Not every file system can. A second name replaces nothing either.
    const bool can = errno != EINVAL && errno != ENOSYS;
    if (can || ::link(from.c_str(), to.c_str()) != 0) {
      return PosixError(errno, "cannot rename to", to);
    }
    return Remove(from);
  }

  absl::Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return PosixError(errno, "cannot remove", path);
    return absl::OkStatus();
  }

  absl::Status Truncate(const std::string& path, std::uint64_t size) override {
    if (::truncate(path.c_str(), static_cast<off_t>(size)) != 0) {
      return PosixError(errno, "cannot truncate", path);
    }
    return absl::OkStatus();
  }

  absl::Status SyncDir(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return PosixError(errno, "cannot open folder", path);
    const int result = RetryOnInterrupt([&] { return ::fsync(fd); });
    const int error = errno;
    ::close(fd);
    if (result != 0) return PosixError(error, "cannot sync folder", path);
    return absl::OkStatus();
  }

  absl::Status CreateDirs(const std::string& path) override {
    if (::mkdir(path.c_str(), 0700) == 0) return SyncDir(DirName(path));
    if (errno == EEXIST) {
      struct stat st;
      if (::stat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) {
        return PosixError(ENOTDIR, "cannot create folder", path);
      }
      // Somebody else may have made it just now, if not those above. A parent that we
      // may not open is one that we cannot sync.
      const absl::Status synced = SyncDir(DirName(path));
      return absl::IsInvalidArgument(synced) ? absl::OkStatus() : synced;
    }
    if (errno != ENOENT) return PosixErrorOrDiskFull(errno, "cannot create folder", path);
    const std::string parent = DirName(path);
    if (parent == path) return PosixError(ENOENT, "cannot create folder", path);
    ST_RETURN_IF_ERROR(CreateDirs(parent));
    // Once more and no further: some folders, /proc for one, take no children.
    // Meanwhile somebody else may have made it.
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
      return PosixErrorOrDiskFull(errno, "cannot create folder", path);
    }
    return SyncDir(parent);
  }

  bool Exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    DIR* dir = ::opendir(path.c_str());
    if (dir == nullptr) return PosixError(errno, "cannot list", path);
    const auto close_dir = absl::MakeCleanup([dir] { ::closedir(dir); });
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(dir)) {
      const absl::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return PosixError(errno, "cannot list", path);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return PosixError(errno, "cannot open lock", path);
    if (RetryOnInterrupt([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }) != 0) {
      const int error = errno;
      ::close(fd);
      if (error == EWOULDBLOCK) {
        return absl::UnavailableError(absl::StrCat("in use by another process: ", path));
      }
      return PosixError(error, "cannot lock", path);
    }
    return std::make_unique<PosixFileLock>(fd);
  }
};

}  // namespace

Env& Env::Posix() {
  static PosixEnv* const env = new PosixEnv;
  return *env;
}

absl::Status DiskFullError(absl::string_view message) {
  absl::Status status = absl::UnavailableError(message);
  status.SetPayload(kDiskFull, absl::Cord());
  return status;
}

bool IsDiskFull(const absl::Status& status) { return status.GetPayload(kDiskFull).has_value(); }

bool IsOfAnotherKind(const absl::Status& status) {
  return status.GetPayload(kAnotherKind).has_value();
}

absl::Status WriteFileDurably(Env& env, const std::string& path, ByteSpan bytes) {
  const std::string temporary = absl::StrCat(path, ".tmp.", ::getpid());
  auto remove_temporary = absl::MakeCleanup([&] { env.Remove(temporary).IgnoreError(); });
  ST_ASSIGN_OR_RETURN(auto file, env.OpenForWrite(temporary, Env::OpenMode::kTruncate));
  ST_RETURN_IF_ERROR(file->Append(bytes));
  ST_RETURN_IF_ERROR(file->Sync());
  ST_RETURN_IF_ERROR(file->Close());
  ST_RETURN_IF_ERROR(env.Rename(temporary, path));
  std::move(remove_temporary).Cancel();
  return env.SyncDir(DirName(path));
}

absl::StatusOr<std::unique_ptr<FileLock>> LockPatiently(Env& env, const std::string& path,
                                                        absl::Duration patience,
                                                        const std::function<void()>& on_wait) {
  constexpr absl::Duration kPause = absl::Milliseconds(20);
  const absl::Time give_up = absl::Now() + patience;
  for (bool told = false;; told = true) {
    absl::StatusOr<std::unique_ptr<FileLock>> lock = env.Lock(path);
    if (!absl::IsUnavailable(lock.status()) || absl::Now() >= give_up) return lock;
    if (!told && on_wait) on_wait();
    absl::SleepFor(kPause);
  }
}

std::string JoinPath(absl::string_view a, absl::string_view b) {
  if (a.empty()) return std::string(b);
  return absl::StrCat(a, absl::EndsWith(a, "/") ? "" : "/", b);
}

std::string CanonicalPath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::weakly_canonical(path, error);
  return error ? path : canonical.string();
}

std::string DirName(absl::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return std::string(slash == 0 ? "/" : path.substr(0, slash));
}

}  // namespace sealtrain
