#include "sealtrain/crypto/secret_bytes.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/child_process.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::StatusOfChild;

// Sanitizers replace mlock by a function that does nothing and says it did.
#if defined(ABSL_HAVE_ADDRESS_SANITIZER) || defined(ABSL_HAVE_THREAD_SANITIZER)
constexpr bool kRealMlock = false;
#else
constexpr bool kRealMlock = true;
#endif

#if defined(ABSL_HAVE_ADDRESS_SANITIZER)
constexpr bool kAddressSanitizer = true;
#else
constexpr bool kAddressSanitizer = false;
#endif

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);
static_assert(std::is_nothrow_move_assignable_v<SecretBytes>);
static_assert(!Streamable<SecretBytes>);
static_assert(!std::is_convertible_v<SecretBytes, std::string>);
static_assert(!std::is_convertible_v<SecretBytes, ByteSpan>);

// Shared regions up to 64 KiB, pages of its own above, and huge pages from 2 MiB on.
constexpr std::size_t kMostInRegion = std::size_t{64} << 10;
class SecretBytesOfSize : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, SecretBytesOfSize,
                         ::testing::Values(1, 32, 33, 4096, kMostInRegion, kMostInRegion + 1,
                                           (std::size_t{2} << 20) - 1, std::size_t{2} << 20,
                                           (std::size_t{3} << 20) + 1));

bool AllAre(ByteSpan bytes, std::uint8_t value) {
  return std::all_of(bytes.begin(), bytes.end(), [&](std::uint8_t byte) { return byte == value; });
}

// The "VmFlags" of the mapping around `address`, from /proc/self/smaps.
std::string VmFlagsAt(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream fields(line);
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    if (fields >> std::hex >> begin >> dash >> end && dash == '-') {
      inside = begin <= wanted && wanted < end;
    } else if (inside && line.rfind("VmFlags:", 0) == 0) {
      return line + " ";
    }
  }
  return "";
}

TEST_P(SecretBytesOfSize, StartsAsAlignedZeros) {
  ASSERT_OK_AND_ASSIGN(SecretBytes secret, SecretBytes::Allocate(GetParam()));
  EXPECT_EQ(secret.size(), GetParam());
  EXPECT_TRUE(AllAre(secret.span(), 0));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(secret.span().data()) % kSecretAlignment, 0u);
}

TEST_P(SecretBytesOfSize, CopiesWhatItIsGiven) {
  const Bytes bytes = PseudorandomBytes(GetParam(), 1);
  ASSERT_OK_AND_ASSIGN(SecretBytes secret, SecretBytes::CopyFrom(bytes));
  EXPECT_TRUE(secret.span() == ByteSpan(bytes));
}

TEST_P(SecretBytesOfSize, IsLeftOutOfCoreDumps) {
  ASSERT_OK_AND_ASSIGN(SecretBytes secret, SecretBytes::Allocate(GetParam()));
  EXPECT_THAT(VmFlagsAt(secret.span().data()), HasSubstr(" dd "));
  EXPECT_THAT(VmFlagsAt(&secret), Not(HasSubstr(" dd ")));
}

TEST_P(SecretBytesOfSize, TellsTheTruthAboutLocking) {
  if (!kRealMlock) GTEST_SKIP() << "sanitizers disable mlock";
  ASSERT_OK_AND_ASSIGN(SecretBytes secret, SecretBytes::Allocate(GetParam()));
  const std::string flags = VmFlagsAt(secret.span().data());
  ASSERT_FALSE(flags.empty());
  EXPECT_EQ(secret.locked(), flags.find(" lo ") != std::string::npos) << flags;
  EXPECT_EQ(secret.locked(), secret.memory() != SecretMemory::kUnlocked);
}

