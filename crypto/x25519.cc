#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/sodium_internal.h"
#include "sealtrain/crypto/x25519_internal.h"

namespace sealtrain::crypto {
namespace {

static_assert(crypto_scalarmult_curve25519_BYTES == kX25519Bytes);
static_assert(crypto_scalarmult_curve25519_SCALARBYTES == kX25519Bytes);

absl::Status CheckX25519Size(ByteSpan key) {
  if (key.size() == kX25519Bytes) return absl::OkStatus();
  return absl::InvalidArgumentError("an X25519 key has 32 bytes");
}

}  // namespace

absl::StatusOr<std::array<std::uint8_t, kX25519Bytes>> X25519PublicKey(ByteSpan private_key) {
  EnsureSodium();
  ST_RETURN_IF_ERROR(CheckX25519Size(private_key));
  std::array<std::uint8_t, kX25519Bytes> public_key;
  if (crypto_scalarmult_curve25519_base(public_key.data(), private_key.data()) != 0) {
    return absl::InternalError("making an X25519 public key failed in libsodium");
  }
  return public_key;
}

absl::StatusOr<SecretBytes> X25519(ByteSpan private_key, ByteSpan public_key) {
  EnsureSodium();
  ST_RETURN_IF_ERROR(CheckX25519Size(private_key));
  ST_RETURN_IF_ERROR(CheckX25519Size(public_key));
  ST_ASSIGN_OR_RETURN(SecretBytes shared, SecretBytes::Allocate(kX25519Bytes));
  if (crypto_scalarmult_curve25519(shared.mutable_span().data(), private_key.data(),
                                   public_key.data()) != 0) {
    return absl::InvalidArgumentError("an X25519 public key of small order");
  }
  return shared;
}

}  // namespace sealtrain::crypto
