// Saying where an error happened.
#ifndef SEALTRAIN_PIPELINE_STATUS_TEXT_H_
#define SEALTRAIN_PIPELINE_STATUS_TEXT_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace sealtrain::pipeline {

// The same status with "`where`: " before its message. OK stays OK.
inline absl::Status At(absl::string_view where, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(where, ": ", status.message()));
}

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_STATUS_TEXT_H_
