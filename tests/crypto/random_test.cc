#include "sealtrain/crypto/random.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <string>

#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/getrandom_seam.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::FailsAfter;
using testing::KernelGetrandom;
using testing::ScopedGetrandom;
using testing::StatusIs;

TEST(RandomFill, FillsEveryByte) {
  // No byte stays zero over 64 draws, save once in 2^505.
  Bytes seen(100);
  for (int i = 0; i < 64; ++i) {
    Bytes drawn(seen.size());
    ASSERT_OK(RandomFill(absl::MakeSpan(drawn)));
    for (std::size_t j = 0; j < seen.size(); ++j) {
      seen[j] = static_cast<std::uint8_t>(seen[j] | drawn[j]);
    }
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 0), 0);
  EXPECT_OK(RandomFill({}));
}

TEST(RandomFill, GoesOnAfterShortAndInterruptedDraws) {
  int calls = 0;
  const ScopedGetrandom seam([&](void* out, std::size_t size) -> ssize_t {
    if (++calls % 2 == 0) {
      errno = EINTR;
      return -1;
    }
    const std::size_t some = std::min<std::size_t>(size, 3);
    std::memset(out, 0xAB, some);
    return static_cast<ssize_t>(some);
  });
  Bytes out(10);
  ASSERT_OK(RandomFill(absl::MakeSpan(out)));
  EXPECT_EQ(out, Bytes(10, 0xAB));
  EXPECT_EQ(calls, 7);
}

TEST(RandomFill, FailsWithoutLeavingAPartialDraw) {
  for (const int error : {EIO, ENOSYS, EAGAIN, 0}) {
    int calls = 0;
    const ScopedGetrandom seam([&](void* out, std::size_t) -> ssize_t {
      if (++calls == 1) {
        std::memset(out, 0xAB, 4);
        return 4;
      }
      errno = error;
      return error == 0 ? 0 : -1;  // a draw of nothing is none, either
    });
    Bytes out(10, 1);
    EXPECT_THAT(RandomFill(absl::MakeSpan(out)), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_EQ(out, Bytes(10)) << "errno " << error;
  }
}

TEST(RandomId, NeverComesTwice) {
  std::set<Id> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(RandomId().value());
  EXPECT_EQ(ids.size(), 1000u);
}

TEST(RandomId, DiffersInAForkedChild) {
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  ASSERT_OK(RandomId());
  const pid_t child = ::fork();
  if (child == 0) {
    const Id id = RandomId().value();
    ::_exit(::write(fds[1], id.data(), id.size()) == static_cast<ssize_t>(id.size()) ? 0 : 1);
  }
  ::close(fds[1]);
  ASSERT_OK_AND_ASSIGN(const Id ours, RandomId());
  Id theirs{};
  EXPECT_EQ(::read(fds[0], theirs.data(), theirs.size()), static_cast<ssize_t>(theirs.size()));
  EXPECT_NE(ours, theirs);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ::close(fds[0]);
}

TEST(KeysWithoutRandomBytes, AreNotMade) {
  ASSERT_OK(SecretBytes::Allocate(1));  // the heap has drawn its canary
  const ScopedGetrandom seam(FailsAfter(0));
  const absl::StatusCode unavailable = absl::StatusCode::kUnavailable;
  EXPECT_THAT(RandomId(), StatusIs(unavailable));
  EXPECT_THAT(SecretBytes::Random(32).status(), StatusIs(unavailable));
  EXPECT_THAT(Dek::Generate().status(), StatusIs(unavailable));
  EXPECT_THAT(SigningKey::Generate().status(), StatusIs(unavailable));
}

TEST(SealingWithoutRandomBytes, FailsAtEveryDraw) {
  constexpr StreamOptions kTiny = TestSizes(40);
  const Dek key = KeyOf<Dek>(1);
  constexpr std::size_t kPlaintextBytes = 14 * 8;
  constexpr int kDraws = 1 + 3;  // IV; 2, 4 and 8 nonces
  for (int draws = 0; draws < kDraws; ++draws) {
    const ScopedGetrandom seam(FailsAfter(draws));
    EXPECT_THAT(SealStream(key, {}, Bytes(kPlaintextBytes), kTiny),
                StatusIs(absl::StatusCode::kUnavailable))
        << draws;
  }
  const ScopedGetrandom seam(FailsAfter(kDraws));
  EXPECT_OK(SealStream(key, {}, Bytes(kPlaintextBytes), kTiny));
}

TEST(SealingWithRandomBytes, TakesEachNonceOnce) {
  constexpr std::size_t kSegments = 500;
  const Dek key = KeyOf<Dek>(1);
  ASSERT_OK_AND_ASSIGN(const Bytes stream,
                       SealStream(key, {}, Bytes(kSegments * 8), TestSizes(40)));
  std::set<std::string> nonces;
  for (std::size_t i = 0; i < kSegments; ++i) {
    const ByteSpan segment = ByteSpan(stream).subspan(kStreamHeaderBytes + 40 * i, 40);
    nonces.insert(std::string(AsText(segment.subspan(4, 12))));
  }
  EXPECT_EQ(nonces.size(), kSegments);
}

TEST(SealingWithoutRandomBytes, LeavesNothingAndMayBeTriedAgain) {
  constexpr StreamOptions kTiny = TestSizes(40);
  const Dek key = KeyOf<Dek>(1);
  ASSERT_OK_AND_ASSIGN(StreamSealer sealer, StreamSealer::Create(key, {}, kTiny));
  Bytes stream = ToBytes(sealer.header());
  stream.resize(kStreamHeaderBytes + 40, 0xAA);
  const MutableByteSpan segment = absl::MakeSpan(stream).subspan(kStreamHeaderBytes);
  {
    const ScopedGetrandom seam(FailsAfter(0));
    EXPECT_THAT(sealer.SealFinalSegment(AsBytes("12345678"), segment),
                StatusIs(absl::StatusCode::kUnavailable));
  }
  EXPECT_EQ(ToBytes(segment), Bytes(40));
  ASSERT_OK(sealer.SealFinalSegment(AsBytes("12345678"), segment));
  // What could not be drawn was not kept for later.
  EXPECT_NE(ToBytes(segment.subspan(4, 12)), Bytes(12));
  EXPECT_OK(OpenStream(key, {}, stream, kTiny));
}

TEST(SealingWithoutRandomBytes, WrapsNoKey) {
  const Kek kek = KeyOf<Kek>(1);
  const Dek dek = KeyOf<Dek>(2);
  for (int draws = 0; draws < 2; ++draws) {
    const ScopedGetrandom seam(FailsAfter(draws));
    EXPECT_THAT(KeyWrap::Wrap(kek, {}, dek), StatusIs(absl::StatusCode::kUnavailable)) << draws;
  }
}

}  // namespace
}  // namespace sealtrain::crypto
