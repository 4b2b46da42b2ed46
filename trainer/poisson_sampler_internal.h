// Poisson sampling: each unit of each step is in the sample with probability
// floor(rate 2^64) / 2^64, decided by a fresh 64-bit word. That is never more
// than the rate that is accounted.
//
// Not thread-safe.
#ifndef SEALTRAIN_TRAINER_POISSON_SAMPLER_INTERNAL_H_
#define SEALTRAIN_TRAINER_POISSON_SAMPLER_INTERNAL_H_

#include <cmath>
#include <cstdint>
#include <utility>

#include "sealtrain/trainer/random_stream_internal.h"

namespace sealtrain::trainer {

class PoissonSampler {
 public:
  // Requires `rate` in (0, 1].
  PoissonSampler(RandomStream random, double rate)
      : random_(std::move(random)),
        everything_(rate >= 1),
        threshold_(everything_ ? 0 : static_cast<std::uint64_t>(std::ldexp(rate, 64))) {}

  // Whether the next unit is in the sample.
  bool Next() { return everything_ || random_.NextWord() < threshold_; }
  bool locked() const { return random_.locked(); }

 private:
  RandomStream random_;
  bool everything_;
  std::uint64_t threshold_;
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_POISSON_SAMPLER_INTERNAL_H_
