// The order of shuffled reading.
//
// It depends on the seed and on what is shuffled, and on nothing else: not on
// the machine, the number of threads, or where a reading began. It is no secret.
#ifndef SEALTRAIN_PIPELINE_OPEN_READ_ORDER_H_
#define SEALTRAIN_PIPELINE_OPEN_READ_ORDER_H_

#include <cstdint>
#include <random>
#include <utility>

#include "absl/types/span.h"

namespace sealtrain::pipeline {

// What is put into an order. Each has an order of its own.
struct ShuffleOf {
  enum Kind : std::uint32_t { kShards = 1, kGroups = 2, kRows = 3 };
  Kind kind;
  std::uint64_t seed = 0;
  std::uint64_t pass = 0;
  std::uint64_t shard = 0;  // place in the order of shards; for kGroups and kRows
  std::uint64_t block = 0;  // of that shard; for kRows
};

// Mersenne Twister (std::mt19937_64) seeded through std::seed_seq, both of which
// the C++ standard defines bit by bit; its distributions it does not.
class OrderGenerator {
 public:
  explicit OrderGenerator(const ShuffleOf& what);
  // Below `n`, each as likely as any other. Requires n > 0.
  std::uint64_t Below(std::uint64_t n);

 private:
  std::mt19937_64 random_;
};

// Fisher and Yates: Knuth, TAOCP 3.4.2, algorithm P.
template <typename T>
void Shuffle(const ShuffleOf& what, absl::Span<T> items) {
  OrderGenerator random(what);
  for (std::size_t left = items.size(); left > 1; --left) {
    std::swap(items[left - 1], items[random.Below(left)]);
  }
}

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_OPEN_READ_ORDER_H_
