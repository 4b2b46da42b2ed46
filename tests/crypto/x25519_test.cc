#include <string>
#include <utility>

#include "sealtrain/crypto/x25519_internal.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::StatusIs;

Bytes Agree(ByteSpan private_key, ByteSpan public_key) {
  return ToBytes(X25519(private_key, public_key).value().span());
}

// RFC 7748 section 5.2; the second has a point that is not reduced in its top bit.
TEST(X25519, MatchesRfc7748) {
  EXPECT_EQ(
      HexEncode(Agree(FromHex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                      FromHex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))),
      "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  EXPECT_EQ(
      HexEncode(Agree(FromHex("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
                      FromHex("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"))),
      "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST(X25519, MatchesRfc7748After1000Rounds) {
  Bytes k = FromHex("0900000000000000000000000000000000000000000000000000000000000000");
  Bytes u = k;
  for (int round = 0; round < 1000; ++round) u = std::exchange(k, Agree(k, u));
  EXPECT_EQ(HexEncode(k), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

// RFC 7748 section 6.1: Bob's keys and Alice's public key.
TEST(X25519, MakesThePublicKeyOfRfc7748) {
  const Bytes bob = FromHex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  ASSERT_OK_AND_ASSIGN(const auto public_key, X25519PublicKey(bob));
  EXPECT_EQ(HexEncode(public_key),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  EXPECT_EQ(HexEncode(Agree(
                bob, FromHex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"))),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

// All points whose order divides eight, in every encoding that there is of them.
TEST(X25519, RefusesTheAllZeroSecret) {
  for (const char* point : {
           "0000000000000000000000000000000000000000000000000000000000000000",  // 0
           "0100000000000000000000000000000000000000000000000000000000000000",  // 1
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",  // order 8
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",  // order 8
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p - 1
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p + 1
       }) {
    Bytes public_key = FromHex(point);
    for (const int top_bit : {0x00, 0x80}) {  // is not looked at
      public_key[31] = static_cast<std::uint8_t>((public_key[31] & 0x7F) | top_bit);
      EXPECT_THAT(X25519(Bytes(32, 7), public_key), StatusIs(absl::StatusCode::kInvalidArgument))
          << HexEncode(public_key);
    }
  }
}

TEST(X25519, TakesKeysOf32BytesOnly) {
  const Bytes key(32, 9);
  for (const std::size_t size : Sizes{0, 31, 33, 64}) {
    const Bytes other(size, 9);
    EXPECT_THAT(X25519(other, key), StatusIs(absl::StatusCode::kInvalidArgument)) << size;
    EXPECT_THAT(X25519(key, other), StatusIs(absl::StatusCode::kInvalidArgument)) << size;
    EXPECT_THAT(X25519PublicKey(other), StatusIs(absl::StatusCode::kInvalidArgument)) << size;
  }
}

}  // namespace
}  // namespace sealtrain::crypto
