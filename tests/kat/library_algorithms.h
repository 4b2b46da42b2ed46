// Algorithms that Sealtrain does not use, answered by the libraries underneath it:
// whoever runs a collection of published answers through sealtrain-kat can run
// the whole of it, and compare our libraries with others.
#ifndef SEALTRAIN_TESTS_KAT_LIBRARY_ALGORITHMS_H_
#define SEALTRAIN_TESTS_KAT_LIBRARY_ALGORITHMS_H_

#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::kat {

// All: `sealed` is ciphertext ‖ tag of 16 bytes. DataLoss: not authentic.
// InvalidArgument: a key or nonce of a size that the algorithm does not have.

// AES-128-GCM or AES-192-GCM, by the size of the key, with a nonce of 1 to 128
// bytes; OpenSSL.
absl::StatusOr<Bytes> OpenAesGcm(ByteSpan key, ByteSpan nonce, ByteSpan aad, ByteSpan sealed);

// RFC 8439; libsodium.
absl::StatusOr<Bytes> OpenChaCha20Poly1305(ByteSpan key, ByteSpan nonce, ByteSpan aad,
                                           ByteSpan sealed);

// C2SP XAES-256-GCM: AES-256-GCM of ours under the key that AES-256-CMAC of OpenSSL
// gives for the first half of a 24-byte nonce.
absl::StatusOr<Bytes> OpenXaes256Gcm(ByteSpan key, ByteSpan nonce, ByteSpan aad, ByteSpan sealed);

// AES key wrap with padding (RFC 5649), AES-128, -192 or -256 by the size of the
// KEK; OpenSSL.
absl::StatusOr<Bytes> WrapAesKwp(ByteSpan kek, ByteSpan key);
absl::StatusOr<Bytes> UnwrapAesKwp(ByteSpan kek, ByteSpan wrapped);

}  // namespace sealtrain::kat

#endif  // SEALTRAIN_TESTS_KAT_LIBRARY_ALGORITHMS_H_
