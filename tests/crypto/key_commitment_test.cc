// One ciphertext under two keys. AES-GCM lets whoever knows two keys make one
// ciphertext that is authentic under both; this attack builds such a segment
// under the keys that two DEKs derive, shows that AES-GCM falls for it, and that
// a sealed stream does not.
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "sealtrain/crypto/aead_internal.h"
#include "sealtrain/crypto/hkdf_internal.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::StatusIs;

constexpr std::size_t kBlockBytes = 16;
constexpr StreamOptions kTwoBlocks = TestSizes(64);  // 32 plaintext bytes: two blocks

// An element of the field of GHASH (NIST SP 800-38D, section 6.3): bit 0 of the
// block is the highest of `high`.
struct Element {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};

Element Add(Element a, Element b) { return {a.high ^ b.high, a.low ^ b.low}; }

Element Multiply(Element a, Element b) {
  Element product;
  for (int bit = 0; bit < 128; ++bit) {
    const std::uint64_t word = bit < 64 ? a.high : a.low;
    if ((word >> (63 - bit % 64) & 1) != 0) product = Add(product, b);
    const bool carry = (b.low & 1) != 0;
    b = {b.high >> 1, b.low >> 1 | b.high << 63};
    if (carry) b.high ^= std::uint64_t{0xe1} << 56;
  }
  return product;
}

// By Fermat: a^(2^128 - 2).
Element Invert(Element a) {
  Element inverse = {std::uint64_t{1} << 63, 0};  // one
  for (int i = 0; i < 127; ++i) {
    a = Multiply(a, a);
    inverse = Multiply(inverse, a);
  }
  return inverse;
}

Element FromBlock(ByteSpan block) {
  return {GetBigEndian(block.first(8)), GetBigEndian(block.subspan(8))};
}

void ToBlock(Element element, MutableByteSpan out) {
  PutBigEndian(element.high, 8, out);
  PutBigEndian(element.low, 8, out.subspan(8));
}

Element EncryptBlock(ByteSpan key, ByteSpan block) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(
      EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  std::array<std::uint8_t, 2 * kBlockBytes> out{};
  int written = 0;
  EXPECT_EQ(EVP_EncryptInit_ex2(context.get(), EVP_aes_256_ecb(), key.data(), nullptr, nullptr), 1);
  EXPECT_EQ(EVP_EncryptUpdate(context.get(), out.data(), &written, block.data(), kBlockBytes), 1);
  return FromBlock(ByteSpan(out).first(kBlockBytes));
}

Bytes Join(std::initializer_list<ByteSpan> parts) {
  Bytes joined;
  for (ByteSpan part : parts) joined.insert(joined.end(), part.begin(), part.end());
  return joined;
}

Bytes Expand(ByteSpan key, ByteSpan info, std::size_t size) {
  Bytes out(size);
  EXPECT_OK(RunHkdf(HkdfMode::kExpandOnly, "SHA384", key, {}, info, absl::MakeSpan(out)));
  return out;
}

// What one DEK makes of a given stream prefix (parameters ‖ IV) and AAD.
struct Derived {
  Derived(ByteSpan dek, ByteSpan prefix, ByteSpan aad)
      : header(Join({prefix, Expand(dek, Join({prefix, AsBytes("HEADER_TAG:"), aad}), 32)})),
        segment_key(Expand(Expand(dek, Join({prefix, AsBytes("MESSAGE_KEY:"), aad}), 48),
                           Join({prefix, AsBytes("DEK:"), Bytes(8), aad}), 32)),
        hash_key(EncryptBlock(segment_key, Bytes(kBlockBytes))) {}

  // GHASH ‖ encryption of the counter block: the tag of AAD ‖ ciphertext ‖ lengths.
  Element Tag(absl::Span<const Element> blocks, ByteSpan nonce) const {
    Element hash;
    for (const Element& block : blocks) hash = Multiply(Add(hash, block), hash_key);
    return Add(hash, EncryptBlock(segment_key, Join({nonce, Bytes{0, 0, 0, 1}})));
  }

