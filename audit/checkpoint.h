// Checkpoints (C2SP tlog-checkpoint): the signed statement that a log has so
// many entries with such a root. docs/formats/audit-log.md, "Checkpoints".
#ifndef SEALTRAIN_AUDIT_CHECKPOINT_H_
#define SEALTRAIN_AUDIT_CHECKPOINT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/signing.h"

namespace sealtrain::audit {

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Digest root{};

  bool operator==(const Checkpoint&) const = default;
};

// The three lines that are signed. ParseCheckpoint takes nothing else (no
// extension lines). DataLoss: malformed.
std::string FormatCheckpoint(const Checkpoint& checkpoint);
absl::StatusOr<Checkpoint> ParseCheckpoint(absl::string_view text);

// A checkpoint as a note signed under its origin, by `key` or by each of `keys`.
// InvalidArgument: the origin cannot be a key name.
absl::StatusOr<std::string> SignCheckpoint(const Checkpoint& checkpoint,
                                           const crypto::SigningKey& key);
absl::StatusOr<std::string> SignCheckpoint(const Checkpoint& checkpoint,
                                           absl::Span<const crypto::SigningKey> keys);
// DataLoss: not a note that `key` signed, malformed, or of another origin.
absl::StatusOr<Checkpoint> VerifyCheckpoint(absl::string_view note, const VerifierKey& key);

// The same where a log has several keys and any of them may have signed.
struct SignedCheckpoint {
  Checkpoint checkpoint;
  VerifierKey key;  // the first of them that did
};
// DataLoss: also if one of them signed wrongly, even beside a good one.
absl::StatusOr<SignedCheckpoint> VerifyCheckpoint(absl::string_view note,
                                                  absl::Span<const VerifierKey> keys);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_CHECKPOINT_H_
