#include "sealtrain/policy/pld_accountant.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/policy/gaussian_epsilon_internal.h"
#include "sealtrain/policy/loss_composition_internal.h"
#include "sealtrain/policy/privacy_loss_internal.h"

namespace sealtrain::policy {
namespace {

using internal::LossDirection;
using internal::LossPair;
using internal::Real;
using internal::RepeatedLoss;

constexpr double kTightEnough = 1e-3;
constexpr double kNothing = 1e-6;  // an epsilon that need not be known any better
// Work is bounded by sizes, not by a clock: the same plan has the same bounds anywhere.
constexpr Real kMaxGridPoints = 1 << 17;
constexpr std::size_t kMaxTransforms = std::size_t{1} << 21;
// What is cut off the ends of every step, together, as a part of delta.
constexpr Real kTailOfDelta = 1e-7L;
// A unit that stands out by more is found whenever it is sampled; the grid is not
// made for it.
constexpr Real kMostShift = 100;
// Behind more noise a unit's loss is lost in the rounding of numbers near 1.
constexpr Real kMostNoise = 1e9L;

struct Repeated {
  Real rate;
  Real noise_multiplier;
  Real times;
};

// Phases of equal steps as one; those without sampling as one step, which they are.
std::vector<Repeated> Merge(absl::Span<const PrivacyPhase> phases) {
  std::map<std::pair<double, double>, Real> times;
  Real precision = 0;
  for (const PrivacyPhase& phase : phases) {
    if (phase.steps == 0) continue;
    const auto steps = static_cast<Real>(phase.steps);
    const Real noise = phase.noise_multiplier;
    if (phase.sampling_rate == 1) {
      precision += steps / noise / noise;
    } else {
      times[{phase.sampling_rate, phase.noise_multiplier}] += steps;
    }
  }
  std::vector<Repeated> merged;
  if (precision > 0) merged.push_back({1, 1 / std::sqrt(precision), 1});
  for (const auto& [parameters, steps] : times) {
    merged.push_back({parameters.first, parameters.second, steps});
  }
  return merged;
}

// How much a sum of one positive term for each phase can be off, as a part of it.
Real RoundingOfSum(const std::vector<Repeated>& phases) {
  return (16 + static_cast<Real>(phases.size())) * std::numeric_limits<Real>::epsilon();
}

// Whether `delta` covers that any step draws the unit at all. Two data sets that
// differ in what nobody draws give the same: epsilon is 0.
bool CoversBeingDrawn(const std::vector<Repeated>& phases, Real delta) {
  Real log_never = 0;
  for (const Repeated& phase : phases) log_never += phase.times * std::log1p(-phase.rate);
  return -std::expm1(log_never) * (1 + RoundingOfSum(phases)) <= delta;
}

// What all steps are together without sampling, as one step of that multiplier or a
// slightly smaller one.
Real WithoutSampling(const std::vector<Repeated>& phases) {
  Real precision = 0;
  for (const Repeated& phase : phases) {
    precision += phase.times / phase.noise_multiplier / phase.noise_multiplier;
  }
  if (phases.size() > 1) precision *= 1 + RoundingOfSum(phases);
  return 1 / std::sqrt(precision);
}

// The bounds on epsilon in one direction, on finer and finer grids.
class Direction {
 public:
  Direction(LossDirection direction, const std::vector<Repeated>& phases, Real delta)
      : delta_(delta) {
    Real steps = 0;
    for (const Repeated& phase : phases) steps += phase.times;
    tail_ = delta * kTailOfDelta / steps;
    for (const Repeated& phase : phases) {
      phases_.push_back({LossPair(direction, phase.rate, phase.noise_multiplier), phase.times});
      const LossPair& pair = phases_.back().pair;
      // Losses may all be one number, as far as numbers go.
      const Real range =
          std::max(internal::LossRange(pair, tail_), std::abs(pair.Loss(pair.high())) / 1024);
      grid_ = std::max(grid_, range / 256);
    }
  }

  Real lower() const { return lower_; }
  Real upper() const { return upper_; }

