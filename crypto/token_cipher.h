// Reversible tokens: a value becomes bytes that only the holder of the key turns
// back, and equal values in one context become equal tokens, so that they still
// join. AES-256-SIV (RFC 5297); docs/formats/token.md is the contract.
//
// A token hides the value, not its length, nor which values are equal: who can
// guess how often each value occurs learns from that.
#ifndef SEALTRAIN_CRYPTO_TOKEN_CIPHER_H_
#define SEALTRAIN_CRYPTO_TOKEN_CIPHER_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

inline constexpr std::size_t kTokenOverhead = 16;  // a token is that much longer
inline constexpr std::size_t kMaxTokenValueBytes = 1 << 20;

// Thread-compatible: const members may be called from several threads.
class TokenCipher {
 public:
  // `key` need not outlive the cipher. Unavailable: no memory.
  static absl::StatusOr<TokenCipher> Create(const TokenKey& key);

  // The token of `value` in `context`: column and domain, say. InvalidArgument: no
  // value, or one above kMaxTokenValueBytes.
  absl::StatusOr<Bytes> Seal(ByteSpan context, ByteSpan value) const;
  // DataLoss: no token of this key in this context.
  absl::StatusOr<SecretBytes> Open(ByteSpan context, ByteSpan token) const;

 private:
  explicit TokenCipher(SecretBytes siv_key);
  SecretBytes siv_key_;
};

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_TOKEN_CIPHER_H_
