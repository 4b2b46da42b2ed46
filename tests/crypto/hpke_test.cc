#include "sealtrain/crypto/hpke.h"

#include <unistd.h>

#include <map>
#include <ostream>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "sealtrain/crypto/hpke_internal.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/crypto/worked_example.h"
#include "sealtrain/tests/util/child_process.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::StatusIs;
using testing::StatusOfChild;

static_assert(!std::is_copy_constructible_v<HpkeKeyPair> && !Streamable<HpkeKeyPair>);
static_assert(!std::is_constructible_v<HpkeKeyPair, SecretBytes, HpkePublicKey>);
static_assert(!std::is_copy_constructible_v<HpkeSealer>);
static_assert(!std::is_copy_constructible_v<HpkeOpener>);
static_assert(!std::is_convertible_v<PublicKey, HpkePublicKey>, "an Ed25519 key is none");

HpkeKeyPair KeyPairFromHex(const char* private_key) {
  return HpkeKeyPair::FromPrivateKey(SecretOf(FromHex(private_key))).value();
}

// The test vectors published with RFC 9180: mode 0, kem 0x0020, kdf 0x0001, aead 0x0002.
constexpr char kRecipient[] = "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d";
constexpr char kRecipientPublic[] =
    "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c";
constexpr char kEphemeral[] = "179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11";
constexpr char kEncapsulated[] = "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256";
constexpr char kInfo[] = "Ode on a Grecian Urn";
constexpr char kPlaintext[] = "Beauty is truth, truth beauty";

// By sequence number; 256 is the first whose nonce differs in its second last byte.
const std::map<int, std::string>& RfcMessages() {
  static const auto* const messages = new std::map<int, std::string>{
      {0,
       "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7"
       "a"},
      {1,
       "2c43aff25343fdbff864506f0818b9d87df84ea01b1a2144d23b4d40c26bf655fdf197fe40297a8aebeed5cc2"
       "d"},
      {2,
       "e0a8f2cf92ff61215edbb8c55dc31fe9e2eb42a5685867bb6854211542099f9e940c4b41c192bc390835b1a5f"
       "7"},
      {4,
       "448a8892f261cbb6bf5b7b64a4fae8a2c86492494b069c10525895d871c27c2f12cd17e0588fedaba9f7b0cd4"
       "c"},
      {256,
       "53624f4f9f173453b14e633b45390ff54cacaa4428d44baee1bff8133fab1ab3afe60f88e4634b525c54e92ed"
       "a"},
  };
  return *messages;
}

TEST(Hpke, MatchesRfc9180) {
  const HpkeKeyPair recipient = KeyPairFromHex(kRecipient);
  const HpkeKeyPair ephemeral = KeyPairFromHex(kEphemeral);
  EXPECT_EQ(HexEncode(recipient.public_key().bytes), kRecipientPublic);
  EXPECT_EQ(HexEncode(ephemeral.public_key().bytes), kEncapsulated);
  ASSERT_OK_AND_ASSIGN(HpkeContext sender,
                       HpkeContext::ForSender(recipient.public_key(), AsBytes(kInfo), ephemeral));
  ASSERT_OK_AND_ASSIGN(HpkeOpener opener,
                       HpkeOpener::Create(recipient, FromHex(kEncapsulated), AsBytes(kInfo)));
  std::size_t compared = 0;
  for (int i = 0; i <= 256; ++i) {
    SCOPED_TRACE(i);
    const std::string aad = absl::StrCat("Count-", i);
    Bytes message(sizeof(kPlaintext) - 1 + kHpkeTagBytes);
    ASSERT_OK(sender.Seal(AsBytes(aad), AsBytes(kPlaintext), absl::MakeSpan(message)));
    if (const auto known = RfcMessages().find(i); known != RfcMessages().end()) {
      EXPECT_EQ(HexEncode(message), known->second);
      ++compared;
    }
    ASSERT_OK_AND_ASSIGN(SecretBytes opened, opener.Open(AsBytes(aad), message));
    EXPECT_EQ(AsText(opened.span()), kPlaintext);
  }
  EXPECT_EQ(compared, RfcMessages().size());
}

