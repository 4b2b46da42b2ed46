// X25519 (RFC 7748) through libsodium: the key agreement under HPKE.
// All functions are thread-safe.
#ifndef SEALTRAIN_CRYPTO_X25519_INTERNAL_H_
#define SEALTRAIN_CRYPTO_X25519_INTERNAL_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

inline constexpr std::size_t kX25519Bytes = 32;  // of private keys, public keys, shared secrets

// The public key that belongs to `private_key`. InvalidArgument: not 32 bytes.
absl::StatusOr<std::array<std::uint8_t, kX25519Bytes>> X25519PublicKey(ByteSpan private_key);

// The secret that the owners of the two keys share. InvalidArgument: a key has not
// 32 bytes, or `public_key` has small order, so that the secret would be all zeros
// whatever the private key is (RFC 7748 section 6.1). Unavailable: no memory.
absl::StatusOr<SecretBytes> X25519(ByteSpan private_key, ByteSpan public_key);

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_X25519_INTERNAL_H_
