#include <string>

#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::StatusIs;

constexpr std::size_t kWrappedKeyBytes = 138;
constexpr std::size_t kMostSecretBytes = 65504;

TEST(KeyWrap, GivesTheKeyBack) {
  const Kek kek = KeyOf<Kek>(1);
  const Dek dek = KeyOf<Dek>(2);
  ASSERT_OK_AND_ASSIGN(Bytes wrapped, KeyWrap::Wrap(kek, AsBytes("context"), dek));
  EXPECT_EQ(wrapped.size(), kWrappedKeyBytes);
  ASSERT_OK_AND_ASSIGN(Dek unwrapped, KeyWrap::Unwrap<DekTag>(kek, AsBytes("context"), wrapped));
  ASSERT_OK_AND_ASSIGN(Bytes sealed, SealStream(dek, {}, AsBytes("x")));
  EXPECT_OK(OpenStream(unwrapped, {}, sealed));
}

TEST(KeyWrap, IsAOneSegmentStreamWithALabelledAad) {
  ASSERT_OK_AND_ASSIGN(Bytes wrapped,
                       KeyWrap::WrapBytes(KeyOf<Kek>(1), AsBytes("context"), AsBytes("secret")));
  ASSERT_OK_AND_ASSIGN(SecretBytes opened,
                       OpenStream(KeyOf<Dek>(1), AsBytes("sealtrain/wrap/1context"), wrapped));
  EXPECT_EQ(AsText(opened.span()), "secret");
}

TEST(KeyWrap, GivesSecretsOfEverySizeBack) {
  const Kek kek = KeyOf<Kek>(1);
  for (std::size_t size : Sizes{1, 32, 100, kMostSecretBytes}) {
    const Bytes secret = PseudorandomBytes(size, 3);
    ASSERT_OK_AND_ASSIGN(Bytes wrapped, KeyWrap::WrapBytes(kek, {}, secret));
    ASSERT_OK_AND_ASSIGN(SecretBytes unwrapped, KeyWrap::UnwrapBytes(kek, {}, wrapped));
    EXPECT_EQ(ToBytes(unwrapped.span()), secret);
  }
}

