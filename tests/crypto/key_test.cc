#include "sealtrain/crypto/key.h"

#include <atomic>
#include <cstdint>
#include <ostream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

template <class T, class Access = KeyAccess>
concept GivesBytesToAnyone = requires(const T& key) {
  key.bytes(Access());
};
template <class T>
concept GivesBytesForBraces = requires(const T& key) {
  key.bytes({});
};
template <class T>
concept GivesBytesForNothing = requires(const T& key) {
  key.bytes();
};

// What must not compile, stated so that it does.
template <class K>
constexpr bool IsWellKept() {
  return !std::is_copy_constructible_v<K> && !std::is_copy_assignable_v<K> &&
         std::is_nothrow_move_constructible_v<K> && std::is_nothrow_move_assignable_v<K> &&
         !std::is_default_constructible_v<K> && !std::is_constructible_v<K, SecretBytes> &&
         !std::is_convertible_v<K, ByteSpan> && !std::is_convertible_v<K, std::string> &&
         !Streamable<K> && !GivesBytesToAnyone<K> && !GivesBytesForBraces<K> &&
         !GivesBytesForNothing<K>;
}
static_assert(IsWellKept<Dek>());
static_assert(IsWellKept<Kek>());
static_assert(IsWellKept<ClassKey>());
static_assert(IsWellKept<MacKey>());
static_assert(IsWellKept<TokenKey>());
// Nobody but its friends can make the KeyAccess that bytes() asks for: not from
// nothing, not from braces, not from another, not from other bytes.
static_assert(!std::is_default_constructible_v<KeyAccess> && !std::is_aggregate_v<KeyAccess>);
static_assert(!std::is_copy_constructible_v<KeyAccess> && !std::is_copy_assignable_v<KeyAccess>);
static_assert(!std::is_move_constructible_v<KeyAccess> && !std::is_move_assignable_v<KeyAccess>);
static_assert(!std::is_trivially_copyable_v<KeyAccess>, "std::bit_cast would make one");
// What looks like one is none.
struct Lookalike {};
static_assert(!std::is_constructible_v<KeyAccess, Lookalike> &&
              !std::is_convertible_v<Lookalike, const KeyAccess&>);

template <class... Keys>
struct Distinct {
  template <class K>
  static constexpr int kAcceptedBy = (std::is_constructible_v<Keys, K> + ...) +
                                     (std::is_assignable_v<Keys&, K> + ...);
  // Each key is made from and assigned from itself alone.
  static constexpr bool value = ((kAcceptedBy<Keys> == 2) && ...);
};
static_assert(Distinct<Dek, Kek, ClassKey, MacKey, TokenKey>::value);

template <class T>
concept GivesSeedToAnyone = requires(const T& key) {
  key.seed();
};
template <class T>
concept GivesSeedForBraces = requires(const T& key) {
  key.seed({});
};
static_assert(!std::is_copy_constructible_v<SigningKey> && !Streamable<SigningKey>);
static_assert(!GivesSeedToAnyone<SigningKey> && !GivesSeedForBraces<SigningKey>);
static_assert(!std::is_copy_constructible_v<StreamSealer>);
static_assert(!std::is_copy_constructible_v<StreamOpener>);
static_assert(!std::is_copy_constructible_v<SegmentOpener>);
static_assert(std::is_invocable_v<decltype(&StreamSealer::Create), const Dek&, ByteSpan,
                                  const StreamOptions&>);
static_assert(!std::is_invocable_v<decltype(&StreamSealer::Create), const Kek&, ByteSpan,
                                   const StreamOptions&>);

TEST(Key, TakesExactly32Bytes) {
  EXPECT_OK(Dek::FromBytes(SecretOf(Bytes(32, 1))));
  for (std::size_t size : Sizes{0, 16, 31, 33, 64}) {
    EXPECT_THAT(Dek::FromBytes(SecretOf(Bytes(size, 1))),
                testing::StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
}

TEST(Key, IsFreshWhenGenerated) {
  ASSERT_OK_AND_ASSIGN(Dek a, Dek::Generate());
  ASSERT_OK_AND_ASSIGN(Dek b, Dek::Generate());
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealStream(a, {}, AsBytes("x")));
  EXPECT_OK(OpenStream(a, {}, sealed));
  EXPECT_THAT(OpenStream(b, {}, sealed), testing::StatusIs(absl::StatusCode::kDataLoss));
}

TEST(Key, CountsItsSealsAndRefusesTheOneTooMany) {
  const Dek key = KeyOf<Dek>(1);
  EXPECT_EQ(key.seals_left(), std::uint64_t{1} << 32);
  ASSERT_OK(key.CountSeals(kMaxSealsPerKey - 3));
  EXPECT_EQ(key.seals_left(), 3u);
  EXPECT_THAT(key.CountSeals(4), testing::StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(key.seals_left(), 3u) << "a refusal takes nothing";
  EXPECT_OK(key.CountSeals(3));
  EXPECT_THAT(key.CountSeals(1), testing::StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(key.CountSeals(0));
}

TEST(Key, TakesItsCountAlongWhenMoved) {
  Dek key = KeyOf<Dek>(1);
  ASSERT_OK(key.CountSeals(10));
  Dek moved = std::move(key);
  EXPECT_EQ(moved.seals_left(), kMaxSealsPerKey - 10);
  EXPECT_EQ(key.seals_left(), 0u);  // NOLINT(bugprone-use-after-move): what is left is promised
  Dek assigned = KeyOf<Dek>(2);
  assigned = std::move(moved);
  EXPECT_EQ(assigned.seals_left(), kMaxSealsPerKey - 10);
}

TEST(Key, CountsTheSealsOfAllThreads) {
  const Dek key = KeyOf<Dek>(1);
  ASSERT_OK(key.CountSeals(kMaxSealsPerKey - 1000));
  std::atomic<int> granted = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) granted += key.CountSeals(1).ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(granted, 1000);
}

TEST(Key, ShowsGoogleTestNoByte) {
  EXPECT_EQ(::testing::PrintToString(KeyOf<Dek>('S')), "<secret key>");
}

}  // namespace
}  // namespace sealtrain::crypto
