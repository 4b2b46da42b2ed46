// The inside of HPKE (RFC 9180): key schedule and contexts. hpke.h keeps its
// callers away from ephemeral keys and sequence numbers; known answers need them.
#ifndef SEALTRAIN_CRYPTO_HPKE_INTERNAL_H_
#define SEALTRAIN_CRYPTO_HPKE_INTERNAL_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/aead_internal.h"
#include "sealtrain/crypto/hpke.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

// One direction of RFC 9180 section 5.2: a key and a nonce that counts. Not
// thread-safe. Errors as in hpke.h.
class HpkeContext {
 public:
  // SetupBaseS (section 5.1.1) with an ephemeral key of the caller's, and
  // SetupBaseR. `max_messages` in [0, kMaxHpkeMessages].
  static absl::StatusOr<HpkeContext> ForSender(const HpkePublicKey& recipient, ByteSpan info,
                                               const HpkeKeyPair& ephemeral,
                                               std::uint64_t max_messages = kMaxHpkeMessages);
  static absl::StatusOr<HpkeContext> ForRecipient(const HpkeKeyPair& recipient,
                                                  ByteSpan encapsulated_key, ByteSpan info,
                                                  std::uint64_t max_messages = kMaxHpkeMessages);

  // `out` has plaintext.size() + kHpkeTagBytes bytes; wiped on failure.
  absl::Status Seal(ByteSpan aad, ByteSpan plaintext, MutableByteSpan out);
  // `out` has message.size() - kHpkeTagBytes bytes; wiped on failure.
  absl::Status Open(ByteSpan aad, ByteSpan message, MutableByteSpan out);

 private:
  using Nonce = std::array<std::uint8_t, kNonceBytes>;

  HpkeContext(Aes256Gcm aead, SecretBytes base_nonce, std::uint64_t max_messages);

  // KeySchedule (section 5.1) for base mode.
  static absl::StatusOr<HpkeContext> FromSharedSecret(ByteSpan shared_secret, ByteSpan info,
                                                      std::uint64_t max_messages);
  // That of the next message. ResourceExhausted, FailedPrecondition: there is none.
  absl::StatusOr<Nonce> NextNonce() const;
  // Goes on to the next message if this one was done, or wipes `out`.
  absl::Status Finish(absl::Status status, MutableByteSpan out);

  Aes256Gcm aead_;
  // Lies where no child has it, which has the same sequence ahead of it.
  SecretBytes base_nonce_;
  std::uint64_t sequence_ = 0;
  std::uint64_t max_messages_;
};

// The one answer to everything wrong with what was received.
absl::Status HpkeTampered();

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_HPKE_INTERNAL_H_
