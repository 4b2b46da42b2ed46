// What Protobuf's text format takes, but a policy must not hold: whatever is read
// otherwise than it looks.
#ifndef SEALTRAIN_POLICY_PLAIN_TEXT_INTERNAL_H_
#define SEALTRAIN_POLICY_PLAIN_TEXT_INTERNAL_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "sealtrain/policy/loaded_policy.h"

namespace sealtrain::policy::internal {

// The first byte of `text` that is not UTF-8, or character that cannot be seen, in
// comments and strings too: all but what IsPrintable() takes, tabs and line ends.
std::optional<Finding> FindUnseen(absl::string_view text);

// The first value of `text`, which must parse as a PolicySet, that is not written as what
// it is: a number in octal or hexadecimal, a number for a word, a boolean other than true
// and false, a character as an escape, a string in pieces.
std::optional<Finding> FindDisguised(absl::string_view text);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_PLAIN_TEXT_INTERNAL_H_