// Whether /proc/PID/mem, which needs no more than the right to trace, shows it.
bool ShowsInProcMem(const SecretBytes& secret) {
  const int fd = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  EXPECT_GE(fd, 0);
  std::uint8_t byte = 0;
  const auto address = reinterpret_cast<std::uintptr_t>(secret.span().data());
  const bool shows = ::pread(fd, &byte, 1, static_cast<off_t>(address)) == 1;
  EXPECT_TRUE(!shows || byte == secret.span()[0]);
  ::close(fd);
  return shows;
}

TEST_P(SecretBytesOfSize, TellsTheTruthAboutHiding) {
  ASSERT_OK_AND_ASSIGN(SecretBytes secret, SecretBytes::CopyFrom(Bytes(GetParam(), 42)));
  EXPECT_EQ(ShowsInProcMem(secret), secret.memory() != SecretMemory::kHidden);
}

bool KernelHides() {
  const int fd = static_cast<int>(::syscall(SYS_memfd_secret, O_CLOEXEC));
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

TEST(SecretBytes, HidesKeysAndSegmentsWhereTheKernelCan) {
  if (!KernelHides()) GTEST_SKIP() << "this kernel has no memfd_secret";
  for (const std::size_t size : {std::size_t{32}, kMostInRegion}) {
    EXPECT_EQ(SecretBytes::Allocate(size)->memory(), SecretMemory::kHidden) << size;
  }
}

// In a child, whose heap is empty: no more than that may be locked from here on.
void LimitLockedMemory(std::size_t bytes) {
  const rlimit limit = {bytes, bytes};
  if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0) ::_exit(10);
  // Root may lock without limit; nobody else may.
  if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(11);
}

// Runs where memory cannot be locked: exits 0 if the buffer is whole, says so,
// and its pages are indeed unlocked.
void CheckWithoutLockableMemory(std::size_t size) {
  LimitLockedMemory(0);
  absl::StatusOr<SecretBytes> secret = SecretBytes::CopyFrom(Bytes(size, 7));
  if (!secret.ok()) ::_exit(12);
  if (secret->memory() != SecretMemory::kUnlocked) ::_exit(13);
  if (!AllAre(secret->span(), 7)) ::_exit(14);
  secret->Clear();
  ::_exit(0);
}

TEST_P(SecretBytesOfSize, WorksUnlockedWhereLockingIsRefused) {
  if (!kRealMlock) GTEST_SKIP() << "sanitizers disable mlock";
  EXPECT_EXIT(CheckWithoutLockableMemory(GetParam()), ::testing::ExitedWithCode(0), "");
}

// A kernel as old as 5.13, from here on.
void TakeMemfdSecretAway() {
  const sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_secret, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {std::size(program), const_cast<sock_filter*>(program)};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(10);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) ::_exit(11);
}

void CheckWithoutMemfdSecret(std::size_t size) {
  TakeMemfdSecretAway();
  absl::StatusOr<SecretBytes> secret = SecretBytes::CopyFrom(Bytes(size, 7));
  if (!secret.ok()) ::_exit(12);
  if (secret->memory() != SecretMemory::kLocked) ::_exit(13);
  if (!AllAre(secret->span(), 7)) ::_exit(14);
  ::_exit(0);
}

TEST_P(SecretBytesOfSize, LocksWhereTheKernelCannotHide) {
  EXPECT_EXIT(CheckWithoutMemfdSecret(GetParam()), ::testing::ExitedWithCode(0), "");
}

void CheckWithALittleLockableMemory() {
  LimitLockedMemory(64 << 10);
  const absl::StatusOr<SecretBytes> segment = SecretBytes::Allocate(kMostInRegion);
  const absl::StatusOr<SecretBytes> key = SecretBytes::Allocate(32);
  if (!segment.ok() || !key.ok()) ::_exit(12);
  if (segment->locked()) ::_exit(13);
  ::_exit(key->locked() ? 0 : 14);
}

TEST(SecretBytes, LocksKeysEvenWhereNothingElseFits) {
  if (!kRealMlock) GTEST_SKIP() << "sanitizers disable mlock";
  EXPECT_EXIT(CheckWithALittleLockableMemory(), ::testing::ExitedWithCode(0), "");
}

