// Logistic regression: P(positive | x) = 1 / (1 + exp(-w x)).
#ifndef SEALTRAIN_TRAINER_LOGISTIC_REGRESSION_H_
#define SEALTRAIN_TRAINER_LOGISTIC_REGRESSION_H_

#include <cmath>

#include "absl/types/span.h"
#include "sealtrain/trainer/sparse_rows.h"

namespace sealtrain::trainer {

// w x. Requires indexes below weights.size().
template <class T>
double Margin(absl::Span<const T> weights, absl::Span<const Entry> inputs) {
  double margin = 0;
  for (const Entry& entry : inputs) {
    margin += static_cast<double>(weights[entry.index]) * static_cast<double>(entry.value);
  }
  return margin;
}

inline double Sigmoid(double margin) { return 1 / (1 + std::exp(-margin)); }

// The gradient of the row's negative log-likelihood is this factor times x.
inline double GradientFactor(double margin, double label) { return Sigmoid(margin) - label; }

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_LOGISTIC_REGRESSION_H_
