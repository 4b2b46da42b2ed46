#include "sealtrain/crypto/token_cipher.h"

#include <set>
#include <string>

#include "sealtrain/crypto/siv_internal.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/crypto/worked_example.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::StatusIs;

// Project Wycheproof, aes_siv_cmac: tcId 305, 320, 325, 326 and, invalid, 336.
struct SivAnswer {
  const char* key;
  const char* aad;
  const char* plaintext;
  const char* sealed;
};
constexpr char kCountingKey[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";
constexpr SivAnswer kSivAnswers[] = {
    {"e2c5662bb18fbb411d0304e4241db073fe60a4704fee290073513038a22b4cd5"
     "42580b2b4edbc37e3de01c0cb61abcad46986cdc491ce9e5ae5af223ff58b953",
     "fab912dec29a34aabfaef176", "0d", "1c6969ecb15741a9959b7a8492250e391a"},
    {"139383f3f82dc78e0b380027f9e5fcd2ed23716404be5c554452e4dc73d23702"
     "6594491820c6b8297185cc1fa84f49a5c7d7cd05c5de090ff1c3397bc2740437",
     "d39da73ffc03ad0a9213ffc7", "48604944a80fadf50d55b87727934458c8",
     "a9cf73951cb39823777f35c96c845169476e2ec2317cb6b8dd8b6172fdceabff9d"},
    {kCountingKey, "", "8dbfee9580e7e2bc66100a674497f4e1",
     "000000000000000000000000000000007ef8aa7e4dd49d9cfa09e9cb574fd90d"},
    {kCountingKey, "000102030405060708090a0b0c0d0e0f", "bfa1733d07afa03cb3f2eeb81bbde037",
     "000000000000000000000000000000004ce637d6ca9cdf1c2feb0d140865cddb"},
};

TEST(Aes256Siv, MatchesPublishedAnswers) {
  for (const SivAnswer& known : kSivAnswers) {
    SCOPED_TRACE(known.sealed);
    const Bytes plaintext = FromHex(known.plaintext);
    const Bytes sealed = FromHex(known.sealed);
    Bytes out(sealed.size());
    ASSERT_OK(
        SealAes256Siv(FromHex(known.key), FromHex(known.aad), plaintext, absl::MakeSpan(out)));
    EXPECT_EQ(out, sealed);
    Bytes opened(plaintext.size());
    ASSERT_OK(
        OpenAes256Siv(FromHex(known.key), FromHex(known.aad), sealed, absl::MakeSpan(opened)));
    EXPECT_EQ(opened, plaintext);
  }
}

TEST(Aes256Siv, RefusesAPublishedForgery) {
  Bytes out(8, 0xAA);
  EXPECT_THAT(OpenAes256Siv(FromHex(kCountingKey), {},
                            FromHex("202e4a8f8b4c66788f3af230fb1c3ada5ead70c7f066d4df"),
                            absl::MakeSpan(out)),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(out, Bytes(8)) << "wiped";
}

TEST(Aes256Siv, RefusesWrongSizes) {
  const Bytes key(kSivKeyBytes, 1);
  Bytes out(32, 0xAA);
  for (const std::size_t size : Sizes{0, 32, 48, 63, 65}) {
    EXPECT_THAT(SealAes256Siv(Bytes(size), {}, Bytes(16), absl::MakeSpan(out)),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
  EXPECT_EQ(out, Bytes(32)) << "wiped";
  for (const std::size_t size : Sizes{0, 15, 17}) {
    EXPECT_THAT(SealAes256Siv(key, {}, Bytes(size), absl::MakeSpan(out)),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
    EXPECT_THAT(OpenAes256Siv(key, {}, Bytes(size), absl::MakeSpan(out)),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
}

class Token : public ::testing::Test {
 protected:
  Bytes Seal(absl::string_view value, absl::string_view context = "mail") const {
    return cipher_.Seal(AsBytes(context), AsBytes(value)).value();
  }
  absl::StatusOr<SecretBytes> Open(ByteSpan token, absl::string_view context = "mail") const {
    return cipher_.Open(AsBytes(context), token);
  }

  const TokenCipher cipher_ = TokenCipher::Create(KeyOf<TokenKey>(1)).value();
};

TEST_F(Token, ComesBackInEverySize) {
  for (const std::size_t size : Sizes{1, 15, 16, 17, 32, 1000, kMaxTokenValueBytes}) {
    const Bytes value = PseudorandomBytes(size, 4);
    ASSERT_OK_AND_ASSIGN(Bytes token, cipher_.Seal({}, value));
    EXPECT_EQ(token.size(), size + kTokenOverhead);
    ASSERT_OK_AND_ASSIGN(SecretBytes opened, cipher_.Open({}, token));
    EXPECT_EQ(ToBytes(opened.span()), value);
  }
}

TEST_F(Token, IsTheSameForEqualValuesAlone) {
  EXPECT_EQ(Seal("alice"), Seal("alice"));
  std::set<Bytes> tokens = {Seal("alice"), Seal("alicf"), Seal("alice", "chat"), Seal("alice", ""),
                            Seal("alice", "mail2")};
  const TokenCipher other = TokenCipher::Create(KeyOf<TokenKey>(2)).value();
  tokens.insert(other.Seal(AsBytes("mail"), AsBytes("alice")).value());
  EXPECT_EQ(tokens.size(), 6u);
}

TEST_F(Token, RefusesAnotherKeyOrContext) {
  const Bytes token = Seal("alice");
  ASSERT_OK(Open(token));
  for (const char* context : {"", "mai", "mails", "Mail"}) {
    EXPECT_THAT(Open(token, context), StatusIs(absl::StatusCode::kDataLoss)) << context;
  }
  const TokenCipher other = TokenCipher::Create(KeyOf<TokenKey>(2)).value();
  EXPECT_THAT(other.Open(AsBytes("mail"), token), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(Token, RefusesEveryFlippedBitAndOtherLength) {
  const Bytes token = Seal("alice@example.com");
  const absl::Status refusal = Open(Bytes(17)).status();
  ASSERT_THAT(refusal, StatusIs(absl::StatusCode::kDataLoss));
  for (std::size_t bit = 0; bit < token.size() * 8; ++bit) {
    Bytes changed = token;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1 << bit % 8));
    ASSERT_EQ(Open(changed).status(), refusal) << "bit " << bit;
  }
  for (std::size_t size = 0; size < token.size(); ++size) {
    ASSERT_EQ(Open(ByteSpan(token).first(size)).status(), refusal) << size;
  }
  Bytes longer = token;
  longer.push_back(0);
  EXPECT_EQ(Open(longer).status(), refusal);
  EXPECT_EQ(Open(Bytes(kMaxTokenValueBytes + kTokenOverhead + 1)).status(), refusal);
}

TEST_F(Token, IsOfNeitherNothingNorTooMuch) {
  for (const std::size_t size : Sizes{0, kMaxTokenValueBytes + 1}) {
    EXPECT_THAT(cipher_.Seal({}, Bytes(size)), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_F(Token, MatchesItsPage) {
  const auto example = ReadWorkedExample("token.md");
  ASSERT_OK_AND_ASSIGN(TokenKey key, TokenKey::FromBytes(SecretOf(example.at("token_key"))));
  ASSERT_OK_AND_ASSIGN(TokenCipher cipher, TokenCipher::Create(key));
  ASSERT_OK_AND_ASSIGN(Bytes token, cipher.Seal(AsBytes("mail"), AsBytes("alice@example.com")));
  EXPECT_EQ(token, example.at("token"));
  Bytes sealed(token.size());
  ASSERT_OK(SealAes256Siv(example.at("siv_key"), AsBytes("mail"), AsBytes("alice@example.com"),
                          absl::MakeSpan(sealed)));
  EXPECT_EQ(sealed, token) << "RFC 5297 under the derived key";
}

}  // namespace
}  // namespace sealtrain::crypto
