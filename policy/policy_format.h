// One layout for policy files.
#ifndef SEALTRAIN_POLICY_POLICY_FORMAT_H_
#define SEALTRAIN_POLICY_POLICY_FORMAT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::policy {

// `text` in the canonical layout: the same set, field by field in the same
// order, with every comment. Two spaces a level; a block stands on one line if
// it fits into 100 columns and holds no comment, rules and tests never do; lists
// become one field for each value; values of one field that follow each other
// share lines; blank lines are kept, one at most, and stand before each rule and
// test. A comment within a field moves before it, one within a list before the value
// that follows. Formatting twice changes
// nothing more.
//
// The bytes change, so approvals of `text` do not hold for the result.
//
// InvalidArgument: syntax, as "FILE:LINE:COLUMN: what". The set may have errors
// in meaning. Internal: the result would not be the same set; nothing is lost.
absl::StatusOr<std::string> FormatPolicy(absl::string_view text, absl::string_view file_name);

// `text`, which is without errors, in the canonical layout as version `version`,
// the one behind the set with digest `previous_sha256`; all else as it is.
// InvalidArgument: the result has errors. Internal: as above.
absl::StatusOr<std::string> AsVersion(absl::string_view text, absl::string_view file_name,
                                      std::uint64_t version, const Digest& previous_sha256);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_POLICY_FORMAT_H_
