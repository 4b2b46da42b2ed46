// Which names and texts custody takes from callers.
#ifndef SEALTRAIN_CUSTODY_NAMES_INTERNAL_H_
#define SEALTRAIN_CUSTODY_NAMES_INTERNAL_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sealtrain::custody {

// A data set or model: 1 to 8 segments of [a-z0-9_-]+ joined by '/', at most
// 128 bytes. So a name is also a safe relative path. `what` is for the message.
absl::Status CheckName(absl::string_view what, absl::string_view name);

// A principal, purpose or approver: 1 to 255 bytes of ASCII without spaces and
// control characters, so that a log entry cannot be made to look like another.
absl::Status CheckWord(absl::string_view what, absl::string_view word);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_NAMES_INTERNAL_H_
