#include <openssl/core_names.h>
#include <openssl/params.h>

#include <cstdint>

#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/openssl_internal.h"

namespace sealtrain::crypto {

absl::StatusOr<Digest> HmacSha256(ByteSpan key, ByteSpan message) {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  // A fresh context for each call: a kept one would keep the key, too.
  const MacContext context(hmac == nullptr ? nullptr : EVP_MAC_CTX_new(hmac));
  if (context == nullptr) return OpenSslError("HMAC-SHA-256");
  char digest_name[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
      OSSL_PARAM_construct_end(),
  };
  // A null pointer would mean "keep the key", of which there is none.
  static constexpr std::uint8_t kEmptyKey = 0;
  const std::uint8_t* key_data = key.empty() ? &kEmptyKey : key.data();
  Digest tag;
  std::size_t tag_bytes = 0;
  if (EVP_MAC_init(context.get(), key_data, key.size(), params) != 1 ||
      EVP_MAC_update(context.get(), message.data(), message.size()) != 1 ||
      EVP_MAC_final(context.get(), tag.data(), &tag_bytes, tag.size()) != 1 ||
      tag_bytes != tag.size()) {
    return OpenSslError("HMAC-SHA-256");
  }
  return tag;
}

absl::StatusOr<Digest> Mac::Compute(const MacKey& key, ByteSpan message) {
  return HmacSha256(key.bytes(KeyAccess()), message);
}

}  // namespace sealtrain::crypto
