// Published known answers for what seals, derives and verifies: FLOE's own and
// Wycheproof's.
#include <algorithm>
#include <string>

#include "sealtrain/crypto/aead_internal.h"
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/tests/crypto/wycheproof.h"

namespace sealtrain::crypto {
namespace {

TEST_F(PublishedVectors, OfFloeOpen) {
  struct Case {
    const char* name;
    StreamOptions options;
  };
  const Case cases[] = {
      {"java_GCM256_IV256_4K", {.segment_bytes = 4096, .rotation_bits = 20}},
      {"java_GCM256_IV256_64", {.segment_bytes = 64, .rotation_bits = 20}},
      {"java_lastSegAligned", {.segment_bytes = 40, .rotation_bits = 20}},
      {"java_rotation", {.segment_bytes = 40, .rotation_bits = 2}},
  };
  const Dek key = KeyOf<Dek>(0);
  for (const Case& known : cases) {
    SCOPED_TRACE(known.name);
    const std::string prefix = VectorPath(std::string("floe/") + known.name);
    const Bytes stream = FromHex(ReadText(prefix + "_ct.txt"));
    const Bytes plaintext = FromHex(ReadText(prefix + "_pt.txt"));
    ASSERT_FALSE(stream.empty());
    ASSERT_OK_AND_ASSIGN(SecretBytes opened,
                         OpenStream(key, AsBytes("This is AAD"), stream, known.options));
    EXPECT_EQ(ToBytes(opened.span()), plaintext);
    EXPECT_THAT(OpenStream(key, AsBytes("This is aad"), stream, known.options),
                testing::StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST_F(PublishedVectors, OfAes256GcmHold) {
  int checked = 0;
  ForEachTest("aes_gcm_test.json", [&](const auto& group, const auto& test) {
    if (group.at("keySize") != 256) return;
    ASSERT_OK_AND_ASSIGN(Aes256Gcm aead, Aes256Gcm::Create());
    ASSERT_OK(aead.SetKey(Field(test, "key")));
    const Bytes nonce = Field(test, "iv");
    const Bytes plaintext = Field(test, "msg");
    const Bytes sealed = Sealed(test);
    Bytes opened(plaintext.size());
    const absl::Status status =
        aead.Open(nonce, Field(test, "aad"), sealed, absl::MakeSpan(opened));
    if (group.at("ivSize") != 96) {
      // Sound or not, other nonces are none of ours.
      EXPECT_THAT(status, testing::StatusIs(absl::StatusCode::kInvalidArgument));
      return;
    }
    ++checked;
    if (!IsValid(test)) {
      EXPECT_THAT(status, testing::StatusIs(absl::StatusCode::kDataLoss));
      return;
    }
    ASSERT_OK(status);
    EXPECT_EQ(opened, plaintext);
    Bytes resealed(sealed.size());
    ASSERT_OK(aead.Seal(nonce, Field(test, "aad"), plaintext, absl::MakeSpan(resealed)));
    EXPECT_EQ(resealed, sealed);
  });
  EXPECT_EQ(checked, 66);
}

TEST_F(PublishedVectors, OfHkdfHold) {
  for (int bits : {256, 384}) {
    const int checked = ForEachTest(
        "hkdf_sha" + std::to_string(bits) + "_test.json", [&](const auto&, const auto& test) {
          Bytes out(test.at("size").template get<std::size_t>());
          const absl::Status status = Hkdf(bits, Field(test, "ikm"), Field(test, "salt"),
                                           Field(test, "info"), absl::MakeSpan(out));
          if (IsValid(test)) {
            ASSERT_OK(status);
            EXPECT_EQ(out, Field(test, "okm"));
          } else {
            EXPECT_THAT(status, testing::StatusIs(absl::StatusCode::kInvalidArgument));
          }
        });
    EXPECT_GT(checked, 80);
  }
}

TEST_F(PublishedVectors, OfEd25519Hold) {
  const int checked = ForEachTest("ed25519_test.json", [](const auto& group, const auto& test) {
    PublicKey key{};
    const Bytes bytes = Field(group.at("publicKey"), "pk");
    ASSERT_EQ(bytes.size(), key.size());
    std::copy(bytes.begin(), bytes.end(), key.begin());
    const absl::Status status = VerifySignature(key, Field(test, "msg"), Field(test, "sig"));
    EXPECT_EQ(status.ok(), IsValid(test)) << status;
  });
  EXPECT_EQ(checked, 151);
}

}  // namespace
}  // namespace sealtrain::crypto
