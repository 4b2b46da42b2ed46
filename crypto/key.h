// Keys as types: 32 secret bytes whose type says what they are for. A key of
// one purpose does not convert to a key of another, cannot be copied, and its
// bytes are visible only to code that holds a KeyAccess.
#ifndef SEALTRAIN_CRYPTO_KEY_H_
#define SEALTRAIN_CRYPTO_KEY_H_

#include <cstddef>
#include <ostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

inline constexpr std::size_t kKeyBytes = 32;

// The right to see key bytes. Only the friends named here can make one.
class KeyAccess {
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

  ByteSpan bytes(KeyAccess) const { return bytes_.span(); }

  friend void PrintTo(const Key&, std::ostream* os) { *os << "<secret key>"; }

 private:
  explicit Key(SecretBytes bytes) : bytes_(std::move(bytes)) {}
  SecretBytes bytes_;
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
