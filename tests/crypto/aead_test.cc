#include "sealtrain/crypto/aead_internal.h"

#include <limits>

#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::StatusIs;

const Bytes kKey(32, 1);
const Bytes kNonce(kNonceBytes, 2);
const Bytes kAad = {3, 4, 5};

Aes256Gcm Keyed(ByteSpan key) {
  Aes256Gcm aead = Aes256Gcm::Create().value();
  EXPECT_OK(aead.SetKey(key));
  return aead;
}

// McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13 to 15:
// all-zero key and nonce, then no plaintext and one block of zeros.
TEST(Aes256Gcm, MatchesKnownAnswers) {
  Aes256Gcm aead = Keyed(Bytes(32));
  Bytes sealed(16);
  ASSERT_OK(aead.Seal(Bytes(12), {}, {}, absl::MakeSpan(sealed)));
  EXPECT_EQ(HexEncode(sealed), "530f8afbc74536b9a963b4f1c4cb738b");
  sealed.resize(32);
  ASSERT_OK(aead.Seal(Bytes(12), {}, Bytes(16), absl::MakeSpan(sealed)));
  EXPECT_EQ(HexEncode(sealed), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(Aes256Gcm, OpensWhatItSealed) {
  Aes256Gcm aead = Keyed(kKey);
  for (std::size_t size : Sizes{0, 1, 15, 16, 17, 1000}) {
    const Bytes plaintext = PseudorandomBytes(size, 1);
    Bytes sealed(size + kTagBytes);
    Bytes opened(size);
    ASSERT_OK(aead.Seal(kNonce, kAad, plaintext, absl::MakeSpan(sealed)));
    ASSERT_OK(aead.Open(kNonce, kAad, sealed, absl::MakeSpan(opened)));
    EXPECT_EQ(opened, plaintext);
  }
}

TEST(Aes256Gcm, RefusesEveryChangedInput) {
  Aes256Gcm aead = Keyed(kKey);
  constexpr std::size_t kSize = 20;
  const Bytes plaintext = PseudorandomBytes(kSize, 1);
  Bytes sealed(kSize + kTagBytes);
  Bytes opened(kSize);
  const MutableByteSpan out = absl::MakeSpan(opened);
  ASSERT_OK(aead.Seal(kNonce, kAad, plaintext, absl::MakeSpan(sealed)));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 1;
    EXPECT_THAT(aead.Open(kNonce, kAad, changed, out), StatusIs(absl::StatusCode::kDataLoss)) << i;
  }
  EXPECT_THAT(aead.Open(Bytes(kNonceBytes, 9), kAad, sealed, out),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(aead.Open(kNonce, {}, sealed, out), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Keyed(Bytes(32, 7)).Open(kNonce, kAad, sealed, out),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_OK(aead.Open(kNonce, kAad, sealed, out)) << "a refusal must not stick to the context";
}

TEST(Aes256Gcm, RefusesWrongSizes) {
  Aes256Gcm aead = Keyed(kKey);
  Bytes sealed(20);
  Bytes opened(4);
  const absl::StatusCode invalid = absl::StatusCode::kInvalidArgument;
  for (std::size_t size : Sizes{0, 16, 24, 31, 33}) {
    EXPECT_THAT(aead.SetKey(Bytes(size)), StatusIs(invalid)) << size;
  }
  for (std::size_t size : Sizes{0, 8, 11, 13, 16}) {
    EXPECT_THAT(aead.Seal(Bytes(size), {}, opened, absl::MakeSpan(sealed)), StatusIs(invalid));
    EXPECT_THAT(aead.Open(Bytes(size), {}, sealed, absl::MakeSpan(opened)), StatusIs(invalid));
  }
  EXPECT_THAT(aead.Seal(kNonce, {}, Bytes(5), absl::MakeSpan(sealed)), StatusIs(invalid));
  EXPECT_THAT(aead.Open(kNonce, {}, Bytes(15), {}), StatusIs(invalid));
  EXPECT_THAT(aead.Open(kNonce, {}, Bytes(21), absl::MakeSpan(opened)), StatusIs(invalid));
}

TEST(Aes256Gcm, FailsWithoutAKey) {
  ASSERT_OK_AND_ASSIGN(Aes256Gcm aead, Aes256Gcm::Create());
  Bytes sealed(16);
  EXPECT_THAT(aead.Seal(kNonce, {}, {}, absl::MakeSpan(sealed)),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(aead.Open(kNonce, {}, sealed, {}), StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace sealtrain::crypto