  // False if that would be too much work.
  bool Refine() {
    Real points = 0;
    for (const Phase& phase : phases_) {
      points += internal::LossRange(phase.pair, tail_) / grid_;
    }
    if (!(points <= kMaxGridPoints)) return false;
    const std::size_t transform = kMaxTransforms / (phases_.size() + 1);
    const auto masses = [&](auto function) {
      std::vector<RepeatedLoss> losses;
      for (const Phase& phase : phases_) {
        losses.push_back({function(phase.pair, grid_, tail_), phase.times});
      }
      return losses;
    };
    const auto upper =
        internal::EpsilonAtMost(masses(internal::UpperMasses), grid_, delta_, transform);
    if (!upper.has_value()) return false;  // a finer grid has more points
    upper_ = std::min(upper_, *upper);
    const auto lower =
        internal::EpsilonAtLeast(masses(internal::LowerMasses), grid_, delta_, transform);
    if (!lower.has_value()) return false;
    lower_ = std::max(lower_, *lower);
    grid_ /= 2;
    return true;
  }

 private:
  struct Phase {
    LossPair pair;
    Real times;
  };
  std::vector<Phase> phases_;
  Real delta_;
  Real tail_;
  Real grid_ = 0;
  Real lower_ = 0;
  Real upper_ = std::numeric_limits<Real>::infinity();
};

double RoundDown(Real value) {
  const auto rounded = static_cast<double>(value);
  return rounded > value ? std::nextafter(rounded, 0.0) : rounded;
}

double RoundUp(Real value) {
  const auto rounded = static_cast<double>(value);
  return rounded < value ? std::nextafter(rounded, std::numeric_limits<double>::infinity())
                         : rounded;
}

EpsilonBounds OnGrids(const std::vector<LossDirection>& directions,
                      const std::vector<Repeated>& phases, double delta) {
  std::vector<Direction> open;
  for (const LossDirection direction : directions) open.emplace_back(direction, phases, delta);
  const auto lower = [&] {
    Real most = 0;
    for (const Direction& direction : open) most = std::max(most, direction.lower());
    return most;
  };
  for (bool refined = true; refined;) {
    refined = false;
    for (Direction& direction : open) {
      // The better direction does not count.
      if (direction.upper() <= lower() * (1 + kTightEnough) + kNothing) continue;
      refined = direction.Refine() || refined;
    }
  }
  Real upper = 0;
  for (const Direction& direction : open) upper = std::max(upper, direction.upper());
  return {RoundDown(lower()), RoundUp(upper)};
}

}  // namespace

absl::StatusOr<EpsilonBounds> PldEpsilon(absl::Span<const PrivacyPhase> phases, double delta,
                                         Neighbours neighbours) {
  const bool replace = neighbours == Neighbours::kReplaceOne;
  // Also for kReplaceOne: one of the two units may have no gradient at all.
  ST_ASSIGN_OR_RETURN(const double least, EpsilonLowerBound(phases, delta));
  ST_ASSIGN_OR_RETURN(const double rdp, RdpEpsilon(phases, delta));
  const std::vector<Repeated> merged = Merge(phases);
  if (CoversBeingDrawn(merged, delta)) return EpsilonBounds{};

  const Real noise = WithoutSampling(merged);
  const auto whole = internal::GaussianEpsilon(replace ? noise / 2 : noise, delta);
  const bool all_sampled_whole = merged.size() == 1 && merged.front().rate == 1;
  EpsilonBounds bounds = {0, std::numeric_limits<double>::infinity()};
  if (all_sampled_whole) {
    bounds.lower = RoundDown(whole.lower);
  } else if (std::all_of(merged.begin(), merged.end(), [](const Repeated& phase) {
               return phase.noise_multiplier * kMostShift >= 1 &&
                      phase.noise_multiplier <= kMostNoise;
             })) {
    bounds = replace ? OnGrids({LossDirection::kReplace}, merged, delta)
                     : OnGrids({LossDirection::kRemove, LossDirection::kAdd}, merged, delta);
  }
  // A unit that sometimes takes no part shows no more than one that always does:
  // the hockey-stick divergence of mixtures is at most that of what is mixed.
  bounds.upper = std::min(bounds.upper, RoundUp(whole.upper));
  bounds.lower = std::max(bounds.lower, least);
  if (!replace) bounds.upper = std::min(bounds.upper, rdp);
  return bounds;
}

}  // namespace sealtrain::policy