void CheckKeysBesidePlaintext() {
  LimitLockedMemory(8 << 20);
  std::vector<SecretBytes> plaintext;
  do {
    plaintext.push_back(SecretBytes::Allocate(1 << 20).value());
  } while (plaintext.back().locked());
  if (plaintext.size() < 7) ::_exit(12);  // the limit is used
  ::_exit(SecretBytes::Allocate(32)->locked() ? 0 : 13);
}

TEST(SecretBytes, LocksKeysEvenWherePlaintextTookTheRest) {
  if (!kRealMlock) GTEST_SKIP() << "sanitizers disable mlock";
  EXPECT_EXIT(CheckKeysBesidePlaintext(), ::testing::ExitedWithCode(0), "");
}

TEST_P(SecretBytesOfSize, HandsItsContentsOverWhenMoved) {
  ASSERT_OK_AND_ASSIGN(SecretBytes from, SecretBytes::CopyFrom(Bytes(GetParam(), 5)));
  const bool locked = from.locked();
  SecretBytes to = std::move(from);
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): what is left is promised
  EXPECT_FALSE(from.locked());
  EXPECT_EQ(to.size(), GetParam());
  EXPECT_EQ(to.locked(), locked);
  EXPECT_TRUE(AllAre(to.span(), 5));

  ASSERT_OK_AND_ASSIGN(SecretBytes other, SecretBytes::CopyFrom(Bytes(3, 9)));
  to = std::move(other);
  EXPECT_EQ(to.size(), 3u);
  EXPECT_TRUE(AllAre(to.span(), 9));
}

TEST_P(SecretBytesOfSize, IsEmptyOnceCleared) {
  ASSERT_OK_AND_ASSIGN(SecretBytes secret, SecretBytes::CopyFrom(Bytes(GetParam(), 5)));
  secret.Clear();
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(secret.memory(), SecretMemory::kUnlocked);
  EXPECT_EQ(secret.span().data(), nullptr);
  secret.Clear();
  EXPECT_TRUE(secret.empty());
}

// A death test's child has none of our secrets: each makes its own.
void WriteAt(std::size_t size, std::ptrdiff_t offset) {
  SecretBytes secret = SecretBytes::Allocate(size).value();
  volatile std::uint8_t* data = secret.mutable_span().data();
  data[size - 1] = 1;  // still ours
  data[offset] = static_cast<std::uint8_t>(data[offset] ^ 1);
  secret.Clear();
  ::_exit(0);
}

TEST_P(SecretBytesOfSize, EndsTheProcessThatWroteBehindItsEnd) {
  const auto size = static_cast<std::ptrdiff_t>(GetParam());
  EXPECT_EXIT(WriteAt(GetParam(), size - 1), ::testing::ExitedWithCode(0), "");
  EXPECT_DEATH(WriteAt(GetParam(), size), "");
  EXPECT_DEATH(WriteAt(GetParam(), size + 31), "");
}

TEST(SecretBytes, EndsTheProcessThatWroteBeforeItsBeginning) {
  EXPECT_DEATH(WriteAt(32, -1), "");
  EXPECT_DEATH(WriteAt(32, -32), "");
}

TEST(SecretBytes, EndsTheProcessThatWroteToWhatWasFreed) {
  const auto write = [] {
    SecretBytes secret = SecretBytes::Allocate(32).value();
    volatile std::uint8_t* data = secret.mutable_span().data();
    secret.Clear();
    data[5] = 1;
    secret = SecretBytes::Allocate(32).value();
    ::_exit(0);
  };
  EXPECT_DEATH(write(), "");
}

TEST(SecretBytes, EndsTheProcessThatReadsFarBehindItsEnd) {
  const auto read = [] {
    const SecretBytes secret = SecretBytes::Allocate(32).value();
    volatile const std::uint8_t* data = secret.span().data();
    for (std::size_t i = 0; i < (std::size_t{1} << 20); i += 32) static_cast<void>(data[i]);
    ::_exit(0);
  };
  EXPECT_DEATH(read(), "");
}

