// Ed25519 (RFC 8032). One verifier for the whole project: libsodium's, which
// refuses small-order and non-canonical keys and points.
#ifndef SEALTRAIN_CRYPTO_SIGNING_H_
#define SEALTRAIN_CRYPTO_SIGNING_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

// A private signing key. Move-only; thread-compatible.
class SigningKey {
 public:
  static absl::StatusOr<SigningKey> Generate();
  // From the 32-byte seed of RFC 8032. InvalidArgument: another size.
  static absl::StatusOr<SigningKey> FromSeed(const SecretBytes& seed);

  const PublicKey& public_key() const { return public_key_; }
  Signature Sign(ByteSpan message) const;
  // The seed, for KeyWrap.
  ByteSpan seed(const KeyAccess&) const { return secret_.span().first(32); }

 private:
  SigningKey(SecretBytes secret, const PublicKey& public_key);
  SecretBytes secret_;  // libsodium's 64 bytes: seed ‖ public key
  PublicKey public_key_;
};

// DataLoss: the signature is not one of this key over this message.
absl::Status VerifySignature(const PublicKey& key, ByteSpan message, ByteSpan signature);

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_SIGNING_H_
