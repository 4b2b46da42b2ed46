// HPKE (RFC 9180), base mode, in one suite: DHKEM(X25519, HKDF-SHA256),
// HKDF-SHA256, AES-256-GCM. What is sealed to a public key, only the holder of
// the private key opens; nothing says who sealed it. docs/formats/hpke.md is the
// contract.
//
// `info` names what the messages are for and `aad` what one of them belongs to;
// both sides must give the same bytes. At most kMaxHpkeInfoBytes of info.
//
// Errors of all functions: DataLoss, with one message, for everything that is wrong
// with what was received; InvalidArgument for mistakes of the caller; Unavailable
// where there is no memory; Internal where a library failed.
#ifndef SEALTRAIN_CRYPTO_HPKE_H_
#define SEALTRAIN_CRYPTO_HPKE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>

#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

inline constexpr std::size_t kHpkeKeyBytes = 32;  // of public keys and encapsulated keys
inline constexpr std::size_t kHpkeTagBytes = 16;  // what a message is longer than its plaintext
inline constexpr std::size_t kMaxHpkeInfoBytes = 16 * 1024;
// Of one sealer. RFC 9180 allows 2^96; nothing of ours comes near either.
inline constexpr std::uint64_t kMaxHpkeMessages = std::uint64_t{1} << 32;

// A type of its own, so that no Ed25519 key is taken for one.
struct HpkePublicKey {
  std::array<std::uint8_t, kHpkeKeyBytes> bytes{};
  friend bool operator==(const HpkePublicKey&, const HpkePublicKey&) = default;
};

// A recipient's keys. Move-only; thread-compatible.
class HpkeKeyPair {
 public:
  static absl::StatusOr<HpkeKeyPair> Generate();
  // Takes over an X25519 private key (RFC 7748). InvalidArgument: not 32 bytes.
  static absl::StatusOr<HpkeKeyPair> FromPrivateKey(SecretBytes private_key);

  const HpkePublicKey& public_key() const { return public_key_; }
  ByteSpan private_key(const KeyAccess&) const { return private_key_.span(); }

  friend void PrintTo(const HpkeKeyPair& keys, std::ostream* os);

 private:
  HpkeKeyPair(SecretBytes private_key, const HpkePublicKey& public_key);
  SecretBytes private_key_;
  HpkePublicKey public_key_;
};
std::ostream& operator<<(std::ostream&, const HpkeKeyPair&) = delete;

class HpkeContext;  // hpke_internal.h

// Seals any number of messages to one recipient, who opens them in the same order.
// Not thread-safe.
class HpkeSealer {
 public:
  // Draws the ephemeral key. InvalidArgument: `recipient` has small order, or info
  // is too long.
  static absl::StatusOr<HpkeSealer> Create(const HpkePublicKey& recipient, ByteSpan info);
  HpkeSealer(HpkeSealer&&) noexcept;
  HpkeSealer& operator=(HpkeSealer&&) noexcept;
  ~HpkeSealer();

  // What the recipient needs before the first message.
  const HpkePublicKey& encapsulated_key() const { return encapsulated_key_; }

  // plaintext.size() + kHpkeTagBytes bytes. ResourceExhausted: kMaxHpkeMessages
  // have been sealed. FailedPrecondition: this is a forked child of the process
  // that made the sealer, whose next nonce its parent uses, too.
  absl::StatusOr<Bytes> Seal(ByteSpan aad, ByteSpan plaintext);
  // The same for a key: 48 bytes.
  template <class Tag>
  absl::StatusOr<Bytes> SealKey(ByteSpan aad, const Key<Tag>& key) {
    return Seal(aad, key.bytes(KeyAccess()));
  }

 private:
  HpkeSealer(const HpkePublicKey& encapsulated_key, std::unique_ptr<HpkeContext> context);
  HpkePublicKey encapsulated_key_;
  std::unique_ptr<HpkeContext> context_;
};

// Opens what one HpkeSealer sealed, in its order. Not thread-safe.
class HpkeOpener {
 public:
  // `recipient` need not outlive the opener. DataLoss: `encapsulated_key` is none.
  static absl::StatusOr<HpkeOpener> Create(const HpkeKeyPair& recipient, ByteSpan encapsulated_key,
                                           ByteSpan info);
  HpkeOpener(HpkeOpener&&) noexcept;
  HpkeOpener& operator=(HpkeOpener&&) noexcept;
  ~HpkeOpener();

  // Opens the next message. After DataLoss it is still the next one.
  absl::StatusOr<SecretBytes> Open(ByteSpan aad, ByteSpan message);
  // The same for a key. DataLoss: also if what was sealed has not its size.
  template <class Tag>
  absl::StatusOr<Key<Tag>> OpenKey(ByteSpan aad, ByteSpan message) {
    if (message.size() != kKeyBytes + kHpkeTagBytes) return NotAKey();
    absl::StatusOr<SecretBytes> bytes = Open(aad, message);
    if (!bytes.ok()) return bytes.status();
    return Key<Tag>::FromBytes(*std::move(bytes));
  }

 private:
  explicit HpkeOpener(std::unique_ptr<HpkeContext> context);
  static absl::Status NotAKey();
  std::unique_ptr<HpkeContext> context_;
};

// One message by itself: encapsulated key ‖ message, plaintext.size() + 48 bytes.
absl::StatusOr<Bytes> HpkeSeal(const HpkePublicKey& recipient, ByteSpan info, ByteSpan aad,
                               ByteSpan plaintext);
absl::StatusOr<SecretBytes> HpkeOpen(const HpkeKeyPair& recipient, ByteSpan info, ByteSpan aad,
                                     ByteSpan sealed);

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_HPKE_H_
