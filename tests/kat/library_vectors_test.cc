// Published vectors of algorithms that Sealtrain does not use but lets its libraries
// answer for. tests/crypto/ has those of our own.
#include "sealtrain/tests/crypto/wycheproof.h"
#include "sealtrain/tests/kat/library_algorithms.h"

namespace sealtrain::kat {
namespace {

using crypto::FromHex;
using crypto::ReadText;
using crypto::VectorPath;

class LibraryVectors : public crypto::PublishedVectors {
 protected:
  using Open = absl::StatusOr<Bytes> (*)(ByteSpan, ByteSpan, ByteSpan, ByteSpan);

  static void CheckAead(Open open, const nlohmann::json& test) {
    const absl::StatusOr<Bytes> opened =
        open(Field(test, "key"), Field(test, "iv"), Field(test, "aad"), Sealed(test));
    if (IsValid(test)) {
      ASSERT_OK(opened.status());
      EXPECT_EQ(*opened, Field(test, "msg"));
    } else if (IsInvalid(test)) {
      EXPECT_FALSE(opened.ok());
    }
  }
};

TEST_F(LibraryVectors, OfAesGcmHold) {
  int with_long_nonce = 0;
  ForEachTest("aes_gcm_test.json", [&](const auto&, const auto& test) {
    if (Field(test, "iv").size() <= 128) return CheckAead(&OpenAesGcm, test);
    // More than OpenSSL takes; sound or not, they are refused.
    ++with_long_nonce;
    EXPECT_THAT(OpenAesGcm(Field(test, "key"), Field(test, "iv"), Field(test, "aad"), Sealed(test)),
                testing::StatusIs(absl::StatusCode::kInvalidArgument));
  });
  EXPECT_EQ(with_long_nonce, 3);
}

TEST_F(LibraryVectors, OfChaCha20Poly1305Hold) {
  ForEachTest("chacha20_poly1305_test.json",
              [](const auto&, const auto& test) { CheckAead(&OpenChaCha20Poly1305, test); });
}

TEST_F(LibraryVectors, OfAesKwpHold) {
  ForEachTest("aes_kwp_test.json", [](const auto&, const auto& test) {
    const Bytes key = Field(test, "msg");
    const Bytes wrapped = Field(test, "ct");
    const absl::StatusOr<Bytes> unwrapped = UnwrapAesKwp(Field(test, "key"), wrapped);
    if (IsValid(test)) {
      ASSERT_OK(unwrapped.status());
      EXPECT_EQ(*unwrapped, key);
      ASSERT_OK_AND_ASSIGN(Bytes rewrapped, WrapAesKwp(Field(test, "key"), key));
      EXPECT_EQ(rewrapped, wrapped);
    } else if (IsInvalid(test)) {
      EXPECT_FALSE(unwrapped.ok());
    }
  });
}

TEST_F(LibraryVectors, OfXaes256GcmHold) {
  const auto file = nlohmann::json::parse(ReadText(VectorPath("xaes/xaes_256_gcm.json")));
  int checked = 0;
  for (const auto& test : file.at("vectors")) {
    Bytes sealed = Field(test, "ct");
    ASSERT_OK_AND_ASSIGN(Bytes opened, OpenXaes256Gcm(Field(test, "key"), Field(test, "iv"),
                                                      Field(test, "aad"), sealed));
    EXPECT_EQ(opened, Field(test, "msg"));
    sealed.back() ^= 1;
    EXPECT_FALSE(
        OpenXaes256Gcm(Field(test, "key"), Field(test, "iv"), Field(test, "aad"), sealed).ok());
    ++checked;
  }
  EXPECT_EQ(checked, 2);
}

TEST(LibraryAlgorithms, RefuseWrongSizes) {
  const Bytes bytes(32, 1);
  const ByteSpan all = bytes;
  for (const std::size_t size : {0, 15, 17, 31}) {
    const ByteSpan key = all.first(size);
    EXPECT_THAT(OpenAesGcm(key, all.first(12), {}, bytes),
                testing::StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(OpenChaCha20Poly1305(key, all.first(12), {}, bytes),
                testing::StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(OpenXaes256Gcm(key, all.first(24), {}, bytes),
                testing::StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(UnwrapAesKwp(key, bytes), testing::StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(OpenXaes256Gcm(all, all.first(12), {}, bytes),
              testing::StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(UnwrapAesKwp(all, all.first(8)), testing::StatusIs(absl::StatusCode::kDataLoss));
}

// RFC 5649 section 6.
TEST(LibraryAlgorithms, UnwrapTheKeyOfRfc5649) {
  const Bytes kek = FromHex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
  ASSERT_OK_AND_ASSIGN(Bytes key, UnwrapAesKwp(kek, FromHex("afbeb0f07dfbf5419200f2ccb50bb24f")));
  EXPECT_EQ(HexEncode(key), "466f7250617369");
}

}  // namespace
}  // namespace sealtrain::kat
