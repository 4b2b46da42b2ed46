// Repeatable randomness for tests: streams from a number, through the header
// that stays inside the room.
#ifndef SEALTRAIN_TESTS_TRAINER_TEST_RANDOM_H_
#define SEALTRAIN_TESTS_TRAINER_TEST_RANDOM_H_

#include <cstdint>
#include <utility>

#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/trainer/random_stream_internal.h"

namespace sealtrain::testing {

inline trainer::RandomStream SeededStream(std::uint64_t seed) {
  crypto::SecretBytes key = crypto::SecretBytes::Allocate(32).value();
  PutBigEndian(seed, 8, key.mutable_span());
  return trainer::RandomStream::FromKey(std::move(key)).value();
}

// Uniform in [-1, 1).
inline double Symmetric(trainer::RandomStream& random) {
  return static_cast<double>(static_cast<std::int64_t>(random.NextWord())) * 0x1p-63;
}

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_TRAINER_TEST_RANDOM_H_
