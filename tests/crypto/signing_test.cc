#include "sealtrain/crypto/signing.h"

#include <algorithm>

#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::StatusIs;

// RFC 8032 section 7.1, TEST 1 and TEST 2.
struct KnownAnswer {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};
constexpr KnownAnswer kKnownAnswers[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
};

PublicKey PublicKeyFromHex(const char* hex) {
  PublicKey key{};
  const Bytes bytes = FromHex(hex);
  std::copy_n(bytes.begin(), std::min(bytes.size(), key.size()), key.begin());
  return key;
}

TEST(SigningKey, MatchesRfc8032) {
  for (const KnownAnswer& known : kKnownAnswers) {
    ASSERT_OK_AND_ASSIGN(SigningKey key, SigningKey::FromSeed(SecretOf(FromHex(known.seed))));
    EXPECT_EQ(HexEncode(key.public_key()), known.public_key);
    EXPECT_EQ(HexEncode(key.Sign(FromHex(known.message))), known.signature);
    EXPECT_OK(VerifySignature(PublicKeyFromHex(known.public_key), FromHex(known.message),
                              FromHex(known.signature)));
  }
}

TEST(SigningKey, TakesSeedsOf32BytesOnly) {
  for (std::size_t size : Sizes{0, 31, 33, 64}) {
    EXPECT_THAT(SigningKey::FromSeed(SecretOf(Bytes(size, 1))),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(SigningKey, IsFreshWhenGenerated) {
  ASSERT_OK_AND_ASSIGN(SigningKey a, SigningKey::Generate());
  ASSERT_OK_AND_ASSIGN(SigningKey b, SigningKey::Generate());
  EXPECT_NE(a.public_key(), b.public_key());
  const Signature signature = a.Sign(AsBytes("message"));
  EXPECT_OK(VerifySignature(a.public_key(), AsBytes("message"), signature));
  EXPECT_THAT(VerifySignature(b.public_key(), AsBytes("message"), signature),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(VerifySignature, RefusesEveryChange) {
  ASSERT_OK_AND_ASSIGN(SigningKey key, SigningKey::Generate());
  const Bytes message = PseudorandomBytes(20, 1);
  const Signature signature = key.Sign(message);
  ASSERT_OK(VerifySignature(key.public_key(), message, signature));
  for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
    Signature changed = signature;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_THAT(VerifySignature(key.public_key(), message, changed),
                StatusIs(absl::StatusCode::kDataLoss))
        << "bit " << bit;
  }
  for (std::size_t i = 0; i < message.size(); ++i) {
    Bytes changed = message;
    changed[i] ^= 1;
    EXPECT_THAT(VerifySignature(key.public_key(), changed, signature),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  for (std::size_t size : Sizes{0, 63}) {
    EXPECT_THAT(VerifySignature(key.public_key(), message, ByteSpan(signature).first(size)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  Bytes longer(signature.begin(), signature.end());
  longer.push_back(0);
  EXPECT_THAT(VerifySignature(key.public_key(), message, longer),
              StatusIs(absl::StatusCode::kDataLoss));
}

// Under a small-order key, the identity point, the signature (R = identity, S = 0)
// satisfies the bare equation for every message.
TEST(VerifySignature, RefusesSmallOrderKeys) {
  PublicKey identity{};
  identity[0] = 1;
  Signature signature{};
  signature[0] = 1;
  EXPECT_THAT(VerifySignature(identity, AsBytes("anything"), signature),
              StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace sealtrain::crypto
