#include "sealtrain/audit/checkpoint.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::audit {

std::string FormatCheckpoint(const Checkpoint& checkpoint) {
  return absl::StrCat(checkpoint.origin, "\n", checkpoint.size, "\n", EncodeBase64(checkpoint.root),
                      "\n");
}

absl::StatusOr<Checkpoint> ParseCheckpoint(absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  // Three lines, and what follows the last newline: nothing.
  if (lines.size() != 4 || !lines[3].empty()) {
    return absl::DataLossError("malformed checkpoint: not three lines");
  }
  if (!IsKeyName(lines[0])) return absl::DataLossError("malformed checkpoint: bad origin");
  const std::optional<std::uint64_t> size = DecodeDecimal(lines[1]);
  if (!size) return absl::DataLossError("malformed checkpoint: bad size");
  const std::optional<Digest> root = DecodeBase64Digest(lines[2]);
  if (!root) return absl::DataLossError("malformed checkpoint: bad root");
  return Checkpoint{.origin = std::string(lines[0]), .size = *size, .root = *root};
}

absl::StatusOr<std::string> SignCheckpoint(const Checkpoint& checkpoint,
                                           const crypto::SigningKey& key) {
  return SignNote(FormatCheckpoint(checkpoint), checkpoint.origin, key);
}

absl::StatusOr<std::string> SignCheckpoint(const Checkpoint& checkpoint,
                                           absl::Span<const crypto::SigningKey> keys) {
  return SignNote(FormatCheckpoint(checkpoint), checkpoint.origin, keys);
}

absl::StatusOr<Checkpoint> VerifyCheckpoint(absl::string_view note, const VerifierKey& key) {
  ST_ASSIGN_OR_RETURN(SignedCheckpoint verified,
                      VerifyCheckpoint(note, absl::MakeConstSpan(&key, 1)));
  return std::move(verified.checkpoint);
}

absl::StatusOr<SignedCheckpoint> VerifyCheckpoint(absl::string_view note,
                                                  absl::Span<const VerifierKey> keys) {
  ST_ASSIGN_OR_RETURN(const Note parsed, ParseNote(note));
  const VerifierKey* signer = nullptr;
  for (const VerifierKey& key : keys) {
    ST_ASSIGN_OR_RETURN(const bool is_signed, IsSignedBy(parsed, key));
    if (is_signed && signer == nullptr) signer = &key;
  }
  if (signer == nullptr) {
    return absl::DataLossError("note without a signature of the verifier key");
  }
  ST_ASSIGN_OR_RETURN(Checkpoint checkpoint, ParseCheckpoint(parsed.text));
  if (checkpoint.origin != signer->name) {
    return absl::DataLossError("checkpoint of another log, signed with this log's key");
  }
  return SignedCheckpoint{std::move(checkpoint), *signer};
}

}  // namespace sealtrain::audit
