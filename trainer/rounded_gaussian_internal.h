// The normal distribution with mean 0 and an integer standard deviation,
// rounded to the nearest integer, sampled exactly.
//
// Charles Karney, "Sampling exactly from the normal distribution" (arXiv
// 1303.6257), Algorithm N: comparisons of random digits, drawn only as far as
// they are needed, decide everything; there is no floating point and no
// approximation anywhere. Adding round(Z) to an integer is the same as rounding
// the sum with Z, so this noise is the continuous Gaussian mechanism followed by
// post-processing, and bounds for the continuous mechanism hold as they are.
//
// How long a draw takes depends on what is drawn. Callers draw a whole step's
// noise before they look at a record of that step.
//
// Not thread-safe.
#ifndef SEALTRAIN_TRAINER_ROUNDED_GAUSSIAN_INTERNAL_H_
#define SEALTRAIN_TRAINER_ROUNDED_GAUSSIAN_INTERNAL_H_

#include <cstdint>

#include "sealtrain/trainer/random_stream_internal.h"

namespace sealtrain::trainer {

// Works on digits of `kDigitBits` bits. The distribution is the same for every
// width; tests use one so small that numbers run out of digits all the time.
template <int kDigitBits>
class BasicRoundedGaussian {
 public:
  // The largest standard deviation; a draw then stays far inside 64 bits.
  static constexpr std::uint64_t kMaxSigma = std::uint64_t{1}
                                             << (kDigitBits < 40 ? kDigitBits : 40);

  // Requires 1 <= sigma <= kMaxSigma. `random` must outlive this.
  BasicRoundedGaussian(RandomStream& random, std::uint64_t sigma)
      : random_(random), sigma_(sigma) {}

  std::int64_t Draw();

 private:
  RandomStream& random_;
  std::uint64_t sigma_;
};

extern template class BasicRoundedGaussian<64>;
extern template class BasicRoundedGaussian<4>;
using RoundedGaussian = BasicRoundedGaussian<64>;

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_ROUNDED_GAUSSIAN_INTERNAL_H_