TEST(SecretBytes, LeavesZerosWhereItWas) {
  if (kAddressSanitizer) GTEST_SKIP() << "reading what was freed is what it forbids";
  ASSERT_OK_AND_ASSIGN(SecretBytes neighbour, SecretBytes::CopyFrom(Bytes(32, 7)));
  const auto bytes_left_by = [](void (*lose)(SecretBytes&)) {
    SecretBytes secret = SecretBytes::CopyFrom(Bytes(1000, 42)).value();
    const volatile std::uint8_t* was = secret.span().data();
    lose(secret);
    int left = 0;
    for (std::size_t i = 0; i < 1000; ++i) left += was[i] == 0 ? 0 : 1;
    return left;
  };
  EXPECT_EQ(bytes_left_by([](SecretBytes&) {}), 1000) << "what is checked is not checked";
  EXPECT_EQ(bytes_left_by([](SecretBytes& secret) { secret.Clear(); }), 0);
  EXPECT_EQ(bytes_left_by([](SecretBytes& secret) { secret = SecretBytes(); }), 0);
  EXPECT_EQ(bytes_left_by([](SecretBytes& secret) { SecretBytes gone = std::move(secret); }), 0);
  EXPECT_TRUE(AllAre(neighbour.span(), 7));
}

// Seeded: blocks of many sizes come and go, and each keeps what it was given.
TEST(SecretBytes, NeverSharesAByteWithAnother) {
  std::mt19937 random(7);
  struct Held {
    SecretBytes secret;
    std::uint8_t value;
  };
  std::vector<Held> held;
  for (int step = 0; step < 20000; ++step) {
    if (held.size() < 300 && random() % 2 == 0) {
      const std::size_t size = random() % 8 == 0 ? random() % 70000 + 1 : random() % 100 + 1;
      const auto value = static_cast<std::uint8_t>(random());
      held.push_back({SecretBytes::CopyFrom(Bytes(size, value)).value(), value});
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      ASSERT_TRUE(AllAre(held.back().secret.span(), held.back().value)) << "step " << step;
      held.pop_back();
    }
  }
  for (const Held& each : held) EXPECT_TRUE(AllAre(each.secret.span(), each.value));
}

TEST(SecretBytes, MakesRoomForSegmentsOfWhatKeysGaveBack) {
  // A child has a heap that nothing lies in yet.
  EXPECT_EQ(StatusOfChild([] {
              std::vector<SecretBytes> keys;
              // All but the last few KiB of a region of 256 KiB.
              for (int i = 0; i < 2600; ++i) keys.push_back(SecretBytes::Allocate(32).value());
              const auto address = [](const SecretBytes& secret) {
                return reinterpret_cast<std::uintptr_t>(secret.span().data());
              };
              const std::uintptr_t first = address(keys.front());
              const std::uintptr_t last = address(keys.back());
              // Neither from one end to the other nor back: both neighbours join.
              for (std::size_t i = 0; i < keys.size(); i += 2) keys[i].Clear();
              for (std::size_t i = 1; i < keys.size(); i += 2) keys[i].Clear();
              const SecretBytes segment = SecretBytes::Allocate(kMostInRegion).value();
              ::_exit(first <= address(segment) && address(segment) <= last ? 0 : 1);
            }),
            0);
}

