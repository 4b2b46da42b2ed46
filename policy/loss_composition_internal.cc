#include "sealtrain/policy/loss_composition_internal.h"

#include <kissfft/kissfft.hh>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <optional>

namespace sealtrain::policy::internal {
namespace {

constexpr Real kNever = std::numeric_limits<Real>::infinity();

// The tilted probability left on either side of the window.
constexpr double kLogOutside = -21;

template <class Number>
struct Cumulant {
  Number value = 0;
  Number slope = 0;
};

// ln of the sum of mass * e^(tilt * loss), and its derivative by `tilt`.
template <class Number>
Cumulant<Number> LogMoment(const LossMasses& masses, Number grid, Number tilt) {
  const auto loss = [&](std::size_t i) {
    return static_cast<Number>(masses.first + static_cast<std::int64_t>(i)) * grid;
  };
  // Masses may be as small as a double can be, and are looked at times weights below one.
  constexpr Number kScale = 1e150;
  const Number largest = std::max(tilt * loss(0), tilt * loss(masses.mass.size() - 1));
  Number sum = 0;
  Number weighted = 0;
  for (std::size_t i = 0; i < masses.mass.size(); ++i) {
    const Number weight =
        static_cast<Number>(masses.mass[i] * kScale) * std::exp(tilt * loss(i) - largest);
    sum += weight;
    weighted += weight * loss(i);
  }
  return {largest + std::log(sum) - std::log(kScale), weighted / sum};
}

template <class Number>
Cumulant<Number> LogMoment(const std::vector<RepeatedLoss>& losses, Number grid, Number tilt) {
  Cumulant<Number> sum;
  for (const RepeatedLoss& loss : losses) {
    const Cumulant<Number> one = LogMoment(loss.masses, grid, tilt);
    sum.value += static_cast<Number>(loss.times) * one.value;
    sum.slope += static_cast<Number>(loss.times) * one.slope;
  }
  return sum;
}

// The tilt that proves the least threshold to be exceeded with a probability of at
// most e^log_probability, by what has `cumulant` (Chernoff's bound):
//   min over t of (K(t) - log_probability) / t, where t K'(t) = K(t) - log_probability.
// Any tilt proves a threshold, so the search need not be exact.
template <class Function>
double BestTilt(Function cumulant, double log_probability, double grid) {
  const auto is_past = [&](double tilt) {
    const Cumulant<double> k = cumulant(tilt);
    return tilt * k.slope - k.value + log_probability >= 0;
  };
  // Beyond this only one grid point is seen.
  const double most = 100 / grid;
  double low = most;
  while (low > most * 0x1p-100 && is_past(low)) low /= 8;
  double high = std::min(most, low * 8);
  for (int i = 0; i < 8; ++i) {
    const double middle = std::sqrt(low * high);
    (is_past(middle) ? high : low) = middle;
  }
  return high;
}

using Spectrum = std::vector<std::complex<Real>>;

// By how much a transform of `points` numbers, a power of two, can be wrong in the
// Euclidean norm, relative to the result's: Higham, Accuracy and Stability of
// Numerical Algorithms, section 24.1, has less than 10 ulps for each of log2(points)
// steps if the roots of unity are good to 7 ulps, which those of kissfft are: an angle
// up to 2 pi that is rounded twice, and its sine and cosine.
Real TransformError(std::size_t points) {
  return 16 * kRealUlp * std::log2(static_cast<Real>(points));
}

// The sum of all losses, tilted: its probability at the loss (first + i) * grid is
//   mass[i] e^(tilt * loss - log_moment),
// of which `tilted` has an estimate.
struct TiltedSum {
  std::int64_t first = 0;
  std::vector<Real> tilted;
  Real tilt = 0;
  Real log_moment = 0;
  Real absolute_error = 0;  // of `tilted`, over all points together
  Real relative_error = 0;  // of each mass
  Real outside = 0;         // tilted probability outside of the window, wrapped into it
  Real outside_above = 0;   // the part of it above the window
};

// A tilt, and the grid points first to first + points - 1, `points` a power of two,
// beyond which the tilted sum lies with a probability of at most e^kLogOutside on either
// side. Nothing if that is more than `max_points`.
struct Window {
  double tilt = 0;
  std::int64_t first = 0;
  std::size_t points = 2;
};

std::optional<Window> ChooseWindow(const std::vector<RepeatedLoss>& losses, Real grid, Real delta,
                                   std::size_t max_points) {
  const auto near_grid = static_cast<double>(grid);
  const auto cumulant = [&](double tilt) { return LogMoment(losses, near_grid, tilt); };
  Window window;
  // delta(epsilon) is the mean, over losses above epsilon, of 1 - e^(epsilon - loss), which
  // is at most e^(t (loss - epsilon)) t^t / (1 + t)^(1 + t).
  window.tilt = BestTilt(
      [&](double t) {
        const Cumulant<double> k = cumulant(t);
        return Cumulant<double>{k.value - t * std::log1p(1 / t) - std::log1p(t),
                                k.slope - std::log1p(1 / t)};
      },
      static_cast<double>(std::log(delta)), near_grid);
  const double centre = cumulant(window.tilt).value;
  const auto threshold = [&](int side) {
    const Real more = BestTilt(
        [&](double t) {
          const Cumulant<double> k = cumulant(window.tilt + side * t);
          return Cumulant<double>{k.value - centre, side * k.slope};
        },
        kLogOutside, near_grid);
    const Real change = LogMoment(losses, grid, window.tilt + side * more).value -
                        LogMoment(losses, grid, Real{window.tilt}).value;
    return side * (change - kLogOutside) / more / grid;
  };
  // A little lower: where all is at one loss, epsilon lies below it.
  const Real first = std::floor(threshold(-1)) - 2;
  const Real wanted = threshold(1) - first + 2;
  // Also for what is not a number.
  if (!(std::abs(first) < 0x1p60L) || !(wanted <= static_cast<Real>(max_points))) {
    return std::nullopt;
  }
  window.first = static_cast<std::int64_t>(first);
  while (static_cast<Real>(window.points) < wanted) window.points *= 2;
  return window;
}

TiltedSum Compose(const std::vector<RepeatedLoss>& losses, Real grid, const Window& window) {
  TiltedSum sum;
  sum.tilt = window.tilt;
  sum.first = window.first;
  sum.outside_above = std::exp(Real{kLogOutside});
  sum.outside = 2 * sum.outside_above;

  // The transform of each, to the power of its times; all multiplied.
  const std::size_t points = window.points;
  const kissfft<Real> transform(points, /*inverse=*/false);
  const Real transform_error = TransformError(points);
  Spectrum input(points);
  Spectrum output(points);
  const std::size_t frequencies = points / 2 + 1;
  std::vector<Real> log_size(frequencies);  // of the product
  std::vector<Real> log_most(frequencies);  // of what it would be with all errors
  std::vector<Real> angle(frequencies);
  const auto place = [&](std::int64_t index) {
    return static_cast<std::size_t>(index) & (points - 1);  // modulo a power of two
  };
  for (const RepeatedLoss& loss : losses) {
    const Real log_moment = LogMoment(loss.masses, grid, sum.tilt).value;
    sum.log_moment += loss.times * log_moment;
    std::fill(input.begin(), input.end(), Real{0});
    for (std::size_t i = 0; i < loss.masses.mass.size(); ++i) {
      const std::int64_t index = loss.masses.first + static_cast<std::int64_t>(i);
      input[place(index)] +=
          loss.masses.mass[i] * std::exp(sum.tilt * grid * static_cast<Real>(index) - log_moment);
    }
    Real squares = 0;
    for (const std::complex<Real>& mass : input) squares += std::norm(mass);
    const Real error = transform_error * std::sqrt(static_cast<Real>(points) * squares);
    transform.transform(input.data(), output.data());
    for (std::size_t i = 0; i < frequencies; ++i) {
      const Real size = std::abs(output[i]);
      log_size[i] += loss.times * std::log(size);
      angle[i] += loss.times * std::arg(output[i]);
      log_most[i] +=
          loss.times * (std::log(size + error) + 8 * kRealUlp * (8 - std::log(size + error)));
    }
    const std::int64_t last =
        loss.masses.first + static_cast<std::int64_t>(loss.masses.mass.size());
    const Real largest = grid * std::max(std::abs(static_cast<Real>(loss.masses.first)),
                                         std::abs(static_cast<Real>(last)));
    sum.relative_error +=
        loss.times * 8 * kRealUlp * (8 + sum.tilt * largest + std::abs(log_moment));
  }
  // Parseval: the sum of the errors of all points is at most the Euclidean norm of
  // those of all frequencies.
  Real error_squares = 0;
  Real squares = 0;
  for (std::size_t i = 0; i < frequencies; ++i) {
    const std::size_t twin = (points - i) % points;
    const Real twins = twin == i ? 1 : 2;
    const Real size = std::exp(log_size[i]);
    const Real most = std::exp(log_most[i]);
    error_squares += twins * (most - size) * (most - size);
    squares += twins * most * most;
    input[i] = std::polar(size, angle[i]);
    input[twin] = std::conj(input[i]);
  }
  sum.absolute_error =
      (std::sqrt(error_squares) + transform_error * std::sqrt(squares)) * (1 + 1e-6L);
  // Not assign(), which forgets to note the new direction.
  kissfft<Real>(points, /*inverse=*/true).transform(input.data(), output.data());
  sum.tilted.resize(points);
  for (std::size_t i = 0; i < points; ++i) {
    sum.tilted[i] =
        output[place(sum.first + static_cast<std::int64_t>(i))].real() / static_cast<Real>(points);
  }
  return sum;
}

// Walks down the grid, from the top of the window, with
//   value(epsilon) = sum over losses > epsilon of mass (1 - e^(epsilon - loss))
// in terms of which both bounds are found.
class DeltaFromAbove {
 public:
  DeltaFromAbove(const TiltedSum& sum, Real grid)
      : sum_(sum), grid_(grid), i_(sum.tilted.size() - 1) {}

