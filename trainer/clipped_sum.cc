#include <algorithm>
#include <cmath>
#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/trainer/clipped_sum_internal.h"
#include "sealtrain/trainer/training_plan.h"

namespace sealtrain::trainer {
namespace {

constexpr double kLattice = 1 << kLatticeBits;
constexpr std::uint64_t kMaxNormSquared = std::uint64_t{1} << (2 * kLatticeBits);
// Keeps the rounding of norm and scale, about 2^-52, from lifting a gradient
// above the clipping norm; far below one step of the lattice.
constexpr double kMargin = 1 - 0x1p-40;

static_assert(ClippedSum::kMaxUnits << kLatticeBits <= std::uint64_t{1} << 62);

}  // namespace

ClippedSum::ClippedSum(SecretVector<std::int64_t> sum, double clipping_norm)
    : sum_(std::move(sum)), clipping_norm_(clipping_norm), quantum_(clipping_norm / kLattice) {}

absl::StatusOr<ClippedSum> ClippedSum::Create(std::size_t dimension, double clipping_norm) {
  ST_ASSIGN_OR_RETURN(auto sum, SecretVector<std::int64_t>::WithSize(dimension));
  return ClippedSum(std::move(sum), clipping_norm);
}

void ClippedSum::SetZero() {
  const absl::Span<std::int64_t> sum = sum_.mutable_span();
  std::fill(sum.begin(), sum.end(), 0);
}

void ClippedSum::AddNoise(RoundedGaussian& noise) {
  for (std::int64_t& coordinate : sum_.mutable_span()) coordinate += noise.Draw();
}

void ClippedSum::Add(const Gradient& gradient) {
  double norm_squared = 0;
  for (const std::uint32_t i : gradient.indexes()) {
    norm_squared += gradient.value(i) * gradient.value(i);
  }
  const double norm = std::sqrt(norm_squared);
  if (!std::isfinite(norm)) return;
  const double scale = kMargin * std::min(1.0, clipping_norm_ / norm) / quantum_;

  // The proof of the sensitivity rests on integers alone, whatever the floating
  // point above did.
  std::uint64_t lattice_norm_squared = 0;
  for (const std::uint32_t i : gradient.indexes()) {
    const auto coordinate = static_cast<std::int64_t>(gradient.value(i) * scale);
    lattice_norm_squared += static_cast<std::uint64_t>(coordinate * coordinate);
  }
  if (lattice_norm_squared > kMaxNormSquared) return;
  for (const std::uint32_t i : gradient.indexes()) {
    sum_[i] += static_cast<std::int64_t>(gradient.value(i) * scale);
  }
}

}  // namespace sealtrain::trainer
