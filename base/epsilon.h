// How an epsilon is shown.
#ifndef SEALTRAIN_BASE_EPSILON_H_
#define SEALTRAIN_BASE_EPSILON_H_

#include <cmath>
#include <string>

#include "absl/strings/str_format.h"

namespace sealtrain {

// An upper bound with four decimals, rounded up so that what is printed holds.
inline std::string FormatEpsilon(double epsilon) {
  return absl::StrFormat("%.4f", std::ceil(epsilon * 1e4) / 1e4);
}

}  // namespace sealtrain

#endif  // SEALTRAIN_BASE_EPSILON_H_
