// What no record may exceed, whatever it comes from.
#ifndef SEALTRAIN_PIPELINE_SOURCE_RECORD_LIMITS_H_
#define SEALTRAIN_PIPELINE_SOURCE_RECORD_LIMITS_H_

#include <cstddef>

namespace sealtrain::pipeline {

inline constexpr std::size_t kMaxRecordBytes = 64 << 20;

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SOURCE_RECORD_LIMITS_H_
