// libsodium, initialised.
#ifndef SEALTRAIN_CRYPTO_SODIUM_INTERNAL_H_
#define SEALTRAIN_CRYPTO_SODIUM_INTERNAL_H_

#include <sodium.h>

#include <cstdlib>

namespace sealtrain::crypto {

// To be called before libsodium is used. Thread-safe. Aborts where libsodium
// cannot start: without it there is no randomness and nothing can go on.
inline void EnsureSodium() {
  static const int result = sodium_init();
  if (result < 0) std::abort();
}

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_SODIUM_INTERNAL_H_
