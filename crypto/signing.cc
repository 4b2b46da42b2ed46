#include "sealtrain/crypto/signing.h"

#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/sodium_internal.h"

namespace sealtrain::crypto {

static_assert(crypto_sign_PUBLICKEYBYTES == sizeof(PublicKey));
static_assert(crypto_sign_BYTES == sizeof(Signature));

SigningKey::SigningKey(SecretBytes secret, const PublicKey& public_key)
    : secret_(std::move(secret)), public_key_(public_key) {}

absl::StatusOr<SigningKey> SigningKey::Generate() {
  ST_ASSIGN_OR_RETURN(SecretBytes seed, SecretBytes::Random(crypto_sign_SEEDBYTES));
  return FromSeed(seed);
}

absl::StatusOr<SigningKey> SigningKey::FromSeed(const SecretBytes& seed) {
  if (seed.size() != crypto_sign_SEEDBYTES) {
    return absl::InvalidArgumentError("an Ed25519 seed has 32 bytes");
  }
  EnsureSodium();
  ST_ASSIGN_OR_RETURN(SecretBytes secret, SecretBytes::Allocate(crypto_sign_SECRETKEYBYTES));
  PublicKey public_key;
  if (crypto_sign_seed_keypair(public_key.data(), secret.mutable_span().data(),
                               seed.span().data()) != 0) {
    return absl::InternalError("making an Ed25519 key failed in libsodium");
  }
  return SigningKey(std::move(secret), public_key);
}

Signature SigningKey::Sign(ByteSpan message) const {
  Signature signature;
  // Cannot fail: signing is deterministic and allocates nothing.
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                       secret_.span().data());
  return signature;
}

absl::Status VerifySignature(const PublicKey& key, ByteSpan message, ByteSpan signature) {
  EnsureSodium();
  if (signature.size() != crypto_sign_BYTES ||
      crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.data()) !=
          0) {
    return absl::DataLossError("the signature is not one of this key over this message");
  }
  return absl::OkStatus();
}

}  // namespace sealtrain::crypto