TEST(SecretBytes, MaySpreadOverThreads) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (std::size_t thread = 0; thread < wrong.size(); ++thread) {
    threads.emplace_back([thread, &wrong] {
      const auto value = static_cast<std::uint8_t>(thread + 1);
      for (std::size_t i = 0; i < 3000; ++i) {
        const std::size_t size = i % 100 == 0 ? 70000 : i % 200 + 1;
        const SecretBytes secret = SecretBytes::CopyFrom(Bytes(size, value)).value();
        wrong[thread] += AllAre(secret.span(), value) ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST_P(SecretBytesOfSize, IsNotInheritedByForkedChildren) {
  ASSERT_OK_AND_ASSIGN(SecretBytes secret, SecretBytes::CopyFrom(Bytes(GetParam(), 42)));
  EXPECT_FALSE(secret.left_behind());
  const int status = StatusOfChild([&] {
    // A sanitizer would only report the signal.
    static_cast<void>(::signal(SIGSEGV, SIG_DFL));
    if (!secret.left_behind()) ::_exit(3);
    // Neither is what the child makes put where the parent's secrets were.
    std::vector<SecretBytes> own;
    for (int i = 0; i < 20; ++i) own.push_back(SecretBytes::CopyFrom(Bytes(GetParam(), 7)).value());
    ::_exit(secret.span()[0]);
  });
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) << status;
  EXPECT_FALSE(secret.left_behind());
  EXPECT_TRUE(AllAre(secret.span(), 42));
}

TEST_P(SecretBytesOfSize, MayBeMovedAndDestroyedInAForkedChild) {
  ASSERT_OK_AND_ASSIGN(SecretBytes secret, SecretBytes::CopyFrom(Bytes(GetParam(), 42)));
  const int status = StatusOfChild([&] {
    SecretBytes moved = std::move(secret);
    if (!moved.left_behind() || moved.size() != GetParam()) ::_exit(1);
    SecretBytes own = SecretBytes::CopyFrom(Bytes(GetParam(), 7)).value();
    moved = std::move(own);
    ::_exit(!moved.left_behind() && AllAre(moved.span(), 7) ? 0 : 2);
  });
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(AllAre(secret.span(), 42)) << "what the child wipes is its own";
}

TEST(SecretBytes, MayHaveNoBytes) {
  ASSERT_OK_AND_ASSIGN(SecretBytes secret, SecretBytes::Allocate(0));
  EXPECT_TRUE(secret.empty());
  ASSERT_OK_AND_ASSIGN(secret, SecretBytes::CopyFrom({}));
  EXPECT_TRUE(secret.empty());
}

TEST(SecretBytes, RefusesWhatNoMachineHas) {
  for (std::size_t size :
       Sizes{std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() / 2,
             std::size_t{1} << 56}) {
    EXPECT_THAT(SecretBytes::Allocate(size), testing::StatusIs(absl::StatusCode::kUnavailable));
  }
}

TEST(SecretBytes, DrawsDifferentRandomBytes) {
  ASSERT_OK_AND_ASSIGN(SecretBytes a, SecretBytes::Random(32));
  ASSERT_OK_AND_ASSIGN(SecretBytes b, SecretBytes::Random(32));
  EXPECT_FALSE(ConstantTimeEqual(a.span(), b.span()));
}

TEST(SecretBytes, ShowsGoogleTestNoByte) {
  ASSERT_OK_AND_ASSIGN(SecretBytes secret, SecretBytes::CopyFrom(Bytes(16, 'S')));
  EXPECT_EQ(::testing::PrintToString(secret), "<secret, 16 bytes>");
}

TEST(Wipe, LeavesZeros) {
  Bytes bytes(100, 1);
  Wipe(absl::MakeSpan(bytes));
  EXPECT_TRUE(AllAre(bytes, 0));
  Wipe({});
}

TEST(ConstantTimeEqual, ComparesSizesAndEveryByte) {
  const Bytes a = PseudorandomBytes(48, 2);
  EXPECT_TRUE(ConstantTimeEqual(a, a));
  EXPECT_TRUE(ConstantTimeEqual({}, {}));
  EXPECT_FALSE(ConstantTimeEqual(a, ByteSpan(a).first(47)));
  EXPECT_FALSE(ConstantTimeEqual({}, a));
  for (std::size_t i = 0; i < a.size(); ++i) {
    Bytes b = a;
    b[i] ^= 0x80;
    EXPECT_FALSE(ConstantTimeEqual(a, b)) << "byte " << i;
  }
}

}  // namespace
}  // namespace sealtrain::crypto
