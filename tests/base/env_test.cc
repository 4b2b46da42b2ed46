#include "sealtrain/base/env.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/tests/util/child_process.h"
#include "sealtrain/tests/util/fault_env.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain {
namespace {

using ::sealtrain::testing::FaultEnv;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::StatusOfChild;
using ::sealtrain::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Contents(const std::string& path) {
  return Env::Posix().ReadFile(path, 1 << 20).value_or("<unreadable>");
}

TEST(Env, ReadsBackWhatItAppended) {
  TempDir dir;
  Env& env = Env::Posix();
  {
    ASSERT_OK_AND_ASSIGN(auto file, env.OpenForWrite(dir.Join("f"), Env::OpenMode::kCreateNew));
    ASSERT_OK(file->Append(AsBytes("one")));
    ASSERT_OK(file->Sync());
    ASSERT_OK(file->Close());
  }
  ASSERT_OK_AND_ASSIGN(auto file, env.OpenForWrite(dir.Join("f"), Env::OpenMode::kAppend));
  ASSERT_OK(file->Append(AsBytes("two")));
  ASSERT_OK(file->Close());
  EXPECT_EQ(Contents(dir.Join("f")), "onetwo");
}

TEST(Env, UpdatesAFileInPlace) {
  TempDir dir;
  Env& env = Env::Posix();
  EXPECT_THAT(env.OpenForUpdate(dir.Join("f")), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(WriteFileDurably(env, dir.Join("f"), AsBytes("abcdef")));
  ASSERT_OK_AND_ASSIGN(auto file, env.OpenForUpdate(dir.Join("f")));
  ASSERT_OK(file->WriteAt(4, AsBytes("XYZ")));
  ASSERT_OK(file->WriteAt(1, AsBytes("B")));
  ASSERT_OK(file->Sync());
  EXPECT_EQ(Contents(dir.Join("f")), "aBcdXYZ");
  ASSERT_OK(file->WriteAt(9, AsBytes("!")));
  EXPECT_EQ(Contents(dir.Join("f")), absl::string_view("aBcdXYZ\0\0!", 10));
}

TEST(Env, TellsAFullDiskFromOtherFailures) {
  Env& env = Env::Posix();
  ASSERT_OK_AND_ASSIGN(auto file, env.OpenForWrite("/dev/full", Env::OpenMode::kAppend));
  const absl::Status full = file->Append(AsBytes("x"));
  EXPECT_THAT(full, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("No space left")));
  EXPECT_TRUE(IsDiskFull(full));
  ASSERT_OK_AND_ASSIGN(auto updated, env.OpenForUpdate("/dev/full"));
  EXPECT_TRUE(IsDiskFull(updated->WriteAt(0, AsBytes("x"))));
  EXPECT_FALSE(IsDiskFull(env.Rename("/dev/full/x", "/dev/full/y")));
  EXPECT_FALSE(IsDiskFull(absl::UnavailableError("broken")));
  EXPECT_FALSE(IsDiskFull(absl::OkStatus()));
}

TEST(Env, CreatesFilesForTheirOwnerOnly) {
  TempDir dir;
  ASSERT_OK(WriteFileDurably(Env::Posix(), dir.Join("f"), AsBytes("x")));
  struct stat st;
  ASSERT_EQ(::stat(dir.Join("f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST(Env, RefusesToCreateAFileTwice) {
  TempDir dir;
  Env& env = Env::Posix();
  ASSERT_OK(WriteFileDurably(env, dir.Join("f"), AsBytes("x")));
  EXPECT_THAT(env.OpenForWrite(dir.Join("f"), Env::OpenMode::kCreateNew),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(dir.Join("f"))));
}

void ExpectRenamesOnlyToNewNames(Env& env) {
  TempDir dir;
  ASSERT_OK(WriteFileDurably(env, dir.Join("a"), AsBytes("a")));
  ASSERT_OK(WriteFileDurably(env, dir.Join("b"), AsBytes("b")));
  EXPECT_THAT(env.RenameNew(dir.Join("a"), dir.Join("b")),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(dir.Join("b"))));
  EXPECT_EQ(Contents(dir.Join("a")), "a");
  EXPECT_EQ(Contents(dir.Join("b")), "b");
  ASSERT_OK(env.RenameNew(dir.Join("a"), dir.Join("c")));
  EXPECT_EQ(Contents(dir.Join("c")), "a");
  ASSERT_OK_AND_ASSIGN(auto names, env.List(dir.path()));
  EXPECT_THAT(names, ElementsAre("b", "c"));
}

TEST(Env, RenamesOnlyToNewNames) { ExpectRenamesOnlyToNewNames(Env::Posix()); }

// From now on, for this process.
void RefuseRenameat2() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {.len = std::size(filter), .filter = filter};
  EXPECT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  EXPECT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
  EXPECT_EQ(::syscall(SYS_renameat2, AT_FDCWD, "", AT_FDCWD, "", 0), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(Env, RenamesOnlyToNewNamesWhereTheFileSystemCannot) {
  EXPECT_EQ(StatusOfChild([] {
              RefuseRenameat2();
              ExpectRenamesOnlyToNewNames(Env::Posix());
              if (::testing::Test::HasFailure()) ::_exit(1);
            }),
            0);
}

TEST(Env, NamesTheMissingFile) {
  TempDir dir;
  EXPECT_THAT(Env::Posix().ReadFile(dir.Join("none"), 10),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(dir.Join("none"))));
}

TEST(Env, RefusesToReadWhatIsNoRegularFile) {
  TempDir dir;
  ASSERT_EQ(::mkfifo(dir.Join("fifo").c_str(), 0600), 0);
  EXPECT_THAT(Env::Posix().OpenForRead(dir.Join("fifo")),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Env::Posix().OpenForRead(dir.path()), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_TRUE(IsOfAnotherKind(Env::Posix().OpenForRead(dir.Join("fifo")).status()));
  EXPECT_TRUE(IsOfAnotherKind(Env::Posix().List(dir.Join("fifo")).status()));
  EXPECT_FALSE(IsOfAnotherKind(Env::Posix().OpenForRead(dir.Join("none")).status()));
}

TEST(Env, RefusesFilesLargerThanAllowed) {
  TempDir dir;
  ASSERT_OK(WriteFileDurably(Env::Posix(), dir.Join("f"), AsBytes("12345")));
  EXPECT_OK(Env::Posix().ReadFile(dir.Join("f"), 5));
  EXPECT_THAT(Env::Posix().ReadFile(dir.Join("f"), 4), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST(Env, ReportsAReadBehindTheEndAsDataLoss) {
  TempDir dir;
  ASSERT_OK(WriteFileDurably(Env::Posix(), dir.Join("f"), AsBytes("12345")));
  ASSERT_OK_AND_ASSIGN(auto file, Env::Posix().OpenForRead(dir.Join("f")));
  std::uint8_t out[3];
  EXPECT_OK(file->ReadAt(2, absl::MakeSpan(out)));
  EXPECT_THAT(file->ReadAt(3, absl::MakeSpan(out)), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(Env, LocksExcludeEachOther) {
  TempDir dir;
  Env& env = Env::Posix();
  {
    ASSERT_OK_AND_ASSIGN(auto lock, env.Lock(dir.Join("lock")));
    EXPECT_THAT(env.Lock(dir.Join("lock")), StatusIs(absl::StatusCode::kUnavailable));
  }
  EXPECT_OK(env.Lock(dir.Join("lock")));
}

TEST(Env, CreatesNestedFoldersAndListsSorted) {
  TempDir dir;
  Env& env = Env::Posix();
  ASSERT_OK(env.CreateDirs(dir.Join("a/b/c")));
  ASSERT_OK(env.CreateDirs(dir.Join("a/b/c")));
  ASSERT_OK(WriteFileDurably(env, dir.Join("a/z"), {}));
  ASSERT_OK_AND_ASSIGN(auto names, env.List(dir.Join("a")));
  EXPECT_THAT(names, ElementsAre("b", "z"));
  EXPECT_THAT(env.CreateDirs(dir.Join("a/z/d")), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(Env, GivesUpOnFoldersThatTakeNoChildren) {
  EXPECT_THAT(Env::Posix().CreateDirs("/proc/sealtrain/a/b"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/proc/sealtrain")));
}

TEST(WriteFileDurably, LeavesTheOldFileWhateverFailsBeforeTheRename) {
  using Op = FaultEnv::Op;
  for (Op op : {Op::kOpenForWrite, Op::kAppend, Op::kSync, Op::kRename}) {
    TempDir dir;
    FaultEnv env;
    ASSERT_OK(WriteFileDurably(env, dir.Join("f"), AsBytes("old")));
    env.FailOn(op, 0, absl::UnavailableError("injected"));
    EXPECT_THAT(WriteFileDurably(env, dir.Join("f"), AsBytes("new")),
                StatusIs(absl::StatusCode::kUnavailable, "injected"));
    EXPECT_EQ(Contents(dir.Join("f")), "old");
    ASSERT_OK_AND_ASSIGN(auto names, env.List(dir.path()));
    EXPECT_THAT(names, ElementsAre("f")) << "a temporary file was left behind";
  }
}

TEST(WriteFileDurably, SyncsTheFileBeforeTheRenameAndTheFolderAfter) {
  TempDir dir;
  FaultEnv env;
  ASSERT_OK(WriteFileDurably(env, dir.Join("f"), AsBytes("x")));
  EXPECT_EQ(env.count(FaultEnv::Op::kSync), 1);
  EXPECT_EQ(env.count(FaultEnv::Op::kSyncDir), 1);
  env.FailOn(FaultEnv::Op::kSyncDir, 0, absl::UnavailableError("injected"));
  EXPECT_THAT(WriteFileDurably(env, dir.Join("f"), AsBytes("y")),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Contents(dir.Join("f")), "y");
}

TEST(Paths, JoinAndSplit) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
  EXPECT_EQ(DirName("a/b"), "a");
  EXPECT_EQ(DirName("/b"), "/");
  EXPECT_EQ(DirName("b"), ".");
}

TEST(PosixEnv, CreatesFoldersForManyThreadsAtOnce) {
  const TempDir dir;
  for (int round = 0; round < 50; ++round) {
    const std::string path = dir.Join(absl::StrCat(round, "/a/b/c"));
    std::vector<absl::Status> results(4);
    std::vector<std::thread> threads;
    for (absl::Status& result : results) {
      threads.emplace_back([&] { result = Env::Posix().CreateDirs(path); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const absl::Status& result : results) EXPECT_OK(result);
  }
}

}  // namespace
}  // namespace sealtrain