TEST(Hpke, MatchesItsPage) {
  const auto example = ReadWorkedExample("hpke.md");
  ASSERT_OK_AND_ASSIGN(const HpkeKeyPair recipient,
                       HpkeKeyPair::FromPrivateKey(SecretOf(example.at("recipient_private_key"))));
  EXPECT_EQ(ByteSpan(recipient.public_key().bytes), ByteSpan(example.at("recipient_public_key")));
  ASSERT_OK_AND_ASSIGN(const HpkeKeyPair ephemeral,
                       HpkeKeyPair::FromPrivateKey(SecretOf(example.at("ephemeral_private_key"))));
  EXPECT_EQ(ByteSpan(ephemeral.public_key().bytes), ByteSpan(example.at("encapsulated_key")));
  ASSERT_OK_AND_ASSIGN(
      HpkeOpener opener,
      HpkeOpener::Create(recipient, example.at("encapsulated_key"), AsBytes("worked example")));
  ASSERT_OK_AND_ASSIGN(SecretBytes first,
                       opener.Open(AsBytes("first"), example.at("first_message")));
  ASSERT_OK_AND_ASSIGN(SecretBytes second,
                       opener.Open(AsBytes("second"), example.at("second_message")));
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(first.span()[i], 0x40 + i);
    EXPECT_EQ(second.span()[i], 0x60 + i);
  }
}

class HpkeMessage : public ::testing::Test {
 protected:
  absl::StatusOr<SecretBytes> Open(ByteSpan sealed) const {
    return HpkeOpen(recipient_, AsBytes("info"), AsBytes("aad"), sealed);
  }

  const HpkeKeyPair recipient_ = HpkeKeyPair::Generate().value();
  const HpkeKeyPair stranger_ = HpkeKeyPair::Generate().value();
  const Bytes plaintext_ = PseudorandomBytes(32, 1);
  const Bytes sealed_ =
      HpkeSeal(recipient_.public_key(), AsBytes("info"), AsBytes("aad"), plaintext_).value();
};

TEST_F(HpkeMessage, ComesBackInEverySize) {
  for (const std::size_t size : Sizes{0, 1, 31, 32, 33, 5000, 1 << 20}) {
    const Bytes plaintext = PseudorandomBytes(size, 2);
    ASSERT_OK_AND_ASSIGN(Bytes sealed, HpkeSeal(recipient_.public_key(), {}, {}, plaintext));
    EXPECT_EQ(sealed.size(), size + 48);
    ASSERT_OK_AND_ASSIGN(SecretBytes opened, HpkeOpen(recipient_, {}, {}, sealed));
    EXPECT_EQ(ToBytes(opened.span()), plaintext);
  }
}

TEST_F(HpkeMessage, IsNeverSealedTheSameWayTwice) {
  ASSERT_OK_AND_ASSIGN(
      Bytes again, HpkeSeal(recipient_.public_key(), AsBytes("info"), AsBytes("aad"), plaintext_));
  EXPECT_NE(ToBytes(ByteSpan(again).first(32)), ToBytes(ByteSpan(sealed_).first(32)));
  EXPECT_NE(ToBytes(ByteSpan(again).subspan(32)), ToBytes(ByteSpan(sealed_).subspan(32)));
}

TEST_F(HpkeMessage, OpensForItsPurposeAlone) {
  ASSERT_OK(Open(sealed_));
  EXPECT_THAT(HpkeOpen(stranger_, AsBytes("info"), AsBytes("aad"), sealed_),
              StatusIs(absl::StatusCode::kDataLoss));
  for (const char* other : {"", "inf", "info2", "Info"}) {
    EXPECT_THAT(HpkeOpen(recipient_, AsBytes(other), AsBytes("aad"), sealed_),
                StatusIs(absl::StatusCode::kDataLoss))
        << other;
  }
  for (const char* other : {"", "aa", "aada", "Aad"}) {
    EXPECT_THAT(HpkeOpen(recipient_, AsBytes("info"), AsBytes(other), sealed_),
                StatusIs(absl::StatusCode::kDataLoss))
        << other;
  }
}

