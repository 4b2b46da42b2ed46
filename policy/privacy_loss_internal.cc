#include "sealtrain/policy/privacy_loss_internal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>

namespace sealtrain::policy::internal {
namespace {

constexpr Real kRealInfinity = std::numeric_limits<Real>::infinity();

// Gauss and Legendre's rule with five nodes on [0, 1].
struct Node {
  Real place;
  Real weight;
};
std::array<Node, 5> MakeNodes() {
  const Real root = 2 * std::sqrt(Real{10} / 7);
  const Real near = std::sqrt(5 - root) / 6;
  const Real far = std::sqrt(5 + root) / 6;
  const Real near_weight = (322 + 13 * std::sqrt(Real{70})) / 1800;
  const Real far_weight = (322 - 13 * std::sqrt(Real{70})) / 1800;
  const Real half = Real{1} / 2;
  return {{{half - far, far_weight},
           {half - near, near_weight},
           {half, Real{64} / 225},
           {half + near, near_weight},
           {half + far, far_weight}}};
}

// The integral of `f`, which is a sum of normal densities around the centres of
// `pair`, save for factors that change little: in a cell of width w the rule's
// error is at most
//   w^10 (5!)^4 / (11 (10!)^3) max |f^(10) / f|,
// the last factor at most (d + 5)^10 at a distance of d from the centre, for the
// zeros of the tenth Hermite polynomial lie within 5. At most a quarter for w (d + 5)
// makes that kQuadratureError.
constexpr Real kQuadratureError = 1e-18L;

template <class Function>
void ForEachNode(const LossPair& pair, Real from, Real to, Function function) {
  static const std::array<Node, 5> nodes = MakeNodes();
  while (from < to) {
    const Real width = std::min(to - from, Real{0.24} / (pair.Distance(from) + Real{5.05}));
    for (const Node& node : nodes) function(from + node.place * width, node.weight * width);
    if (from + width <= from) return;  // a cell too small for its numbers
    from += width;
  }
}

// Beyond `Reach(tail)` a normal distribution has at most `tail`.
Real Reach(Real tail) { return std::sqrt(-2 * std::log(2 * tail)); }

// How wrong rounding and quadrature can be.
struct LossErrors {
  Real mass;  // of the part of P in a bin, relative to it
  // Of P - Q e^loss there, relative to the same. What P and Q have in common cancels:
  // the rule's error is then about as small as losses are, and the error of a loss is
  // the derivative of the loss times that of its exponent.
  Real imbalance;
};

LossErrors ErrorsBetween(const LossPair& pair, Real low, Real high) {
  const Real distance = std::max(pair.Distance(low), pair.Distance(high));
  const Real losses = std::abs(pair.Loss(low)) + std::abs(pair.Loss(high));
  const Real shift = pair.shift();
  return {2 * kQuadratureError + 64 * kRealUlp * (1 + distance * distance),
          16 * kQuadratureError * std::min(Real{1}, losses) +
              64 * kRealUlp * losses * (1 + shift * distance + shift * shift)};
}

// The integral of |P - Q e^loss| between two outputs.
Real Imbalance(const LossPair& pair, Real loss, Real a, Real b) {
  Real sum = 0;
  ForEachNode(pair, std::min(a, b), std::max(a, b), [&](Real output, Real width) {
    sum += pair.Density(output) * width * std::abs(std::expm1(loss - pair.Loss(output)));
  });
  return sum;
}

// The place between `middle`, where P = Q e^loss, and `end` up to which the imbalance
// is `target`, within a millionth: a little more if end is above, a little less if it
// is below. `guess` > 0 is a first width. Nothing if there is less up to `end`.
std::optional<Real> Balance(const LossPair& pair, Real loss, Real middle, Real end, Real target,
                            Real guess) {
  const bool up = end > middle;
  const Real full = std::abs(end - middle);
  const Real least = target * (up ? 1 : 1 - 1e-6L);
  const Real most = target * (up ? 1 + 1e-6L : 1);
  Real narrow = 0;
  Real wide = full;
  Real width = std::min(guess, full);
  if (full == 0) return std::nullopt;
  for (int i = 0; i < 100 && narrow < wide; ++i) {
    const Real sum = Imbalance(pair, loss, middle, up ? middle + width : middle - width);
    if (least <= sum && sum <= most) {
      narrow = wide = width;
      break;
    }
    if (sum < least && width == full) return std::nullopt;
    (sum < least ? narrow : wide) = width;
    // The imbalance grows like a square.
    const Real next = width * std::clamp(std::sqrt((least + most) / 2 / sum), Real{0.25}, Real{4});
    width =
        narrow < next && (next < wide || wide == full) ? std::min(next, full) : (narrow + wide) / 2;
  }
  return up ? middle + wide : middle - narrow;
}

}  // namespace

LossPair::LossPair(LossDirection direction, Real sampling_rate, Real noise_multiplier)
    : direction_(direction), rate_(sampling_rate), shift_(1 / noise_multiplier) {
  const bool mixed = direction != LossDirection::kAdd;
  low_ = mixed && rate_ == 1 ? shift_ : 0;
  high_ = mixed ? shift_ : 0;
}

// ln((1-q) + q e^x).
Real LossPair::LogMixture(Real log_ratio) const {
  if (rate_ == 1) return log_ratio;
  if (log_ratio > 100) return log_ratio + std::log(rate_ + (1 - rate_) * std::exp(-log_ratio));
  const Real change = rate_ * std::expm1(log_ratio);
  if (change > -0.5L) return std::log1p(change);
  return std::log((1 - rate_) + rate_ * std::exp(log_ratio));
}

Real LossPair::Loss(Real output) const {
  // ln N(a)/N(0) and ln N(-a)/N(0).
  const Real up = shift_ * output - shift_ * shift_ / 2;
  const Real down = -shift_ * output - shift_ * shift_ / 2;
  switch (direction_) {
    case LossDirection::kRemove:
      return LogMixture(up);
    case LossDirection::kAdd:
      return -LogMixture(down);
    case LossDirection::kReplace:
      return rate_ == 1 ? 2 * shift_ * output : LogMixture(up) - LogMixture(down);
  }
  return kRealInfinity;
}

Real LossPair::Output(Real loss) const {
  if (direction_ == LossDirection::kReplace) {
    if (loss < 0) return -Output(-loss);
    if (rate_ == 1) return loss / (2 * shift_);
    // With y = e^(a output), A = q e^(-a^2/2) and E = e^loss:
    //   A y^2 - (1-q)(E-1) y - E A = 0.
    const Real log_a = std::log(rate_) - shift_ * shift_ / 2;
    const Real log_b = std::log1p(-rate_) + loss + std::log(-std::expm1(-loss));
    const Real log_c = std::log(Real{2}) + log_a + loss / 2;
    const Real scale = std::max(log_b, log_c);
    const Real b = std::exp(log_b - scale);
    const Real c = std::exp(log_c - scale);
    return (scale + std::log((b + std::hypot(b, c)) / 2) - log_a) / shift_;
  }
  const bool remove = direction_ == LossDirection::kRemove;
  const Real log_mixture = remove ? loss : -loss;
  Real log_ratio = log_mixture;
  if (rate_ < 1) {
    const Real weight = log_mixture > 100 ? kRealInfinity : std::expm1(log_mixture) + rate_;
    if (weight <= 0) return remove ? -kRealInfinity : kRealInfinity;
    log_ratio = (log_mixture > 100 ? log_mixture + std::log1p(-(1 - rate_) * std::exp(-log_mixture))
                                   : std::log(weight)) -
                std::log(rate_);
  }
  const Real output = (log_ratio + shift_ * shift_ / 2) / shift_;
  return remove ? output : -output;
}

Real LossPair::Density(Real output) const {
  constexpr Real kRootOfTwoPi = 2.506628274631000502415765284811L;
  const Real distance = output - shift_;
  const Real here = std::exp(-output * output / 2);
  if (direction_ == LossDirection::kAdd) return here / kRootOfTwoPi;
  const Real there = std::exp(-distance * distance / 2);
  return ((1 - rate_) * here + rate_ * there) / kRootOfTwoPi;
}

Real LossPair::Distance(Real output) const {
  const Real lowest = direction_ == LossDirection::kRemove ? 0 : -shift_;
  return std::max(std::abs(output - lowest), std::abs(output - high_));
}

Real LossRange(const LossPair& pair, Real tail) {
  const Real reach = Reach(tail);
  return pair.Loss(pair.high() + reach) - pair.Loss(pair.low() - reach);
}

LossMasses UpperMasses(const LossPair& pair, Real grid, Real tail) {
  const Real low = pair.low() - Reach(tail);
  const Real high = pair.high() + Reach(tail);
  const auto first = static_cast<std::int64_t>(std::floor(pair.Loss(low) / grid));
  const auto last = static_cast<std::int64_t>(std::ceil(pair.Loss(high) / grid));
  LossMasses masses;
  masses.first = first;
  masses.infinite = tail;
  masses.mass.assign(static_cast<std::size_t>(last - first) + 2, 0);
  masses.mass[1] = tail;
  const LossErrors errors = ErrorsBetween(pair, low, high);
  const Real error = errors.mass + errors.imbalance / -std::expm1(-grid);
  Real from = low;
  for (std::int64_t k = first; from < high; ++k) {
    const Real start = static_cast<Real>(k) * grid;
    const Real to = k >= last ? high : std::clamp(pair.Output(start + grid), from, high);
    // Of a piece of P at the loss start + x, the upper end gets the part
    // (1 - e^-x) / (1 - e^-grid).
    Real all = 0;
    Real raised = 0;
    ForEachNode(pair, from, to, [&](Real output, Real width) {
      const Real piece = pair.Density(output) * width;
      all += piece;
      raised += piece * std::expm1(start - pair.Loss(output));
    });
    const Real up = std::clamp(raised / std::expm1(-grid), Real{0}, all);
    const auto i = static_cast<std::size_t>(std::min(k, last) - first);
    masses.mass[i] += all - up + error * all;
    masses.mass[i + 1] += up + error * all;
    from = to;
  }
  return masses;
}

LossMasses LowerMasses(const LossPair& pair, Real grid, Real tail) {
  const Real low = pair.low() - Reach(tail);
  const Real high = pair.high() + Reach(tail);
  const LossErrors errors = ErrorsBetween(pair, low, high);
  // Bin by bin, from the end at which much of P may lie close together: the last bin
  // takes what is left, and may count it for a grid point less than it could.
  const bool up = pair.direction() != LossDirection::kAdd;
  const Real end = up ? high : low;
  Real edge = up ? low : high;
  auto k = static_cast<std::int64_t>(up ? std::ceil(pair.Loss(low) / grid)
                                        : std::floor(pair.Loss(high) / grid));
  std::map<std::int64_t, Real> masses;
  // Rounding may take the last bin past the end, to more of P.
  for (; up ? edge < end : edge > end; k += up ? 1 : -1) {
    const Real loss = static_cast<Real>(k) * grid;
    const Real middle = std::clamp(pair.Output(loss), std::min(edge, end), std::max(edge, end));
    if (middle == edge) continue;
    const Real target = Imbalance(pair, loss, edge, middle);
    // A bin may grow to twice its size, lest bins get larger and larger.
    const Real limit = std::clamp(pair.Output(loss + (up ? 2 : -2) * grid), std::min(middle, end),
                                  std::max(middle, end));
    const std::optional<Real> balanced =
        Balance(pair, loss, middle, limit, target, std::abs(middle - edge));
    // Too little P above: what is below counts for its own loss. Too little below: all
    // of it is in.
    const Real to = balanced.value_or(up ? middle : limit);
    const std::int64_t index = !balanced.has_value() && up
                                   ? static_cast<std::int64_t>(std::floor(pair.Loss(edge) / grid))
                                   : k;
    Real all = 0;
    ForEachNode(pair, std::min(edge, to), std::max(edge, to),
                [&](Real output, Real width) { all += pair.Density(output) * width; });
    masses[index] += all * (1 - errors.mass);
    edge = to;
  }
  LossMasses result;
  result.first = masses.begin()->first;
  result.mass.resize(static_cast<std::size_t>(masses.rbegin()->first - result.first) + 1);
  for (const auto& [index, mass] : masses) {
    result.mass[static_cast<std::size_t>(index - result.first)] = mass;
  }
  result.uncertain = 2 * errors.imbalance;
  return result;
}

}  // namespace sealtrain::policy::internal
