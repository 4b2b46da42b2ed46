#include "sealtrain/tests/kat/library_algorithms.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/aead_internal.h"
#include "sealtrain/crypto/openssl_internal.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/crypto/sodium_internal.h"

namespace sealtrain::kat {
namespace {

using crypto::kTagBytes;
using crypto::OpenSslError;

absl::Status NotAuthentic() {
  ERR_clear_error();
  return absl::DataLossError("not authentic");
}

absl::StatusOr<crypto::CipherContext> ContextFor(const std::string& cipher_name) {
  const std::unique_ptr<EVP_CIPHER, crypto::OpenSslDeleter<EVP_CIPHER_free>> cipher(
      EVP_CIPHER_fetch(nullptr, cipher_name.c_str(), nullptr));
  crypto::CipherContext context(EVP_CIPHER_CTX_new());
  if (cipher == nullptr || context == nullptr) return OpenSslError(cipher_name);
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  if (EVP_CipherInit_ex2(context.get(), cipher.get(), nullptr, nullptr, /*enc=*/0, nullptr) != 1) {
    return OpenSslError(cipher_name);
  }
  return context;
}

bool IsAesKey(ByteSpan key) { return key.size() == 16 || key.size() == 24 || key.size() == 32; }

// AES-256-CMAC of "counter ‖ X ‖ 0 ‖ first half of the nonce".
absl::Status XaesKeyHalf(ByteSpan key, std::uint8_t counter, ByteSpan nonce_half,
                         MutableByteSpan out) {
  const std::unique_ptr<EVP_MAC, crypto::OpenSslDeleter<EVP_MAC_free>> cmac(
      EVP_MAC_fetch(nullptr, "CMAC", nullptr));
  const crypto::MacContext context(cmac == nullptr ? nullptr : EVP_MAC_CTX_new(cmac.get()));
  char cipher_name[] = "AES-256-CBC";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher_name, 0),
      OSSL_PARAM_construct_end(),
  };
  Bytes message = {0x00, counter, 'X', 0x00};
  message.insert(message.end(), nonce_half.begin(), nonce_half.end());
  std::size_t written = 0;
  if (context == nullptr || EVP_MAC_init(context.get(), key.data(), key.size(), params) != 1 ||
      EVP_MAC_update(context.get(), message.data(), message.size()) != 1 ||
      EVP_MAC_final(context.get(), out.data(), &written, out.size()) != 1 ||
      written != out.size()) {
    return OpenSslError("AES-256-CMAC");
  }
  return absl::OkStatus();
}

absl::StatusOr<Bytes> RunAesKwp(ByteSpan kek, ByteSpan in, bool wrap) {
  if (!IsAesKey(kek)) return absl::InvalidArgumentError("a KEK has 16, 24 or 32 bytes");
  ST_ASSIGN_OR_RETURN(const crypto::CipherContext context,
                      ContextFor(absl::StrCat("AES-", kek.size() * 8, "-WRAP-PAD")));
  if (EVP_CipherInit_ex2(context.get(), nullptr, kek.data(), nullptr, wrap ? 1 : 0, nullptr) != 1) {
    return OpenSslError("AES-KWP");
  }
  Bytes out(in.size() + 16);
  int written = 0;
  if (EVP_CipherUpdate(context.get(), out.data(), &written, in.data(),
                       static_cast<int>(in.size())) != 1 ||
      written <= 0) {
    return NotAuthentic();
  }
  out.resize(static_cast<std::size_t>(written));
  return out;
}

}  // namespace

