#include "sealtrain/tests/util/sqlite_through_env.h"

#include <sqlite3.h>

#include <cstdlib>
#include <string>

namespace sealtrain::testing {
namespace {

using Kind = DiskChange::Kind;

sqlite3_vfs* base_vfs = nullptr;
ForwardingEnv* current_env = nullptr;

// What SQLite allocates for a file: this, and behind it the file of "unix".
struct EnvFile {
  sqlite3_file file;  // first: SQLite sees this
  ForwardingEnv* env;
  std::string* path;  // null for a file without a name
  std::uint64_t id;
  bool sync_folder;  // with the next sync

  sqlite3_file* base() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
static_assert(sizeof(EnvFile) % alignof(sqlite3_int64) == 0);

EnvFile& Of(sqlite3_file* file) { return *reinterpret_cast<EnvFile*>(file); }

// Runs `call`, which answers in SQLite's codes, as `change`. An error that is
// not from the call itself becomes `code`.
template <typename Call>
int Through(ForwardingEnv& env, DiskChange& change, int code, Call call) {
  int answer = SQLITE_OK;
  const absl::Status status = env.Make(change, [&] {
    answer = call();
    return answer == SQLITE_OK ? absl::OkStatus() : absl::UnavailableError("SQLite");
  });
  if (answer != SQLITE_OK) return answer;
  return status.ok() ? SQLITE_OK : code;
}

int Close(sqlite3_file* file) {
  EnvFile& f = Of(file);
  const int code = f.base()->pMethods->xClose(f.base());
  delete f.path;
  return code;
}

int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  return Of(file).base()->pMethods->xRead(Of(file).base(), out, size, offset);
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  EnvFile& f = Of(file);
  DiskChange change{
      .kind = Kind::kWrite,
      .path = *f.path,
      .file = f.id,
      .offset = static_cast<std::uint64_t>(offset),
      .data = ByteSpan(static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size))};
  return Through(*f.env, change, SQLITE_FULL, [&] {
    return f.base()->pMethods->xWrite(f.base(), change.data.data(),
                                      static_cast<int>(change.data.size()), offset);
  });
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  EnvFile& f = Of(file);
  DiskChange change{.kind = Kind::kTruncateFile,
                    .path = *f.path,
                    .file = f.id,
                    .offset = static_cast<std::uint64_t>(size)};
  return Through(*f.env, change, SQLITE_IOERR_TRUNCATE,
                 [&] { return f.base()->pMethods->xTruncate(f.base(), size); });
}

int Sync(sqlite3_file* file, int flags) {
  EnvFile& f = Of(file);
  DiskChange change{.kind = Kind::kSync, .path = *f.path, .file = f.id};
  const int code = Through(*f.env, change, SQLITE_IOERR_FSYNC,
                           [&] { return f.base()->pMethods->xSync(f.base(), flags); });
  if (code != SQLITE_OK || !f.sync_folder) return code;
  f.sync_folder = false;
  DiskChange folder{.kind = Kind::kSyncDir, .path = DirName(*f.path)};
  // "unix" does not look at what this one answers.
  f.env->Make(folder, [] { return absl::OkStatus(); }).IgnoreError();
  return SQLITE_OK;
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Of(file).base()->pMethods->xFileSize(Of(file).base(), size);
}
int LockFile(sqlite3_file* file, int level) {
  return Of(file).base()->pMethods->xLock(Of(file).base(), level);
}
int UnlockFile(sqlite3_file* file, int level) {
  return Of(file).base()->pMethods->xUnlock(Of(file).base(), level);
}
int CheckReservedLock(sqlite3_file* file, int* out) {
  return Of(file).base()->pMethods->xCheckReservedLock(Of(file).base(), out);
}
int FileControl(sqlite3_file* file, int op, void* argument) {
  return Of(file).base()->pMethods->xFileControl(Of(file).base(), op, argument);
}
int SectorSize(sqlite3_file* file) {
  return Of(file).base()->pMethods->xSectorSize(Of(file).base());
}
int DeviceCharacteristics(sqlite3_file* file) {
  return Of(file).base()->pMethods->xDeviceCharacteristics(Of(file).base());
}

// Version 1: neither mapped nor shared memory, which would write past us.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = LockFile,
    .xUnlock = UnlockFile,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  EnvFile& f = Of(file);
  f.file.pMethods = nullptr;
  // A file without a name is a temporary one that nobody finds after a crash.
  f.path = name == nullptr ? nullptr : new std::string(name);
  f.env = current_env;
  f.id = current_env->NextFile();
  const bool journal = (flags & SQLITE_OPEN_MAIN_JOURNAL) != 0;
  f.sync_folder = journal && (flags & SQLITE_OPEN_CREATE) != 0;
  const auto open = [&] { return base_vfs->xOpen(base_vfs, name, f.base(), flags, out_flags); };
  int code = SQLITE_OK;
  if (name == nullptr) {
    code = open();
    // The key store needs none. If it did, the writes to it would be missed.
    if (code == SQLITE_OK) std::abort();
  } else {
    DiskChange change{.kind = Kind::kOpen, .path = name, .file = f.id};
    code = Through(*f.env, change, SQLITE_CANTOPEN, open);
  }
  if (code != SQLITE_OK) {
    delete f.path;
    return code;
  }
  f.file.pMethods = &kMethods;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs*, const char* name, int sync_folder) {
  DiskChange change{.kind = Kind::kRemove, .path = name};
  const int code = Through(*current_env, change, SQLITE_IOERR_DELETE,
                           [&] { return base_vfs->xDelete(base_vfs, name, sync_folder); });
  if (code != SQLITE_OK || sync_folder == 0) return code;
  DiskChange folder{.kind = Kind::kSyncDir, .path = DirName(name)};
  return Through(*current_env, folder, SQLITE_IOERR_DIR_FSYNC, [] { return SQLITE_OK; });
}

sqlite3_vfs& EnvVfs() {
  static sqlite3_vfs& vfs = *[] {
    base_vfs = sqlite3_vfs_find("unix");
    auto* made = new sqlite3_vfs(*base_vfs);
    made->szOsFile = static_cast<int>(sizeof(EnvFile)) + base_vfs->szOsFile;
    made->pNext = nullptr;
    made->zName = "sealtrain-test";
    made->xOpen = Open;
    made->xDelete = Delete;
    return made;
  }();
  return vfs;
}

}  // namespace

SqliteThroughEnv::SqliteThroughEnv(ForwardingEnv& env) {
  if (current_env != nullptr) std::abort();
  current_env = &env;
  sqlite3_vfs_register(&EnvVfs(), /*makeDflt=*/1);
}

SqliteThroughEnv::~SqliteThroughEnv() {
  sqlite3_vfs_register(base_vfs, /*makeDflt=*/1);
  sqlite3_vfs_unregister(&EnvVfs());
  current_env = nullptr;
}

}  // namespace sealtrain::testing
