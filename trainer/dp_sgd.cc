#include "sealtrain/trainer/dp_sgd.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/trainer/gradient_internal.h"
#include "sealtrain/trainer/logistic_regression.h"
#include "sealtrain/trainer/optimizer_internal.h"
#include "sealtrain/trainer/poisson_sampler_internal.h"
#include "sealtrain/trainer/random_stream_internal.h"
#include "sealtrain/trainer/step_sum_internal.h"

namespace sealtrain::trainer {
namespace {

// The mean gradient of a unit's rows.
void ComputeGradient(const TrainingData& data, std::size_t unit, absl::Span<const double> weights,
                     Gradient& gradient) {
  gradient.SetZero();
  const absl::Span<const std::uint64_t> rows = data.unit(unit);
  for (const std::uint64_t row : rows) {
    const absl::Span<const Entry> inputs = data.inputs(row);
    const double factor = GradientFactor(Margin(weights, inputs), data.label(row));
    gradient.Add(factor / static_cast<double>(rows.size()), inputs);
  }
}

}  // namespace

absl::StatusOr<TrainedModel> RunSgd(const TrainingPlan& plan, const TrainingData& data,
                                    const SgdCallbacks& callbacks, std::uint64_t& steps_started) {
  steps_started = 0;
  const std::size_t dimension = plan.features().dimension();
  const Optimizer& optimizer = plan.spec().optimizer();

  ST_ASSIGN_OR_RETURN(const std::unique_ptr<StepSum> sum, StepSum::Create(plan, data.units()));
  ST_ASSIGN_OR_RETURN(RandomStream sampling, RandomStream::FromSystem());
  PoissonSampler sampler(std::move(sampling), optimizer.sampling_rate());
  ST_ASSIGN_OR_RETURN(WeightUpdater updater, WeightUpdater::Create(optimizer, dimension));
  ST_ASSIGN_OR_RETURN(Gradient gradient, Gradient::Create(dimension));
  ST_ASSIGN_OR_RETURN(auto mean, SecretVector<double>::WithSize(dimension));
  ST_ASSIGN_OR_RETURN(auto weights, SecretVector<double>::WithSize(dimension));

  for (std::uint64_t step = 0; step < optimizer.steps(); ++step) {
    if (callbacks.stop && callbacks.stop()) {
      return absl::CancelledError(
          absl::StrCat("stopped after ", step, " of ", optimizer.steps(), " steps"));
    }
    sum->Start();
    ++steps_started;
    for (std::size_t unit = 0; unit < data.units(); ++unit) {
      if (!sampler.Next()) continue;
      ComputeGradient(data, unit, weights.span(), gradient);
      sum->Add(gradient);
    }
    sum->Mean(mean.mutable_span());
    updater.Step(mean.mutable_span(), weights.mutable_span());
    if (callbacks.progress) callbacks.progress(step + 1, optimizer.steps());
  }

  const absl::Span<const double> result = weights.span();
  // In single precision, as the artifact will hold them.
  const bool finite = std::all_of(result.begin(), result.end(), [](double weight) {
    return std::isfinite(static_cast<float>(weight));
  });
  if (!finite) return absl::InvalidArgumentError("the weights overflowed: lower the learning rate");
  const bool locked = sum->locked() && sampler.locked() && updater.locked() && gradient.locked() &&
                      mean.locked() && weights.locked();
  return TrainedModel{std::move(weights), locked};
}

}  // namespace sealtrain::trainer
