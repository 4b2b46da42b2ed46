#include <openssl/core_names.h>
#include <openssl/params.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hkdf_internal.h"
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/openssl_internal.h"

namespace sealtrain::crypto {
namespace {

// What OpenSSL 3.0 takes as info.
constexpr std::size_t kMaxInfoBytes = 32 * 1024;

OSSL_PARAM OctetString(const char* name, ByteSpan bytes) {
  // OpenSSL only reads, but asks for a mutable pointer, and for one that is not
  // null even when there are no bytes.
  static std::uint8_t nothing = 0;
  return OSSL_PARAM_construct_octet_string(
      name, bytes.empty() ? &nothing : const_cast<std::uint8_t*>(bytes.data()), bytes.size());
}

int OpenSslMode(HkdfMode mode) {
  switch (mode) {
    case HkdfMode::kExtractOnly:
      return EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
    case HkdfMode::kExpandOnly:
      return EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    case HkdfMode::kExtractAndExpand:
      break;
  }
  return EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND;
}

absl::Status Derive(HkdfMode mode, const char* digest, ByteSpan key, ByteSpan salt, ByteSpan info,
                    MutableByteSpan out) {
  static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  const KdfContext context(kdf == nullptr ? nullptr : EVP_KDF_CTX_new(kdf));
  if (context == nullptr) return OpenSslError("HKDF");
  int openssl_mode = OpenSslMode(mode);
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &openssl_mode),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(digest), 0),
      OctetString(OSSL_KDF_PARAM_KEY, key),
      OctetString(OSSL_KDF_PARAM_SALT, salt),
      OctetString(OSSL_KDF_PARAM_INFO, info),
      OSSL_PARAM_construct_end(),
  };
  if (EVP_KDF_derive(context.get(), out.data(), out.size(), params) != 1) {
    return OpenSslError("HKDF");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunHkdf(HkdfMode mode, const char* digest, ByteSpan key, ByteSpan salt, ByteSpan info,
                     MutableByteSpan out) {
  if (out.empty()) return absl::OkStatus();  // RFC 5869 allows it, OpenSSL does not
  absl::Status status =
      info.size() > kMaxInfoBytes
          ? absl::InvalidArgumentError(absl::StrCat("HKDF info above ", kMaxInfoBytes, " bytes"))
          : Derive(mode, digest, key, salt, info, out);
  if (!status.ok()) Wipe(out);
  return status;
}

absl::Status Hkdf(int sha_bits, ByteSpan ikm, ByteSpan salt, ByteSpan info, MutableByteSpan out) {
  if (sha_bits != 256 && sha_bits != 384) {
    Wipe(out);
    return absl::InvalidArgumentError("HKDF is offered with SHA-256 and SHA-384");
  }
  if (out.size() > 255 * static_cast<std::size_t>(sha_bits / 8)) {
    Wipe(out);
    return absl::InvalidArgumentError("HKDF gives at most 255 hash lengths");
  }
  return RunHkdf(HkdfMode::kExtractAndExpand, sha_bits == 256 ? "SHA256" : "SHA384", ikm, salt,
                 info, out);
}

}  // namespace sealtrain::crypto
