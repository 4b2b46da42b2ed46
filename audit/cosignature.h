// Cosignatures (C2SP tlog-cosignature, "cosignature/v1"): the statement of a
// witness that a checkpoint was the largest consistent one of its log that it
// had seen, at a time. docs/formats/audit-log.md, "Cosignatures".
//
// All functions are thread-safe.
#ifndef SEALTRAIN_AUDIT_COSIGNATURE_H_
#define SEALTRAIN_AUDIT_COSIGNATURE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/crypto/signing.h"

namespace sealtrain::audit {

// The signature line of `name` for a note with the text of a checkpoint, with its
// newline. `time_s`: seconds since 1970.
// InvalidArgument: not a key name, not a checkpoint's text, a time of 0 or above
// 2^63 - 1.
absl::StatusOr<std::string> Cosign(absl::string_view checkpoint_text, absl::string_view name,
                                   const crypto::SigningKey& key, std::uint64_t time_s);

// When `witness` cosigned, in seconds since 1970; the latest time if it did more
// than once; nothing if it did not. The text may be any: check that somebody signed
// it as a checkpoint.
// DataLoss: a wrong cosignature of that key, even beside a good one.
absl::StatusOr<std::optional<std::uint64_t>> CosignedAt(const Note& note,
                                                        const WitnessKey& witness);

// `note` with the cosignature of `witness` in place of those that it had from that
// key. `answer` is what a witness answers: signature lines, of which others' are
// left away. DataLoss: malformed, no cosignature of `witness`, or a wrong one.
absl::StatusOr<std::string> AddCosignature(absl::string_view note, absl::string_view answer,
                                           const WitnessKey& witness);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_COSIGNATURE_H_
