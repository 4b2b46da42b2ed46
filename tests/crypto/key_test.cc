#include "sealtrain/crypto/key.h"

#include <ostream>
#include <string>
#include <type_traits>

#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

template <class T>
concept Streamable = requires(std::ostream& os, const T& value) {
  os << value;
};
template <class T>
concept GivesBytesToAnyone = requires(const T& key) {
  key.bytes(KeyAccess());
};
template <class T>
concept GivesBytesForBraces = requires(const T& key) {
  key.bytes({});
};

// What must not compile, stated so that it does.
template <class K>
constexpr bool IsWellKept() {
  return !std::is_copy_constructible_v<K> && !std::is_copy_assignable_v<K> &&
         std::is_nothrow_move_constructible_v<K> && std::is_nothrow_move_assignable_v<K> &&
         !std::is_default_constructible_v<K> && !std::is_constructible_v<K, SecretBytes> &&
         !Streamable<K> && !GivesBytesForBraces<K>;
}
static_assert(IsWellKept<Dek>());
static_assert(IsWellKept<Kek>());
static_assert(IsWellKept<ClassKey>());
static_assert(IsWellKept<MacKey>());
static_assert(IsWellKept<TokenKey>());
// Nobody but its friends can make the KeyAccess that bytes() asks for.
static_assert(!std::is_default_constructible_v<KeyAccess> && !std::is_aggregate_v<KeyAccess>);

template <class... Keys>
struct Distinct {
  template <class K>
  static constexpr int kAcceptedBy = (std::is_constructible_v<Keys, K> + ...) +
                                     (std::is_assignable_v<Keys&, K> + ...);
  // Each key is made from and assigned from itself alone.
  static constexpr bool value = ((kAcceptedBy<Keys> == 2) && ...);
};
static_assert(Distinct<Dek, Kek, ClassKey, MacKey, TokenKey>::value);

static_assert(!std::is_copy_constructible_v<SigningKey> && !Streamable<SigningKey>);
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

TEST(Key, ShowsGoogleTestNoByte) {
  EXPECT_EQ(::testing::PrintToString(KeyOf<Dek>('S')), "<secret key>");
}

}  // namespace
}  // namespace sealtrain::crypto
