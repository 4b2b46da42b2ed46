#include "sealtrain/crypto/key_derivation.h"

#include <algorithm>
#include <string>

#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::StatusIs;

template <class KeyType>
KeyType KeyFromHex(const char* hex) {
  return KeyType::FromBytes(SecretOf(FromHex(hex))).value();
}

// Nobody but the primitives sees the bytes of a derived key, so that two keys
// are the same shows in one opening what the other sealed.
bool IsSameKey(const Dek& a, const Dek& b) {
  const Bytes sealed = SealStream(a, {}, AsBytes("x")).value();
  return OpenStream(b, {}, sealed).ok();
}

Id ExampleId() {
  Id id;
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::uint8_t>(0xa0 + i);
  return id;
}

// 00 01 … 1f and 20 21 … 3f.
ClassKey FirstClassKey() {
  return KeyFromHex<ClassKey>("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
}
ClassKey SecondClassKey() {
  return KeyFromHex<ClassKey>("202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f");
}

// RFC 5869 appendix A.1.
TEST(Hkdf, MatchesRfc5869) {
  Bytes out(42);
  ASSERT_OK(Hkdf(256, Bytes(22, 0x0b), FromHex("000102030405060708090a0b0c"),
                 FromHex("f0f1f2f3f4f5f6f7f8f9"), absl::MakeSpan(out)));
  EXPECT_EQ(HexEncode(out),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

TEST(Hkdf, KeepsToItsLimits) {
  for (int bits : {256, 384}) {
    const std::size_t most = 255 * static_cast<std::size_t>(bits) / 8;
    Bytes out(most, 0xAA);
    EXPECT_OK(Hkdf(bits, Bytes(32), {}, {}, absl::MakeSpan(out)));
    out.assign(most + 1, 0xAA);
    EXPECT_THAT(Hkdf(bits, Bytes(32), {}, {}, absl::MakeSpan(out)),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(out, Bytes(most + 1)) << "wiped on failure";
  }
  Bytes out(32, 0xAA);
  EXPECT_OK(Hkdf(256, Bytes(32), {}, Bytes(32 * 1024), absl::MakeSpan(out)));
  EXPECT_THAT(Hkdf(256, Bytes(32), {}, Bytes(32 * 1024 + 1), absl::MakeSpan(out)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(out, Bytes(32));
  for (int bits : {0, 1, 255, 512}) {
    EXPECT_THAT(Hkdf(bits, Bytes(32), {}, {}, absl::MakeSpan(out)),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_OK(Hkdf(256, {}, {}, {}, absl::MakeSpan(out))) << "RFC 5869 allows empty inputs";
  EXPECT_OK(Hkdf(256, Bytes(32), {}, {}, {}));
}

// RFC 4231 test cases 1, 2 and 6 (a key longer than a block).
TEST(HmacSha256, MatchesRfc4231) {
  const auto tag = [](ByteSpan key, absl::string_view message) {
    return HexEncode(HmacSha256(key, AsBytes(message)).value());
  };
  EXPECT_EQ(tag(Bytes(20, 0x0b), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(tag(AsBytes("Jefe"), "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(tag(Bytes(131, 0xaa), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(tag({}, ""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(KeyDerivation, DerivesColumnKeysAsDocumented) {
  const ClassKey first = FirstClassKey();
  const ClassKey second = SecondClassKey();
  ASSERT_OK_AND_ASSIGN(Dek one, KeyDerivation::ColumnDek({&first}, ExampleId(), "mail.body"));
  EXPECT_TRUE(IsSameKey(
      one, KeyFromHex<Dek>("a2437f9105f3f7628bf75db6d05233864463a44ea0abed757d9178b7c0b05a03")));
  ASSERT_OK_AND_ASSIGN(Dek two,
                       KeyDerivation::ColumnDek({&first, &second}, ExampleId(), "mail.body"));
  EXPECT_TRUE(IsSameKey(
      two, KeyFromHex<Dek>("b7e1112687e5bfded73ba563ec7342dc2f8d5e81943283d6925efdcbfc023dc0")));
}

TEST(KeyDerivation, GivesEveryColumnItsOwnKey) {
  const ClassKey first = FirstClassKey();
  const ClassKey second = SecondClassKey();
  ASSERT_OK_AND_ASSIGN(Dek dek, KeyDerivation::ColumnDek({&first}, ExampleId(), "body"));
  Id other_id = ExampleId();
  other_id[15] ^= 1;
  ASSERT_OK_AND_ASSIGN(Dek other_shard, KeyDerivation::ColumnDek({&first}, other_id, "body"));
  ASSERT_OK_AND_ASSIGN(Dek other_column, KeyDerivation::ColumnDek({&first}, ExampleId(), "bod"));
  ASSERT_OK_AND_ASSIGN(Dek other_class, KeyDerivation::ColumnDek({&second}, ExampleId(), "body"));
  ASSERT_OK_AND_ASSIGN(Dek both, KeyDerivation::ColumnDek({&first, &second}, ExampleId(), "body"));
  ASSERT_OK_AND_ASSIGN(Dek reversed,
                       KeyDerivation::ColumnDek({&second, &first}, ExampleId(), "body"));
  ASSERT_OK_AND_ASSIGN(Dek object, KeyDerivation::ObjectDek(first, ExampleId(), "body"));
  for (const Dek* other : {&other_shard, &other_column, &other_class, &both, &reversed, &object}) {
    EXPECT_FALSE(IsSameKey(dek, *other));
  }
  ASSERT_OK_AND_ASSIGN(Dek again, KeyDerivation::ColumnDek({&first}, ExampleId(), "body"));
  EXPECT_TRUE(IsSameKey(dek, again));
}

TEST(KeyDerivation, RefusesAColumnWithoutClasses) {
  EXPECT_THAT(KeyDerivation::ColumnDek({}, ExampleId(), "body"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(KeyDerivation, RefusesIdsThatDoNotFit) {
  const ClassKey key = FirstClassKey();
  const std::string huge(40000, 'x');
  EXPECT_THAT(KeyDerivation::ColumnDek({&key}, ExampleId(), huge),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(KeyDerivation, DerivesObjectKeysAsDocumented) {
  ASSERT_OK_AND_ASSIGN(Dek dek, KeyDerivation::ObjectDek(FirstClassKey(), ExampleId(), "model"));
  EXPECT_TRUE(IsSameKey(
      dek, KeyFromHex<Dek>("46344de6cea45ff50105848440742b90f4613c9658d31cf1c36e6db667f777d8")));
  ASSERT_OK_AND_ASSIGN(Dek other, KeyDerivation::ObjectDek(FirstClassKey(), ExampleId(), "modem"));
  EXPECT_FALSE(IsSameKey(dek, other));
}

TEST(KeyDerivation, DerivesPseudonymKeysAsDocumented) {
  ASSERT_OK_AND_ASSIGN(MacKey key, KeyDerivation::PseudonymKey(FirstClassKey(), "mail"));
  ASSERT_OK_AND_ASSIGN(Digest tag, Mac::Compute(key, AsBytes("alice@example.com")));
  EXPECT_EQ(HexEncode(tag), "7e28ed5e41ff77a037d1f3ee0a97802060e252a517aec33b2cf4e06974e42342");
  ASSERT_OK_AND_ASSIGN(MacKey other, KeyDerivation::PseudonymKey(FirstClassKey(), "chat"));
  ASSERT_OK_AND_ASSIGN(Digest other_tag, Mac::Compute(other, AsBytes("alice@example.com")));
  EXPECT_NE(tag, other_tag);
}

TEST(Mac, IsHmacSha256) {
  ASSERT_OK_AND_ASSIGN(Digest tag, Mac::Compute(KeyOf<MacKey>(3), AsBytes("message")));
  ASSERT_OK_AND_ASSIGN(Digest expected, HmacSha256(Bytes(32, 3), AsBytes("message")));
  EXPECT_EQ(tag, expected);
}

}  // namespace
}  // namespace sealtrain::crypto
