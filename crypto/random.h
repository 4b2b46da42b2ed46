// Random bytes from the kernel's CSPRNG. Thread-safe.
#ifndef SEALTRAIN_CRYPTO_RANDOM_H_
#define SEALTRAIN_CRYPTO_RANDOM_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::crypto {

// Fills `out` by getrandom(2), which blocks until the kernel has been seeded.
// Nothing is buffered between calls, so that a forked child draws other bytes
// than its parent without having to notice the fork. Unavailable: the kernel
// gave fewer bytes than that or none; `out` is wiped.
absl::Status RandomFill(MutableByteSpan out);

// 128 random bits. Unavailable: as above.
absl::StatusOr<Id> RandomId();

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_RANDOM_H_
