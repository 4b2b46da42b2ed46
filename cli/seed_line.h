// The seed of a signing key as a line of a key file: 64 hex digits and a newline.
// It never passes through a std::string, so it stays in secret memory.
#ifndef SEALTRAIN_CLI_SEED_LINE_H_
#define SEALTRAIN_CLI_SEED_LINE_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/crypto/signing.h"

namespace sealtrain::cli {

inline constexpr std::size_t kSeedBytes = 32;
inline constexpr std::size_t kSeedLineBytes = 2 * kSeedBytes + 1;

// Of a key that nobody has yet. Unavailable: no memory or no random bytes.
absl::StatusOr<crypto::SecretBytes> NewSeedLine();

// The key of a line. InvalidArgument: it is none.
absl::StatusOr<crypto::SigningKey> ParseSeedLine(ByteSpan line);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_SEED_LINE_H_