TEST(KeyWrap, RefusesWhatIsNoSecretOrTooMuch) {
  for (std::size_t size : Sizes{0, kMostSecretBytes + 1}) {
    EXPECT_THAT(KeyWrap::WrapBytes(KeyOf<Kek>(1), {}, Bytes(size)),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
}

TEST(KeyWrap, GivesSigningKeysBack) {
  const Kek kek = KeyOf<Kek>(1);
  ASSERT_OK_AND_ASSIGN(SigningKey key, SigningKey::FromSeed(SecretOf(Bytes(32, 9))));
  ASSERT_OK_AND_ASSIGN(Bytes wrapped, KeyWrap::Wrap(kek, AsBytes("context"), key));
  EXPECT_EQ(wrapped.size(), kWrappedKeyBytes);
  ASSERT_OK_AND_ASSIGN(SecretBytes seed, KeyWrap::UnwrapBytes(kek, AsBytes("context"), wrapped));
  EXPECT_EQ(ToBytes(seed.span()), Bytes(32, 9));
  ASSERT_OK_AND_ASSIGN(SigningKey unwrapped,
                       KeyWrap::UnwrapSigningKey(kek, AsBytes("context"), wrapped));
  EXPECT_EQ(unwrapped.public_key(), key.public_key());
  EXPECT_THAT(KeyWrap::UnwrapSigningKey(kek, AsBytes("other"), wrapped).status(),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(KeyWrap, WrapsNoMoreThanAKekMay) {
  const Kek kek = KeyOf<Kek>(1);
  ASSERT_OK(kek.CountSeals(kMaxSealsPerKey - 3));  // by other processes, say
  ASSERT_OK_AND_ASSIGN(Bytes wrapped, KeyWrap::Wrap(kek, {}, KeyOf<Dek>(2)));
  EXPECT_OK(KeyWrap::Wrap(kek, {}, SigningKey::FromSeed(SecretOf(Bytes(32, 9))).value()));
  EXPECT_OK(KeyWrap::WrapBytes(kek, {}, AsBytes("secret")));
  EXPECT_THAT(KeyWrap::Wrap(kek, {}, KeyOf<Dek>(2)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(KeyWrap::WrapBytes(kek, {}, AsBytes("secret")),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(KeyWrap::Unwrap<DekTag>(kek, {}, wrapped)) << "unwrapping is not counted";
}

TEST(KeyWrap, NeverWrapsTheSameWayTwice) {
  const Kek kek = KeyOf<Kek>(1);
  ASSERT_OK_AND_ASSIGN(Bytes a, KeyWrap::Wrap(kek, {}, KeyOf<Dek>(2)));
  ASSERT_OK_AND_ASSIGN(Bytes b, KeyWrap::Wrap(kek, {}, KeyOf<Dek>(2)));
  EXPECT_NE(a, b);
}

TEST(KeyWrap, RefusesAnotherKekOrContext) {
  ASSERT_OK_AND_ASSIGN(Bytes wrapped,
                       KeyWrap::Wrap(KeyOf<Kek>(1), AsBytes("mail/3"), KeyOf<Dek>(2)));
  EXPECT_THAT(KeyWrap::Unwrap<DekTag>(KeyOf<Kek>(2), AsBytes("mail/3"), wrapped),
              StatusIs(absl::StatusCode::kDataLoss));
  for (const char* context : {"", "mail/4", "mail/33", "mail/", "chat/3"}) {
    EXPECT_THAT(KeyWrap::Unwrap<DekTag>(KeyOf<Kek>(1), AsBytes(context), wrapped),
                StatusIs(absl::StatusCode::kDataLoss))
        << context;
  }
}

TEST(KeyWrap, RefusesEveryFlippedBit) {
  const Kek kek = KeyOf<Kek>(1);
  ASSERT_OK_AND_ASSIGN(Bytes wrapped, KeyWrap::Wrap(kek, AsBytes("c"), KeyOf<Dek>(2)));
  for (std::size_t bit = 0; bit < wrapped.size() * 8; ++bit) {
    Bytes changed = wrapped;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1 << bit % 8));
    ASSERT_THAT(KeyWrap::Unwrap<DekTag>(kek, AsBytes("c"), changed),
                StatusIs(absl::StatusCode::kDataLoss))
        << "bit " << bit;
  }
}

TEST(KeyWrap, RefusesEveryOtherLength) {
  const Kek kek = KeyOf<Kek>(1);
  ASSERT_OK_AND_ASSIGN(Bytes wrapped, KeyWrap::Wrap(kek, {}, KeyOf<Dek>(2)));
  for (std::size_t size = 0; size < wrapped.size(); ++size) {
    ASSERT_THAT(KeyWrap::UnwrapBytes(kek, {}, ByteSpan(wrapped).first(size)),
                StatusIs(absl::StatusCode::kDataLoss))
        << size;
  }
  Bytes longer = wrapped;
  longer.push_back(0);
  EXPECT_THAT(KeyWrap::UnwrapBytes(kek, {}, longer), StatusIs(absl::StatusCode::kDataLoss));
}

// Of two segments, whole and authentic: no wrap, all the same.
TEST(KeyWrap, RefusesALongerStreamUnderItsOwnKey) {
  ASSERT_OK_AND_ASSIGN(Bytes stream, SealStream(KeyOf<Dek>(1), AsBytes("sealtrain/wrap/1"),
                                                Bytes(kMostSecretBytes + 1)));
  EXPECT_THAT(KeyWrap::UnwrapBytes(KeyOf<Kek>(1), {}, stream),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(KeyWrap, RefusesToCallASecretOfAnotherSizeAKey) {
  const Kek kek = KeyOf<Kek>(1);
  ASSERT_OK_AND_ASSIGN(Bytes wrapped, KeyWrap::WrapBytes(kek, {}, Bytes(31)));
  EXPECT_THAT(KeyWrap::Unwrap<DekTag>(kek, {}, wrapped),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace sealtrain::crypto
