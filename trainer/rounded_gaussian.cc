#include <cstddef>
#include <utility>
#include <vector>

#include "sealtrain/trainer/rounded_gaussian_internal.h"

namespace sealtrain::trainer {
namespace {

__extension__ using Uint128 = unsigned __int128;

// A uniform deviate from [0, 1) as a string of digits, of which only those that
// somebody asked for exist.
template <int kBits>
class LazyUniform {
 public:
  explicit LazyUniform(RandomStream& random) : first_(NextDigit(random)) {}

  void Redraw(RandomStream& random) {
    first_ = NextDigit(random);
    rest_.clear();
  }
  bool BelowHalf() const { return first_ >> (kBits - 1) == 0; }
  std::uint64_t Digit(std::size_t i, RandomStream& random) {
    if (i == 0) return first_;
    while (rest_.size() < i) rest_.push_back(NextDigit(random));
    return rest_[i - 1];
  }

  static bool Less(LazyUniform& a, LazyUniform& b, RandomStream& random) {
    for (std::size_t i = 0;; ++i) {
      const std::uint64_t digit_a = a.Digit(i, random);
      const std::uint64_t digit_b = b.Digit(i, random);
      if (digit_a != digit_b) return digit_a < digit_b;
    }
  }

 private:
  static std::uint64_t NextDigit(RandomStream& random) { return random.NextWord() >> (64 - kBits); }

  std::uint64_t first_;
  std::vector<std::uint64_t> rest_;  // with 64-bit digits almost never used
};

// Algorithm H: true with probability exp(-1/2). The length of a run
// 1/2 > u1 > u2 > ... is even with that probability.
template <int kBits>
bool ExpMinusHalf(RandomStream& random) {
  LazyUniform<kBits> a(random);
  if (!a.BelowHalf()) return true;  // a run of length 0
  LazyUniform<kBits> b(random);
  LazyUniform<kBits>* last = &a;
  LazyUniform<kBits>* next = &b;
  bool even = false;
  while (LazyUniform<kBits>::Less(*next, *last, random)) {
    even = !even;
    std::swap(last, next);
    next->Redraw(random);
  }
  return even;
}

// Algorithm G: k >= 0 with probability exp(-k/2) (1 - exp(-1/2)).
template <int kBits>
std::uint64_t GeometricHalf(RandomStream& random) {
  std::uint64_t k = 0;
  while (ExpMinusHalf<kBits>(random)) ++k;
  return k;
}

// Algorithm P: true with probability exp(-n/2).
template <int kBits>
bool ExpMinusHalves(std::uint64_t n, RandomStream& random) {
  for (; n > 0; --n) {
    if (!ExpMinusHalf<kBits>(random)) return false;
  }
  return true;
}

// True with probability (2k + x) / (2k + 2).
template <int kBits>
bool Slope(std::uint64_t k, LazyUniform<kBits>& x, RandomStream& random) {
  const std::uint64_t choice = random.Below(2 * k + 2);
  if (choice != 2 * k) return choice < 2 * k;
  LazyUniform<kBits> r(random);
  return LazyUniform<kBits>::Less(r, x, random);
}

// Algorithm B: true with probability exp(-x (2k + x) / (2k + 2)), as the chance
// that a run x > z1 > z2 > ..., thinned by Slope, has even length.
template <int kBits>
bool ExpMinusSlope(std::uint64_t k, LazyUniform<kBits>& x, RandomStream& random) {
  LazyUniform<kBits> a(random);
  if (!LazyUniform<kBits>::Less(a, x, random) || !Slope(k, x, random)) return true;
  LazyUniform<kBits> b(random);
  LazyUniform<kBits>* last = &a;
  LazyUniform<kBits>* next = &b;
  bool even = false;
  while (LazyUniform<kBits>::Less(*next, *last, random) && Slope(k, x, random)) {
    even = !even;
    std::swap(last, next);
    next->Redraw(random);
  }
  return even;
}

// k + 1 times Algorithm B: true with probability exp(-x (2k + x) / 2).
template <int kBits>
bool AcceptFraction(std::uint64_t k, LazyUniform<kBits>& x, RandomStream& random) {
  for (std::uint64_t i = 0; i <= k; ++i) {
    if (!ExpMinusSlope(k, x, random)) return false;
  }
  return true;
}

// sigma x rounded to the nearest integer; digits are drawn until the interval
// that they leave lies on one side of every rounding boundary.
template <int kBits>
std::uint64_t RoundProduct(std::uint64_t sigma, LazyUniform<kBits>& x, RandomStream& random) {
  constexpr Uint128 kOne = Uint128{1} << kBits;
  const Uint128 shifted = Uint128{sigma} * x.Digit(0, random) + kOne / 2;
  const auto rounded = static_cast<std::uint64_t>(shifted >> kBits);
  // With t in [0, 1) the number behind the digits read, the next boundary is
  // reached if and only if sigma t >= gap.
  Uint128 gap = kOne - (shifted & (kOne - 1));
  for (std::size_t i = 1; gap < sigma; ++i) {
    const Uint128 product = Uint128{sigma} * x.Digit(i, random);
    const Uint128 target = gap << kBits;
    if (product >= target) return rounded + 1;
    gap = target - product;
  }
  return rounded;
}

}  // namespace

template <int kDigitBits>
std::int64_t BasicRoundedGaussian<kDigitBits>::Draw() {
  while (true) {
    const std::uint64_t k = GeometricHalf<kDigitBits>(random_);
    if (k > 1 && !ExpMinusHalves<kDigitBits>(k * (k - 1), random_)) continue;
    LazyUniform<kDigitBits> x(random_);
    if (!AcceptFraction(k, x, random_)) continue;
    const auto magnitude = static_cast<std::int64_t>(k * sigma_ + RoundProduct(sigma_, x, random_));
    return random_.NextWord() >> 63 == 1 ? -magnitude : magnitude;
  }
}

template class BasicRoundedGaussian<64>;
template class BasicRoundedGaussian<4>;

}  // namespace sealtrain::trainer
