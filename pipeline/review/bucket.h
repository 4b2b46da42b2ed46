// BUCKET: floor(value / step) * step.
#ifndef SEALTRAIN_PIPELINE_REVIEW_BUCKET_H_
#define SEALTRAIN_PIPELINE_REVIEW_BUCKET_H_

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>

namespace sealtrain::pipeline {

// Requires policy::IsWholeStep(step). A bucket that begins below the smallest integer
// of the type is named by that.
template <std::integral T>
T BucketOf(T value, double step) {
  if constexpr (std::is_signed_v<T>) {
    const auto width = static_cast<std::int64_t>(step);
    const std::int64_t wide = value;
    const std::int64_t over = (wide % width + width) % width;
    if (wide < std::numeric_limits<T>::min() + over) return std::numeric_limits<T>::min();
    return static_cast<T>(wide - over);
  } else {
    return static_cast<T>(value - value % static_cast<std::uint64_t>(step));
  }
}

// Requires step > 0. Where neighbouring numbers are further apart than a step,
// and for what is not finite, the value is its own bucket. A bucket that begins
// below the smallest number of the type is named by that.
template <std::floating_point T>
T BucketOf(T value, double step) {
  const double buckets = std::floor(static_cast<double>(value) / step);
  if (!(std::abs(buckets) < 9007199254740992.0)) return value;
  const double begin = buckets * step + 0.0;  // + 0.0: no negative zero
  return static_cast<T>(std::max<double>(begin, std::numeric_limits<T>::lowest()));
}

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_REVIEW_BUCKET_H_
