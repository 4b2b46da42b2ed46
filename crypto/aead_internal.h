// AES-256-GCM with 96-bit nonces (NIST SP 800-38D) through OpenSSL: the one
// cipher under every sealed stream.
#ifndef SEALTRAIN_CRYPTO_AEAD_INTERNAL_H_
#define SEALTRAIN_CRYPTO_AEAD_INTERNAL_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/openssl_internal.h"

namespace sealtrain::crypto {

inline constexpr std::size_t kNonceBytes = 12;

// One EVP context, kept for its lifetime. Not thread-safe.
//
// Buffers must not overlap, and none may have more than 2^31 - 1 bytes. Internal:
// OpenSSL failed; what `out` holds then is the caller's to wipe.
class Aes256Gcm {
 public:
  static absl::StatusOr<Aes256Gcm> Create();

  // To be called before Seal() and Open(), and whenever the key changes.
  // InvalidArgument: not 32 bytes.
  absl::Status SetKey(ByteSpan key);

  // `out` has plaintext.size() + kTagBytes bytes: ciphertext ‖ tag. A nonce is
  // never to be used twice under one key.
  absl::Status Seal(ByteSpan nonce, ByteSpan aad, ByteSpan plaintext, MutableByteSpan out);
  // `out` has sealed.size() - kTagBytes bytes. DataLoss: not authentic.
  absl::Status Open(ByteSpan nonce, ByteSpan aad, ByteSpan sealed, MutableByteSpan out);

 private:
  explicit Aes256Gcm(CipherContext context);

  CipherContext context_;
};

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_AEAD_INTERNAL_H_
