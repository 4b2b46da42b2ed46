// The file log.vkey: the verifier keys of a log, one a line.
// docs/formats/audit-log.md, "Key rotation".
//
// All functions are thread-safe.
#ifndef SEALTRAIN_AUDIT_VKEY_FILE_H_
#define SEALTRAIN_AUDIT_VKEY_FILE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/audit/note.h"

namespace sealtrain::audit {

inline constexpr std::size_t kMaxLogKeys = 100;

// Keys that sign now come first, those that did once after them.
// DataLoss: none, more than kMaxLogKeys, malformed, of different names, or one twice.
absl::StatusOr<std::vector<VerifierKey>> ParseVkeyFile(absl::string_view text);
std::string FormatVkeyFile(absl::Span<const VerifierKey> keys);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_VKEY_FILE_H_