  Bytes header;
  Bytes segment_key;
  Element hash_key;
};

class OneCiphertextUnderTwoKeys : public ::testing::Test {
 protected:
  OneCiphertextUnderTwoKeys() : segment_(kTwoBlocks.segment_bytes) {
    const MutableByteSpan segment = absl::MakeSpan(segment_);
    PutBigEndian(segment.size(), 4, segment);  // says that it is the final one
    std::copy(nonce_.begin(), nonce_.end(), segment.begin() + 4);
    const Element second = FromBlock(PseudorandomBytes(kBlockBytes, 3));
    const Element aad = FromBlock(Join({segment_aad_, Bytes(kBlockBytes - segment_aad_.size())}));
    const Element lengths = {8 * segment_aad_.size(), 8 * 2 * kBlockBytes};

    // Tags are linear in the first block of ciphertext: solve for the one that
    // makes both the same. It weighs hash_key^3 in each.
    const auto tag = [&](const Derived& key, Element first) {
      const Element blocks[] = {aad, first, second, lengths};
      return key.Tag(blocks, nonce_);
    };
    const auto weight = [](const Derived& key) {
      return Multiply(key.hash_key, Multiply(key.hash_key, key.hash_key));
    };
    const Element first =
        Multiply(Add(tag(ada_, {}), tag(bob_, {})), Invert(Add(weight(ada_), weight(bob_))));
    ToBlock(first, segment.subspan(16, kBlockBytes));
    ToBlock(second, segment.subspan(32, kBlockBytes));
    ToBlock(tag(ada_, first), segment.subspan(48, kBlockBytes));
  }

  const Bytes aad_ = {1, 2, 3};
  const Bytes nonce_ = PseudorandomBytes(kNonceBytes, 1);
  const Bytes segment_aad_ = {0, 0, 0, 0, 0, 0, 0, 0, 1};  // position 0, final
  const Bytes prefix_ = Join({Bytes{0, 0, 0, 0, 0, 64, 0, 0, 0, 32}, PseudorandomBytes(32, 2)});
  const Derived ada_{Bytes(kKeyBytes, 1), prefix_, aad_};
  const Derived bob_{Bytes(kKeyBytes, 2), prefix_, aad_};
  Bytes segment_;
};

TEST_F(OneCiphertextUnderTwoKeys, IsAuthenticForBareAesGcm) {
  std::vector<Bytes> opened;
  for (const Derived* key : {&ada_, &bob_}) {
    ASSERT_OK_AND_ASSIGN(Aes256Gcm aead, Aes256Gcm::Create());
    ASSERT_OK(aead.SetKey(key->segment_key));
    opened.emplace_back(2 * kBlockBytes);
    EXPECT_OK(aead.Open(nonce_, segment_aad_, ByteSpan(segment_).subspan(16),
                        absl::MakeSpan(opened.back())));
  }
  EXPECT_NE(opened[0], opened[1]) << "the reviewer and the trainer would read other rows";
}

TEST_F(OneCiphertextUnderTwoKeys, OpensAsASealedStreamUnderOneOfThemOnly) {
  const Bytes for_ada = Join({ada_.header, segment_});
  const Bytes for_bob = Join({bob_.header, segment_});
  EXPECT_OK(OpenStream(KeyOf<Dek>(1), aad_, for_ada, kTwoBlocks));
  EXPECT_OK(OpenStream(KeyOf<Dek>(2), aad_, for_bob, kTwoBlocks));
  EXPECT_THAT(OpenStream(KeyOf<Dek>(2), aad_, for_ada, kTwoBlocks),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(OpenStream(KeyOf<Dek>(1), aad_, for_bob, kTwoBlocks),
              StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace sealtrain::crypto
