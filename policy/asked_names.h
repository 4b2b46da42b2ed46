// Names that custody takes from those who ask. A policy may hold others, but then
// its rules for them match nothing that is ever asked.
#ifndef SEALTRAIN_POLICY_ASKED_NAMES_H_
#define SEALTRAIN_POLICY_ASKED_NAMES_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace sealtrain::policy {

inline constexpr std::size_t kMaxPathNameBytes = 128;
inline constexpr std::size_t kMaxWordBytes = 255;

// A data set or model: 1 to 8 parts of [a-z0-9_-]+ joined by '/', none with '-' in
// front, at most kMaxPathNameBytes. So it is also a safe relative path.
bool IsPathName(absl::string_view name);

// A principal, purpose or approver: 1 to kMaxWordBytes of ASCII without spaces and
// control characters, so that a log entry cannot be made to look like another.
bool IsWord(absl::string_view word);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_ASKED_NAMES_H_
