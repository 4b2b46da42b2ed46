// What the programs answer to the shell: the same for all of them, and for jobs
// that want to be understood alike.
#ifndef SEALTRAIN_BASE_EXIT_CODE_H_
#define SEALTRAIN_BASE_EXIT_CODE_H_

#include "absl/status/status.h"

namespace sealtrain {

enum ExitCode : int {
  kOk = 0,
  kCheckFailed = 1,  // findings, bad input, no such thing
  kUsage = 2,
  kDenied = 3,           // by policy
  kIntegrity = 4,        // tampered, truncated, rolled back, forked
  kBudgetExhausted = 5,  // privacy budget
  kKeyUnavailable = 6,   // wrong passphrase, expired, revoked or destroyed
  kCannotHonour = 7,     // this machine cannot carry out an obligation
  kTryAgain = 75,        // disk full, in use, interrupted
};

inline ExitCode ExitCodeFor(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kOk;
    case absl::StatusCode::kPermissionDenied:
      return kDenied;
    case absl::StatusCode::kDataLoss:
      return kIntegrity;
    case absl::StatusCode::kResourceExhausted:
      return kBudgetExhausted;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnauthenticated:
      return kKeyUnavailable;
    case absl::StatusCode::kUnimplemented:
      return kCannotHonour;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
      return kTryAgain;
    default:
      return kCheckFailed;
  }
}

}  // namespace sealtrain

#endif  // SEALTRAIN_BASE_EXIT_CODE_H_
