// Keys as types: 32 secret bytes whose type says what they are for. A key of
// one purpose does not convert to a key of another, cannot be copied, and its
// bytes are visible only to code that holds a KeyAccess. A key counts what is
// sealed under it and refuses before there is too much.
#ifndef SEALTRAIN_CRYPTO_KEY_H_
#define SEALTRAIN_CRYPTO_KEY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

inline constexpr std::size_t kKeyBytes = 32;

// Streams that may be sealed, or keys that may be wrapped, under one key. Each
// is a FLOE stream with a 256-bit IV of its own, of which the construction allows
// far more; NIST SP 800-38D allows a key of bare AES-GCM as many messages.
inline constexpr std::uint64_t kMaxSealsPerKey = std::uint64_t{1} << 32;

// The right to see key bytes. Only the friends named here can make one, and it
// stays where it was made: it cannot be copied, moved or built from other bytes.
class KeyAccess {
 public:
  KeyAccess(const KeyAccess&) = delete;
  KeyAccess& operator=(const KeyAccess&) = delete;
  // User-provided: a trivial one would let std::bit_cast make a KeyAccess.
  ~KeyAccess() {}

 private:
  // User-provided: `= default` would leave aggregate-style creation open to all.
  explicit KeyAccess() {}
  friend class StreamSealer;
  friend class StreamOpener;
  friend class SegmentOpener;
  friend class KeyDerivation;
  friend class KeyWrap;
  friend class Mac;
  friend class HpkeSealer;
  friend class HpkeContext;
  friend class TokenCipher;
};

// How often a key may still seal. Thread-safe, save for moving.
class SealBudget {
 public:
  SealBudget() = default;
  SealBudget(SealBudget&& other) noexcept : left_(other.left_.exchange(0)) {}
  SealBudget& operator=(SealBudget&& other) noexcept {
    left_ = other.left_.exchange(0);
    return *this;
  }

  std::uint64_t left() const { return left_; }
  // False, and nothing is taken, if fewer than `count` are left.
  bool Take(std::uint64_t count) {
    std::uint64_t left = left_;
    while (left >= count) {
      if (left_.compare_exchange_weak(left, left - count)) return true;
    }
    return false;
  }

 private:
  std::atomic<std::uint64_t> left_ = kMaxSealsPerKey;
};

// Thread-compatible.
template <class Tag>
class Key {
 public:
  Key(Key&&) noexcept = default;
  Key& operator=(Key&&) noexcept = default;
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  static absl::StatusOr<Key> Generate() {
    absl::StatusOr<SecretBytes> bytes = SecretBytes::Random(kKeyBytes);
    if (!bytes.ok()) return bytes.status();
    return Key(*std::move(bytes));
  }
  // Takes over `bytes`. InvalidArgument: not exactly kKeyBytes of them.
  static absl::StatusOr<Key> FromBytes(SecretBytes bytes) {
    if (bytes.size() != kKeyBytes) return absl::InvalidArgumentError("a key has 32 bytes");
    return Key(std::move(bytes));
  }

  ByteSpan bytes(const KeyAccess&) const { return bytes_.span(); }

  // Counts `seals` that are about to be made, or that were made under the same
  // key elsewhere: the count lives as long as this object, so who keeps a key
  // for longer must keep the number, too. Thread-safe. ResourceExhausted: they
  // would be more than kMaxSealsPerKey; then none may be made.
  absl::Status CountSeals(std::uint64_t seals) const {
    if (budget_.Take(seals)) return absl::OkStatus();
    return absl::ResourceExhaustedError("a key has sealed as often as it may");
  }
  std::uint64_t seals_left() const { return budget_.left(); }

  friend void PrintTo(const Key&, std::ostream* os) { *os << "<secret key>"; }

 private:
  explicit Key(SecretBytes bytes) : bytes_(std::move(bytes)) {}
  SecretBytes bytes_;
  mutable SealBudget budget_;
};
template <class Tag>
std::ostream& operator<<(std::ostream&, const Key<Tag>&) = delete;

using Dek = Key<struct DekTag>;            // seals one stream: one column of one shard, one model
using Kek = Key<struct KekTag>;            // wraps keys; the root key is one
using ClassKey = Key<struct ClassKeyTag>;  // (data set, data class, key epoch); DEKs derive from it
using MacKey = Key<struct MacKeyTag>;      // keyed pseudonyms and tags
using TokenKey = Key<struct TokenKeyTag>;  // reversible tokens

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_KEY_H_
