// AES-256-SIV (RFC 5297) through OpenSSL: deterministic, so that the same
// plaintext with the same associated data always gives the same bytes.
#ifndef SEALTRAIN_CRYPTO_SIV_INTERNAL_H_
#define SEALTRAIN_CRYPTO_SIV_INTERNAL_H_

#include <cstddef>

#include "absl/status/status.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::crypto {

inline constexpr std::size_t kSivKeyBytes = 64;  // two AES-256 keys: for S2V and for CTR
inline constexpr std::size_t kSivTagBytes = 16;  // the synthetic IV, in front

// One component of associated data, even if it is empty. `out` has
// plaintext.size() + kSivTagBytes bytes: synthetic IV ‖ ciphertext; wiped on failure.
// Thread-safe. InvalidArgument: a wrong size, no plaintext (which OpenSSL 3.0 does not
// take), or more than 2^31 - 1 bytes. Internal: OpenSSL failed.
absl::Status SealAes256Siv(ByteSpan key, ByteSpan aad, ByteSpan plaintext, MutableByteSpan out);

// `out` has sealed.size() - kSivTagBytes bytes; wiped on failure. DataLoss: not
// authentic. Otherwise as above.
absl::Status OpenAes256Siv(ByteSpan key, ByteSpan aad, ByteSpan sealed, MutableByteSpan out);

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_SIV_INTERNAL_H_