absl::StatusOr<Bytes> OpenAesGcm(ByteSpan key, ByteSpan nonce, ByteSpan aad, ByteSpan sealed) {
  if (!IsAesKey(key)) return absl::InvalidArgumentError("an AES key has 16, 24 or 32 bytes");
  if (nonce.empty() || nonce.size() > 128) {
    return absl::InvalidArgumentError("a nonce has 1 to 128 bytes");
  }
  if (sealed.size() < kTagBytes) return NotAuthentic();
  ST_ASSIGN_OR_RETURN(const crypto::CipherContext context,
                      ContextFor(absl::StrCat("AES-", key.size() * 8, "-GCM")));
  Bytes tag(sealed.end() - kTagBytes, sealed.end());
  const ByteSpan ciphertext = sealed.first(sealed.size() - kTagBytes);
  if (EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(nonce.size()),
                          nullptr) != 1 ||
      EVP_DecryptInit_ex2(context.get(), nullptr, key.data(), nonce.data(), nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) != 1) {
    return OpenSslError("AES-GCM");
  }
  Bytes plaintext(ciphertext.size() + 1);  // one more, so that there is a pointer
  int written = 0;
  if ((!aad.empty() && EVP_DecryptUpdate(context.get(), nullptr, &written, aad.data(),
                                         static_cast<int>(aad.size())) != 1) ||
      (!ciphertext.empty() &&
       EVP_DecryptUpdate(context.get(), plaintext.data(), &written, ciphertext.data(),
                         static_cast<int>(ciphertext.size())) != 1)) {
    return OpenSslError("AES-GCM");
  }
  if (EVP_DecryptFinal_ex(context.get(), &plaintext.back(), &written) != 1) return NotAuthentic();
  plaintext.resize(ciphertext.size());
  return plaintext;
}

absl::StatusOr<Bytes> OpenChaCha20Poly1305(ByteSpan key, ByteSpan nonce, ByteSpan aad,
                                           ByteSpan sealed) {
  crypto::EnsureSodium();
  if (key.size() != crypto_aead_chacha20poly1305_ietf_KEYBYTES ||
      nonce.size() != crypto_aead_chacha20poly1305_ietf_NPUBBYTES) {
    return absl::InvalidArgumentError("ChaCha20-Poly1305 takes 32 bytes of key and 12 of nonce");
  }
  if (sealed.size() < kTagBytes) return NotAuthentic();
  Bytes plaintext(sealed.size() - kTagBytes);
  if (crypto_aead_chacha20poly1305_ietf_decrypt(plaintext.data(), nullptr, nullptr, sealed.data(),
                                                sealed.size(), aad.data(), aad.size(), nonce.data(),
                                                key.data()) != 0) {
    return NotAuthentic();
  }
  return plaintext;
}

absl::StatusOr<Bytes> OpenXaes256Gcm(ByteSpan key, ByteSpan nonce, ByteSpan aad, ByteSpan sealed) {
  if (key.size() != 32 || nonce.size() != 24) {
    return absl::InvalidArgumentError("XAES-256-GCM takes 32 bytes of key and 24 of nonce");
  }
  if (sealed.size() < kTagBytes) return NotAuthentic();
  Bytes derived(32);
  const MutableByteSpan halves = absl::MakeSpan(derived);
  ST_RETURN_IF_ERROR(XaesKeyHalf(key, 1, nonce.first(12), halves.first(16)));
  ST_RETURN_IF_ERROR(XaesKeyHalf(key, 2, nonce.first(12), halves.last(16)));
  ST_ASSIGN_OR_RETURN(crypto::Aes256Gcm aead, crypto::Aes256Gcm::Create());
  ST_RETURN_IF_ERROR(aead.SetKey(derived));
  Bytes plaintext(sealed.size() - kTagBytes);
  ST_RETURN_IF_ERROR(aead.Open(nonce.last(12), aad, sealed, absl::MakeSpan(plaintext)));
  return plaintext;
}

absl::StatusOr<Bytes> WrapAesKwp(ByteSpan kek, ByteSpan key) {
  if (key.empty()) return absl::InvalidArgumentError("there is nothing to wrap");
  return RunAesKwp(kek, key, /*wrap=*/true);
}

absl::StatusOr<Bytes> UnwrapAesKwp(ByteSpan kek, ByteSpan wrapped) {
  if (wrapped.size() < 16 || wrapped.size() % 8 != 0) return NotAuthentic();
  return RunAesKwp(kek, wrapped, /*wrap=*/false);
}

}  // namespace sealtrain::kat
