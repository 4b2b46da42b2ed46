// Public hashing: SHA-256, SHA-384 and the Merkle tree of RFC 6962.
// All functions are thread-safe.
#ifndef SEALTRAIN_CRYPTO_HASH_H_
#define SEALTRAIN_CRYPTO_HASH_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"

struct evp_md_ctx_st;  // EVP_MD_CTX of OpenSSL

namespace sealtrain::crypto {

Digest Sha256(ByteSpan bytes);
std::array<std::uint8_t, 48> Sha384(ByteSpan bytes);

// SHA-256 of bytes that arrive in parts. Not thread-safe.
class Sha256Stream {
 public:
  Sha256Stream();
  void Append(ByteSpan bytes);
  // Of all that was appended; nothing may be appended after it.
  Digest Finish();

 private:
  struct FreeContext {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, FreeContext> context_;
};

// RFC 6962 section 2.1: leaf = SHA-256(00 ‖ entry), node = SHA-256(01 ‖ l ‖ r).
Digest MerkleLeafHash(ByteSpan entry);
Digest MerkleNodeHash(const Digest& left, const Digest& right);

// The root over leaves that arrive one after the other, in memory logarithmic
// in their number. Not thread-safe.
class MerkleAccumulator {
 public:
  void Append(const Digest& leaf_hash);
  std::uint64_t size() const { return size_; }
  // Of no leaves: SHA-256 of the empty string.
  Digest Root() const;
  // Where each leaf is itself the root over 2^h leaves of a larger tree: the root of
  // that tree with 1 to 2^h more leaves at its end, over which the root is `rest`.
  Digest RootWith(const Digest& rest) const;

 private:
  // Roots of the perfect subtrees of the current size, largest first.
  std::vector<Digest> peaks_;
  std::uint64_t size_ = 0;
};

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_HASH_H_
