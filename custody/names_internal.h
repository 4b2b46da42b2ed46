// Which names and texts custody takes from callers.
#ifndef SEALTRAIN_CUSTODY_NAMES_INTERNAL_H_
#define SEALTRAIN_CUSTODY_NAMES_INTERNAL_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sealtrain::custody {

// A data set or model: policy::IsPathName, and no part is one of the store's own
// folders. InvalidArgument; `what` is for the message.
absl::Status CheckName(absl::string_view what, absl::string_view name);

// A principal, purpose or approver: policy::IsWord. InvalidArgument.
absl::Status CheckWord(absl::string_view what, absl::string_view word);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_NAMES_INTERNAL_H_
