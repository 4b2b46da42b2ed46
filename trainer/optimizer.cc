#include <Eigen/Core>
#include <cmath>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/trainer/optimizer_internal.h"

namespace sealtrain::trainer {
namespace {

using Array = Eigen::Map<Eigen::ArrayXd>;

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kAdamEpsilon = 1e-8;

Array AsArray(absl::Span<double> values) {
  return Array(values.data(), static_cast<Eigen::Index>(values.size()));
}

}  // namespace

absl::StatusOr<WeightUpdater> WeightUpdater::Create(const Optimizer& spec, std::size_t dimension) {
  WeightUpdater updater(spec);
  ST_ASSIGN_OR_RETURN(updater.first_, SecretVector<double>::WithSize(dimension));
  if (spec.has_adam()) {
    ST_ASSIGN_OR_RETURN(updater.second_, SecretVector<double>::WithSize(dimension));
  }
  return updater;
}

// Expressions below are evaluated coefficient by coefficient: Eigen makes no
// temporary array, which would lie outside secret memory.
void WeightUpdater::Step(absl::Span<double> gradient, absl::Span<double> weights) {
  Array g = AsArray(gradient);
  Array w = AsArray(weights);
  Array first = AsArray(first_.mutable_span());
  const Eigen::Index penalised = g.size() - 1;
  g.head(penalised) += spec_.l2() * w.head(penalised);
  if (spec_.has_sgd()) {
    first = spec_.sgd().momentum() * first + g;
    w -= spec_.learning_rate() * first;
    return;
  }
  ++steps_;
  Array second = AsArray(second_.mutable_span());
  first = kBeta1 * first + (1 - kBeta1) * g;
  second = kBeta2 * second + (1 - kBeta2) * g.square();
  const auto t = static_cast<double>(steps_);
  const double rate = spec_.learning_rate() / (1 - std::pow(kBeta1, t));
  const double second_scale = 1 / (1 - std::pow(kBeta2, t));
  w -= rate * first / ((second * second_scale).sqrt() + kAdamEpsilon);
}

}  // namespace sealtrain::trainer
