// The trainer's randomness: ChaCha20 keystream under a key of its own.
//
// A run draws one stream for sampling and one for noise, each under a fresh key
// from the operating system. A given key makes a stream repeatable, which only
// tests may want: this header stays inside the room.
//
// Not thread-safe.
#ifndef SEALTRAIN_TRAINER_RANDOM_STREAM_INTERNAL_H_
#define SEALTRAIN_TRAINER_RANDOM_STREAM_INTERNAL_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/trainer/secret_vector.h"

namespace sealtrain::trainer {

class RandomStream {
 public:
  // Under a fresh key. Unavailable: no memory.
  static absl::StatusOr<RandomStream> FromSystem();
  // Under `key`, which must have 32 bytes.
  static absl::StatusOr<RandomStream> FromKey(crypto::SecretBytes key);

  std::uint64_t NextWord() {
    if (next_ == words_.size()) Refill();
    return words_[next_++];
  }

  // Uniform in [0, bound), exactly. Requires bound > 0.
  std::uint64_t Below(std::uint64_t bound) {
    // 2^64 mod bound words would be drawn once too often: they are passed over.
    const std::uint64_t excess = (0 - bound) % bound;
    std::uint64_t word = NextWord();
    while (word < excess) word = NextWord();
    return word % bound;
  }

  bool locked() const { return key_.locked() && words_.locked(); }

 private:
  RandomStream(crypto::SecretBytes key, SecretVector<std::uint64_t> words);
  void Refill();

  crypto::SecretBytes key_;
  SecretVector<std::uint64_t> words_;
  std::size_t next_;
  std::uint64_t refills_ = 0;  // the ChaCha20 nonce: never twice under a key
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_RANDOM_STREAM_INTERNAL_H_
