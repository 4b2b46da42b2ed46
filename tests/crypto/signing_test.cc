#include "sealtrain/crypto/signing.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

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
    EXPECT_EQ(HexEncode(key.seed()), known.seed);
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

// Every encoding of a point whose order divides eight: the eight canonical ones,
// then those with a sign that zero does not have, then y = p and y = p + 1.
constexpr const char* kSmallOrderPoints[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

// What a verifier says that only looks at the equation of RFC 8032: OpenSSL's.
bool LaxVerifierAccepts(const PublicKey& key, ByteSpan message, const Signature& signature) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
      &EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

// Under a key of small order, R of small order and S = 0 satisfy the equation for
// one message in eight or more: a signature that nobody had to make.
TEST(VerifySignature, RefusesSmallOrderAndNonCanonicalPoints) {
  int forgeries = 0;
  for (const char* key_hex : kSmallOrderPoints) {
    const PublicKey key = PublicKeyFromHex(key_hex);
    for (const char* r_hex : kSmallOrderPoints) {
      Signature signature{};
      const Bytes r = FromHex(r_hex);
      std::copy(r.begin(), r.end(), signature.begin());
      for (std::uint8_t message = 0; message < 16; ++message) {
        forgeries += LaxVerifierAccepts(key, {&message, 1}, signature) ? 1 : 0;
        ASSERT_THAT(VerifySignature(key, {&message, 1}, signature),
                    StatusIs(absl::StatusCode::kDataLoss))
            << key_hex << " " << r_hex;
      }
    }
  }
  EXPECT_GT(forgeries, 100) << "the forgeries are none";
}

// The equation counts S modulo the group order L, so S + L satisfies it as well.
TEST(VerifySignature, RefusesAnUnreducedS) {
  ASSERT_OK_AND_ASSIGN(SigningKey key, SigningKey::Generate());
  Signature signature = key.Sign(AsBytes("message"));
  ASSERT_OK(VerifySignature(key.public_key(), AsBytes("message"), signature));
  const Bytes order = FromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  int carry = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    carry += signature[32 + i] + order[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_THAT(VerifySignature(key.public_key(), AsBytes("message"), signature),
              StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace sealtrain::crypto
