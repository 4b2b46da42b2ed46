#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/sodium_internal.h"

namespace sealtrain::crypto {
namespace {

constexpr std::uint64_t kMinMemoryBytes = 8ull << 10;
constexpr std::uint64_t kMaxMemoryBytes = 1ull << 30;
constexpr std::uint32_t kMaxPasses = 10;

static_assert(crypto_pwhash_argon2id_SALTBYTES == sizeof(Id));
static_assert(crypto_pwhash_argon2id_MEMLIMIT_MIN == kMinMemoryBytes);
static_assert(crypto_pwhash_argon2id_OPSLIMIT_MIN == 1);

}  // namespace

absl::StatusOr<Kek> KekFromPassphrase(const SecretBytes& passphrase, const Argon2idParams& params) {
  if (passphrase.empty()) return absl::InvalidArgumentError("the passphrase is empty");
  if (params.memory_bytes < kMinMemoryBytes || params.memory_bytes > kMaxMemoryBytes) {
    return absl::InvalidArgumentError("Argon2id memory is outside [8 KiB, 1 GiB]");
  }
  if (params.passes < 1 || params.passes > kMaxPasses) {
    return absl::InvalidArgumentError("Argon2id passes are outside [1, 10]");
  }
  EnsureSodium();
  ST_ASSIGN_OR_RETURN(SecretBytes key, SecretBytes::Allocate(kKeyBytes));
  const MutableByteSpan out = key.mutable_span();
  const absl::string_view text = AsText(passphrase.span());
  if (crypto_pwhash(out.data(), out.size(), text.data(), text.size(), params.salt.data(),
                    params.passes, params.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return absl::UnavailableError("no memory for Argon2id");
  }
  return Kek::FromBytes(std::move(key));
}

}  // namespace sealtrain::crypto