  Real epsilon() const {
    return static_cast<Real>(sum_.first + static_cast<std::int64_t>(i_)) * grid_;
  }
  // A loss that is not below zero, with the least index.
  bool at_end() const { return i_ == 0 || epsilon() <= 0; }
  Real value() const { return value_; }
  // The value one grid point higher.
  Real last_value() const { return last_value_; }
  // What a tilted probability may be worth at most, at any loss above epsilon:
  //   max over x of (1 - e^-x) e^(-tilt x) <= 1 / (1 + tilt).
  Real Worth() const { return std::exp(sum_.log_moment - sum_.tilt * epsilon()) / (1 + sum_.tilt); }

  void StepDown() {
    const Real mass = sum_.tilted[i_] * std::exp(sum_.log_moment - sum_.tilt * epsilon());
    last_value_ = value_;
    value_ += (discounted_ + mass) * -std::expm1(-grid_);
    discounted_ = (discounted_ + mass) * std::exp(-grid_);
    --i_;
  }

  // Where in between the value is `target`: it is linear in e^epsilon there.
  Real Between(Real target) const {
    const Real part = (value_ - target) / (value_ - last_value_);
    return epsilon() + std::clamp(std::log1p(part * std::expm1(grid_)), Real{0}, grid_);
  }

 private:
  const TiltedSum& sum_;
  Real grid_;
  std::size_t i_;
  Real value_ = 0;
  Real last_value_ = 0;
  Real discounted_ = 0;  // sum over losses > epsilon of mass e^(epsilon - loss)
};

}  // namespace

std::optional<Real> EpsilonAtMost(const std::vector<RepeatedLoss>& losses, Real grid, Real delta,
                                  std::size_t max_points) {
  const std::optional<Window> window = ChooseWindow(losses, grid, delta, max_points);
  if (!window.has_value()) return std::nullopt;
  const TiltedSum sum = Compose(losses, grid, *window);
  DeltaFromAbove walk(sum, grid);
  // What is in none of the finite points of the window.
  Real infinite = 0;
  for (const RepeatedLoss& loss : losses) infinite += loss.times * loss.masses.infinite;
  infinite += sum.outside_above * std::exp(sum.log_moment - sum.tilt * walk.epsilon());
  const Real factor = std::exp(2 * sum.relative_error) * (1 + 1e-12L);
  const auto left = [&] { return delta / factor - infinite - sum.absolute_error * walk.Worth(); };
  if (!(left() >= 0)) return kNever;
  while (!walk.at_end()) {
    walk.StepDown();
    const Real allowed = left();
    if (walk.value() <= allowed) continue;
    // Too much here, and not one grid point higher.
    if (allowed <= walk.last_value()) return (walk.epsilon() + grid) * (1 + 1e-15L);
    return walk.Between(allowed) * (1 + 1e-15L) + 1e-18L;
  }
  return std::max(Real{0}, walk.epsilon());
}

std::optional<Real> EpsilonAtLeast(const std::vector<RepeatedLoss>& losses, Real grid, Real delta,
                                   std::size_t max_points) {
  const std::optional<Window> window = ChooseWindow(losses, grid, delta, max_points);
  if (!window.has_value()) return std::nullopt;
  const TiltedSum sum = Compose(losses, grid, *window);
  Real too_high = 0;
  for (const RepeatedLoss& loss : losses) too_high += loss.times * loss.masses.uncertain;
  const Real factor = std::exp(2 * sum.relative_error) * (1 + 1e-12L);
  DeltaFromAbove walk(sum, grid);
  while (!walk.at_end()) {
    walk.StepDown();
    const Real needed = delta * factor + (sum.absolute_error + sum.outside) * walk.Worth();
    if (walk.value() < needed) continue;
    const Real epsilon = walk.Between(std::max(needed, walk.last_value()));
    return std::max(Real{0}, epsilon * (1 - 1e-15L) - too_high);
  }
  return 0;
}

}  // namespace sealtrain::policy::internal
