#include <openssl/err.h>

#include <limits>
#include <utility>

#include "sealtrain/crypto/aead_internal.h"
#include "sealtrain/crypto/sealed_stream.h"

namespace sealtrain::crypto {
namespace {

// What OpenSSL counts in an int.
constexpr std::size_t kMaxBytes = std::numeric_limits<int>::max();

absl::Status CheckSizes(ByteSpan nonce, ByteSpan aad, ByteSpan plain, ByteSpan sealed) {
  if (nonce.size() != kNonceBytes) return absl::InvalidArgumentError("a nonce has 12 bytes");
  if (sealed.size() < kTagBytes || sealed.size() - kTagBytes != plain.size()) {
    return absl::InvalidArgumentError("sealed bytes are the plaintext's and a tag of 16");
  }
  if (sealed.size() > kMaxBytes || aad.size() > kMaxBytes) {
    return absl::InvalidArgumentError("too many bytes for one AES-256-GCM message");
  }
  return absl::OkStatus();
}

// EVP_CipherUpdate for the direction of the context. OpenSSL takes an empty
// input for something else, so none is handed to it. `out` may be null: AAD.
bool Update(EVP_CIPHER_CTX* context, ByteSpan in, std::uint8_t* out) {
  if (in.empty()) return true;
  int written = 0;
  const int size = static_cast<int>(in.size());
  return EVP_CipherUpdate(context, out, &written, in.data(), size) == 1 && written == size;
}

}  // namespace

Aes256Gcm::Aes256Gcm(CipherContext context) : context_(std::move(context)) {}

absl::StatusOr<Aes256Gcm> Aes256Gcm::Create() {
  CipherContext context(EVP_CIPHER_CTX_new());
  if (context == nullptr) return OpenSslError("AES-256-GCM");
  return Aes256Gcm(std::move(context));
}

absl::Status Aes256Gcm::SetKey(ByteSpan key) {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  if (key.size() != 32) return absl::InvalidArgumentError("an AES-256 key has 32 bytes");
  // The key schedule of GCM is the same in both directions.
  if (cipher == nullptr ||
      EVP_EncryptInit_ex2(context_.get(), cipher, key.data(), nullptr, nullptr) != 1) {
    return OpenSslError("AES-256-GCM");
  }
  return absl::OkStatus();
}

absl::Status Aes256Gcm::Seal(ByteSpan nonce, ByteSpan aad, ByteSpan plaintext,
                             MutableByteSpan out) {
  if (absl::Status sizes = CheckSizes(nonce, aad, plaintext, out); !sizes.ok()) return sizes;
  EVP_CIPHER_CTX* context = context_.get();
  std::uint8_t* tag = out.data() + plaintext.size();
  int none = 0;
  if (EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) != 1 ||
      !Update(context, aad, nullptr) || !Update(context, plaintext, out.data()) ||
      EVP_EncryptFinal_ex(context, tag, &none) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) != 1) {
    return OpenSslError("AES-256-GCM");
  }
  return absl::OkStatus();
}

absl::Status Aes256Gcm::Open(ByteSpan nonce, ByteSpan aad, ByteSpan sealed, MutableByteSpan out) {
  if (absl::Status sizes = CheckSizes(nonce, aad, out, sealed); !sizes.ok()) return sizes;
  EVP_CIPHER_CTX* context = context_.get();
  const ByteSpan ciphertext = sealed.first(out.size());
  const ByteSpan tag = sealed.last(kTagBytes);
  if (EVP_DecryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes,
                          const_cast<std::uint8_t*>(tag.data())) != 1 ||
      !Update(context, aad, nullptr) || !Update(context, ciphertext, out.data())) {
    return OpenSslError("AES-256-GCM");
  }
  std::uint8_t no_bytes = 0;
  int none = 0;
  if (EVP_DecryptFinal_ex(context, &no_bytes, &none) != 1) {
    ERR_clear_error();
    return absl::DataLossError("AES-256-GCM: not authentic");
  }
  return absl::OkStatus();
}

}  // namespace sealtrain::crypto
