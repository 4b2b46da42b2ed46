#include <openssl/err.h>

#include <limits>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/openssl_internal.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/crypto/siv_internal.h"

namespace sealtrain::crypto {
namespace {

constexpr std::size_t kMaxSivBytes = std::numeric_limits<int>::max();  // what OpenSSL counts in

absl::Status CheckSivSizes(ByteSpan key, ByteSpan aad, ByteSpan plaintext, ByteSpan sealed) {
  if (key.size() != kSivKeyBytes) {
    return absl::InvalidArgumentError("an AES-256-SIV key has 64 bytes");
  }
  if (plaintext.empty()) return absl::InvalidArgumentError("AES-256-SIV of nothing");
  if (sealed.size() < kSivTagBytes || sealed.size() - kSivTagBytes != plaintext.size()) {
    return absl::InvalidArgumentError("sealed bytes are a synthetic IV of 16 and the plaintext's");
  }
  if (sealed.size() > kMaxSivBytes || aad.size() > kMaxSivBytes) {
    return absl::InvalidArgumentError("too many bytes for one AES-256-SIV message");
  }
  return absl::OkStatus();
}

// A context with its key and nothing else: it serves one message.
CipherContext NewSivContext(ByteSpan key, bool seal) {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-SIV", nullptr);
  CipherContext context(cipher == nullptr ? nullptr : EVP_CIPHER_CTX_new());
  if (context != nullptr &&
      EVP_CipherInit_ex2(context.get(), cipher, key.data(), nullptr, seal ? 1 : 0, nullptr) != 1) {
    context.reset();
  }
  return context;
}

// EVP_CipherUpdate; `out` is null for associated data.
bool UpdateSiv(EVP_CIPHER_CTX* context, ByteSpan in, std::uint8_t* out) {
  // An empty component is one, too, but its pointer must not be null.
  static constexpr std::uint8_t kNothing = 0;
  int written = 0;
  return EVP_CipherUpdate(context, out, &written, in.empty() ? &kNothing : in.data(),
                          static_cast<int>(in.size())) == 1;
}

absl::Status SealSiv(EVP_CIPHER_CTX* context, ByteSpan aad, ByteSpan plaintext,
                     MutableByteSpan out) {
  int none = 0;
  if (context == nullptr || !UpdateSiv(context, aad, nullptr) ||
      !UpdateSiv(context, plaintext, out.data() + kSivTagBytes) ||
      EVP_CipherFinal_ex(context, out.data() + out.size(), &none) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kSivTagBytes, out.data()) != 1) {
    return OpenSslError("AES-256-SIV");
  }
  return absl::OkStatus();
}

absl::Status OpenSiv(EVP_CIPHER_CTX* context, ByteSpan aad, ByteSpan sealed, MutableByteSpan out) {
  if (context == nullptr ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kSivTagBytes,
                          const_cast<std::uint8_t*>(sealed.data())) != 1 ||
      !UpdateSiv(context, aad, nullptr)) {
    return OpenSslError("AES-256-SIV");
  }
  // OpenSSL compares while it decrypts, and says so at once and again at the end.
  int none = 0;
  const bool decrypted = UpdateSiv(context, sealed.subspan(kSivTagBytes), out.data());
  if (EVP_CipherFinal_ex(context, out.data() + out.size(), &none) != 1 || !decrypted) {
    ERR_clear_error();
    return absl::DataLossError("AES-256-SIV: not authentic");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SealAes256Siv(ByteSpan key, ByteSpan aad, ByteSpan plaintext, MutableByteSpan out) {
  absl::Status status = CheckSivSizes(key, aad, plaintext, out);
  if (status.ok()) status = SealSiv(NewSivContext(key, /*seal=*/true).get(), aad, plaintext, out);
  if (!status.ok()) Wipe(out);
  return status;
}

absl::Status OpenAes256Siv(ByteSpan key, ByteSpan aad, ByteSpan sealed, MutableByteSpan out) {
  absl::Status status = CheckSivSizes(key, aad, out, sealed);
  if (status.ok()) status = OpenSiv(NewSivContext(key, /*seal=*/false).get(), aad, sealed, out);
  if (!status.ok()) Wipe(out);
  return status;
}

}  // namespace sealtrain::crypto
