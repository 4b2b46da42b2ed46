// HKDF (RFC 5869) through OpenSSL.
#ifndef SEALTRAIN_CRYPTO_HKDF_INTERNAL_H_
#define SEALTRAIN_CRYPTO_HKDF_INTERNAL_H_

#include "absl/status/status.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::crypto {

enum class HkdfMode { kExtractAndExpand, kExtractOnly, kExpandOnly };

// `digest` is OpenSSL's name of a hash. `key` is the input key material, or for
// kExpandOnly the pseudorandom key, and then `salt` is empty; for kExtractOnly `info`
// is empty and `out` has the size of the hash. InvalidArgument: `info` above 32 KiB.
// `out` is wiped on failure.
absl::Status RunHkdf(HkdfMode mode, const char* digest, ByteSpan key, ByteSpan salt, ByteSpan info,
                     MutableByteSpan out);

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_HKDF_INTERNAL_H_
