#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/trainer/clipped_sum_internal.h"
#include "sealtrain/trainer/random_stream_internal.h"
#include "sealtrain/trainer/rounded_gaussian_internal.h"
#include "sealtrain/trainer/step_sum_internal.h"

namespace sealtrain::trainer {
namespace {

class PrivateSum final : public StepSum {
 public:
  PrivateSum(ClippedSum sum, RandomStream random, const TrainingPlan::Privacy& privacy)
      : sum_(std::move(sum)),
        random_(std::move(random)),
        noise_(random_, privacy.lattice_sigma),
        divisor_(privacy.expected_batch) {}

  void Start() override {
    sum_.SetZero();
    sum_.AddNoise(noise_);
  }
  void Add(const Gradient& gradient) override { sum_.Add(gradient); }
  void Mean(absl::Span<double> mean) const override {
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = sum_.value(i) / divisor_;
  }
  bool locked() const override { return sum_.locked() && random_.locked(); }

 private:
  ClippedSum sum_;
  RandomStream random_;
  RoundedGaussian noise_;
  double divisor_;
};

class PlainSum final : public StepSum {
 public:
  PlainSum(SecretVector<double> sum, double divisor) : sum_(std::move(sum)), divisor_(divisor) {}

  void Start() override {
    const absl::Span<double> sum = sum_.mutable_span();
    std::fill(sum.begin(), sum.end(), 0.0);
  }
  void Add(const Gradient& gradient) override {
    for (const std::uint32_t i : gradient.indexes()) sum_[i] += gradient.value(i);
  }
  void Mean(absl::Span<double> mean) const override {
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = sum_[i] / divisor_;
  }
  bool locked() const override { return sum_.locked(); }

 private:
  SecretVector<double> sum_;
  double divisor_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StepSum>> StepSum::Create(const TrainingPlan& plan,
                                                         std::size_t units) {
  const std::size_t dimension = plan.features().dimension();
  if (!plan.privacy().has_value()) {
    ST_ASSIGN_OR_RETURN(auto sum, SecretVector<double>::WithSize(dimension));
    const double divisor = plan.spec().optimizer().sampling_rate() *
                           static_cast<double>(std::max<std::size_t>(units, 1));
    return std::make_unique<PlainSum>(std::move(sum), divisor);
  }
  if (units > ClippedSum::kMaxUnits) {
    return absl::InvalidArgumentError("too many privacy units for exact sums");
  }
  if (plan.privacy()->lattice_sigma > RoundedGaussian::kMaxSigma) {
    return absl::InvalidArgumentError(absl::StrCat("noise multiplier ",
                                                   plan.privacy()->phase.noise_multiplier,
                                                   " is too large to be sampled"));
  }
  ST_ASSIGN_OR_RETURN(ClippedSum sum, ClippedSum::Create(dimension, plan.privacy()->clipping_norm));
  ST_ASSIGN_OR_RETURN(RandomStream random, RandomStream::FromSystem());
  return std::make_unique<PrivateSum>(std::move(sum), std::move(random), *plan.privacy());
}

}  // namespace sealtrain::trainer
