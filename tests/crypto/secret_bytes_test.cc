#include "sealtrain/crypto/secret_bytes.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <type_traits>

#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Sanitizers replace mlock by a function that does nothing and says it did.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kRealMlock = false;
#else
constexpr bool kRealMlock = true;
#endif

template <class T>
concept Streamable = requires(std::ostream& os, const T& value) {
  os << value;
};
static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);
static_assert(std::is_nothrow_move_assignable_v<SecretBytes>);
static_assert(!Streamable<SecretBytes>);
static_assert(!std::is_convertible_v<SecretBytes, std::string>);
static_assert(!std::is_convertible_v<SecretBytes, ByteSpan>);

// One page, the last size of the guarded heap, and two of our own mappings.
class SecretBytesOfSize : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, SecretBytesOfSize,
                         ::testing::Values(1, 32, 33, 4096, std::size_t{1} << 20,
                                           (std::size_t{1} << 20) + 1, std::size_t{3} << 20));

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
}

// Runs where memory cannot be locked: exits 0 if the buffer is whole, says so,
// and its pages are indeed unlocked.
void CheckWithoutLockableMemory(std::size_t size) {
  const rlimit none = {0, 0};
  if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) ::_exit(10);
  // Root may lock without limit; nobody else may.
  if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(11);
  absl::StatusOr<SecretBytes> secret = SecretBytes::CopyFrom(Bytes(size, 7));
  if (!secret.ok()) ::_exit(12);
  if (secret->locked()) ::_exit(13);
  if (!AllAre(secret->span(), 7)) ::_exit(14);
  secret->Clear();
  ::_exit(0);
}

TEST_P(SecretBytesOfSize, WorksUnlockedWhereLockingIsRefused) {
  if (!kRealMlock) GTEST_SKIP() << "sanitizers disable mlock";
  EXPECT_EXIT(CheckWithoutLockableMemory(GetParam()), ::testing::ExitedWithCode(0), "");
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
  EXPECT_FALSE(secret.locked());
  EXPECT_EQ(secret.span().data(), nullptr);
  secret.Clear();
  EXPECT_TRUE(secret.empty());
}

TEST_P(SecretBytesOfSize, IsGuardedBehindItsEnd) {
  ASSERT_OK_AND_ASSIGN(SecretBytes secret, SecretBytes::Allocate(GetParam()));
  const std::size_t end = (GetParam() + kSecretAlignment - 1) / kSecretAlignment * kSecretAlignment;
  volatile std::uint8_t* data = secret.mutable_span().data();
  data[end - 1] = 1;  // still ours
  EXPECT_DEATH(data[end] = 1, "");
}

TEST(SecretBytes, AbortsWhenItsCanaryWasOverwritten) {
  EXPECT_DEATH(
      {
        SecretBytes secret = SecretBytes::Allocate(32).value();
        volatile std::uint8_t* data = secret.mutable_span().data();
        data[-1] = static_cast<std::uint8_t>(data[-1] ^ 1);
        secret.Clear();
      },
      "");
}

// The exit code of a child that reads the first byte of `secret`.
int FirstByteInForkedChild(const SecretBytes& secret) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(secret.span()[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(SecretBytes, KeepsLargeBuffersFromForkedChildren) {
  ASSERT_OK_AND_ASSIGN(SecretBytes large, SecretBytes::CopyFrom(Bytes(2 << 20, 42)));
  EXPECT_EQ(FirstByteInForkedChild(large), 0);
  EXPECT_EQ(large.span()[0], 42);
}

TEST(SecretBytes, LeavesKeysIntactInForkedChildren) {
  ASSERT_OK_AND_ASSIGN(SecretBytes key, SecretBytes::CopyFrom(Bytes(32, 42)));
  EXPECT_EQ(FirstByteInForkedChild(key), 42);
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
  EXPECT_NE(RandomId(), RandomId());
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