TEST_F(HpkeMessage, RefusesEveryFlippedBit) {
  for (std::size_t bit = 0; bit < sealed_.size() * 8; ++bit) {
    Bytes changed = sealed_;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1 << bit % 8));
    const absl::StatusOr<SecretBytes> opened = Open(changed);
    ASSERT_THAT(opened, StatusIs(absl::StatusCode::kDataLoss)) << "bit " << bit;
    ASSERT_EQ(opened.status(), HpkeTampered()) << "one message for everything";
  }
}

TEST_F(HpkeMessage, RefusesEveryOtherLength) {
  for (std::size_t size = 0; size < sealed_.size(); ++size) {
    ASSERT_THAT(Open(ByteSpan(sealed_).first(size)), StatusIs(absl::StatusCode::kDataLoss)) << size;
  }
  Bytes longer = sealed_;
  longer.push_back(0);
  EXPECT_THAT(Open(longer), StatusIs(absl::StatusCode::kDataLoss));
}

// With an encapsulated key of small order anybody knows the shared secret.
TEST_F(HpkeMessage, RefusesKeysOfSmallOrder) {
  Bytes changed = sealed_;
  std::fill_n(changed.begin(), 32, 0);
  EXPECT_EQ(Open(changed).status(), HpkeTampered());
  changed[0] = 1;
  EXPECT_EQ(Open(changed).status(), HpkeTampered());
  EXPECT_THAT(HpkeSeal(HpkePublicKey{}, {}, {}, plaintext_),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(HpkeMessage, TakesInfoUpToItsLimit) {
  const Bytes most(kMaxHpkeInfoBytes);
  ASSERT_OK_AND_ASSIGN(Bytes sealed, HpkeSeal(recipient_.public_key(), most, {}, plaintext_));
  EXPECT_OK(HpkeOpen(recipient_, most, {}, sealed));
  const Bytes more(kMaxHpkeInfoBytes + 1);
  EXPECT_THAT(HpkeSeal(recipient_.public_key(), more, {}, plaintext_),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(HpkeOpen(recipient_, more, {}, sealed), StatusIs(absl::StatusCode::kInvalidArgument));
}

class HpkeConversation : public ::testing::Test {
 protected:
  HpkeOpener Opener() const {
    return HpkeOpener::Create(recipient_, sealer_.encapsulated_key().bytes, AsBytes("info"))
        .value();
  }

  const HpkeKeyPair recipient_ = HpkeKeyPair::Generate().value();
  HpkeSealer sealer_ = HpkeSealer::Create(recipient_.public_key(), AsBytes("info")).value();
};

TEST_F(HpkeConversation, GoesOneWayInOrder) {
  ASSERT_OK_AND_ASSIGN(Bytes first, sealer_.Seal({}, AsBytes("same")));
  ASSERT_OK_AND_ASSIGN(Bytes second, sealer_.Seal({}, AsBytes("same")));
  EXPECT_NE(first, second);
  HpkeOpener opener = Opener();
  EXPECT_THAT(opener.Open({}, second), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_OK(opener.Open({}, first)) << "still the next one";
  EXPECT_THAT(opener.Open({}, first), StatusIs(absl::StatusCode::kDataLoss)) << "a repetition";
  ASSERT_OK_AND_ASSIGN(SecretBytes opened, opener.Open({}, second));
  EXPECT_EQ(AsText(opened.span()), "same");
}

TEST_F(HpkeConversation, CarriesKeys) {
  const Dek dek = KeyOf<Dek>(5);
  ASSERT_OK_AND_ASSIGN(Bytes sealed, sealer_.SealKey(AsBytes("column"), dek));
  EXPECT_EQ(sealed.size(), 48u);
  HpkeOpener opener = Opener();
  EXPECT_THAT(opener.OpenKey<DekTag>(AsBytes("another"), sealed),
              StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_OK_AND_ASSIGN(Dek opened, opener.OpenKey<DekTag>(AsBytes("column"), sealed));
  ASSERT_OK_AND_ASSIGN(Bytes stream, SealStream(dek, {}, AsBytes("x")));
  EXPECT_OK(OpenStream(opened, {}, stream));
}

TEST_F(HpkeConversation, RefusesToCallASecretOfAnotherSizeAKey) {
  HpkeOpener opener = Opener();
  for (const std::size_t size : Sizes{0, 31, 33}) {
    ASSERT_OK_AND_ASSIGN(Bytes sealed, sealer_.Seal({}, Bytes(size)));
    EXPECT_THAT(opener.OpenKey<DekTag>({}, sealed), StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_OK(opener.Open({}, sealed));
  }
}

TEST_F(HpkeConversation, EndsInAForkedChild) {
  const int status = StatusOfChild([&] {
    ::_exit(absl::IsFailedPrecondition(sealer_.Seal({}, AsBytes("x")).status()) ? 0 : 1);
  });
  EXPECT_EQ(status, 0);
  EXPECT_OK(sealer_.Seal({}, AsBytes("x")));
}

// Not even where no handler runs in the child: it would repeat its parent's nonce.
TEST_F(HpkeConversation, EndsInAChildThatNobodyToldOfTheFork) {
  const int status = StatusOfChild(
      [&] { ::_exit(absl::IsFailedPrecondition(sealer_.Seal({}, AsBytes("x")).status()) ? 0 : 1); },
      &::_Fork);
  EXPECT_EQ(status, 0);
  EXPECT_OK(sealer_.Seal({}, AsBytes("x")));
}

TEST(HpkeContext, EndsAtItsLimit) {
  const HpkeKeyPair recipient = HpkeKeyPair::Generate().value();
  const HpkeKeyPair ephemeral = HpkeKeyPair::Generate().value();
  ASSERT_OK_AND_ASSIGN(HpkeContext sender,
                       HpkeContext::ForSender(recipient.public_key(), {}, ephemeral, 2));
  ASSERT_OK_AND_ASSIGN(HpkeContext receiver,
                       HpkeContext::ForRecipient(recipient, ephemeral.public_key().bytes, {}, 1));
  Bytes first(17);
  Bytes second(17);
  Bytes third(17, 0xAA);
  ASSERT_OK(sender.Seal({}, Bytes(1), absl::MakeSpan(first)));
  ASSERT_OK(sender.Seal({}, Bytes(1), absl::MakeSpan(second)));
  EXPECT_THAT(sender.Seal({}, Bytes(1), absl::MakeSpan(third)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(third, Bytes(17)) << "wiped";

  Bytes opened(1, 0xAA);
  ASSERT_OK(receiver.Open({}, first, absl::MakeSpan(opened)));
  opened[0] = 0xAA;
  EXPECT_THAT(receiver.Open({}, second, absl::MakeSpan(opened)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(opened, Bytes(1)) << "wiped";
}

TEST(HpkeContext, WipesWhatIsNotAuthentic) {
  const HpkeKeyPair recipient = HpkeKeyPair::Generate().value();
  const HpkeKeyPair ephemeral = HpkeKeyPair::Generate().value();
  ASSERT_OK_AND_ASSIGN(HpkeContext sender,
                       HpkeContext::ForSender(recipient.public_key(), {}, ephemeral));
  ASSERT_OK_AND_ASSIGN(HpkeContext receiver,
                       HpkeContext::ForRecipient(recipient, ephemeral.public_key().bytes, {}));
  Bytes message(32 + kHpkeTagBytes);
  ASSERT_OK(sender.Seal({}, Bytes(32, 7), absl::MakeSpan(message)));
  message.back() ^= 1;
  Bytes out(32, 0xAA);
  EXPECT_THAT(receiver.Open({}, message, absl::MakeSpan(out)),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(out, Bytes(32));
}

TEST(HpkeKeyPair, Takes32BytesOnly) {
  for (const std::size_t size : Sizes{0, 31, 33}) {
    EXPECT_THAT(HpkeKeyPair::FromPrivateKey(SecretOf(Bytes(size, 1))),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(HpkeKeyPair, IsFreshWhenGenerated) {
  EXPECT_NE(HpkeKeyPair::Generate().value().public_key(),
            HpkeKeyPair::Generate().value().public_key());
}

TEST(HpkeKeyPair, ShowsGoogleTestNoByte) {
  EXPECT_EQ(::testing::PrintToString(HpkeKeyPair::Generate().value()), "<secret key pair>");
}

}  // namespace
}  // namespace sealtrain::crypto
