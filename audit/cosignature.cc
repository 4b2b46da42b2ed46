#include "sealtrain/audit/cosignature.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::audit {
namespace {

constexpr std::size_t kTimeBytes = 8;

std::string CosignedMessage(absl::string_view text, std::uint64_t time_s) {
  return absl::StrCat("cosignature/v1\ntime ", time_s, "\n", text);
}

bool IsBy(const NoteSignature& signature, const WitnessKey& witness) {
  return signature.name == witness.name && signature.key_id == witness.id();
}

// The time of a cosignature of `witness` over `text`; nothing if it is wrong.
std::optional<std::uint64_t> VerifiedTime(absl::string_view text, ByteSpan cosignature,
                                          const WitnessKey& witness) {
  if (cosignature.size() <= kTimeBytes) return std::nullopt;
  const std::uint64_t time_s = GetBigEndian(cosignature.first(kTimeBytes));
  if (time_s == 0 || time_s > kMaxDecimal) return std::nullopt;
  if (!crypto::VerifySignature(witness.public_key, AsBytes(CosignedMessage(text, time_s)),
                               cosignature.subspan(kTimeBytes))
           .ok()) {
    return std::nullopt;
  }
  return time_s;
}

}  // namespace

absl::StatusOr<std::string> Cosign(absl::string_view checkpoint_text, absl::string_view name,
                                   const crypto::SigningKey& key, std::uint64_t time_s) {
  if (!IsKeyName(name)) return absl::InvalidArgumentError("not a key name for a cosignature");
  if (!ParseCheckpoint(checkpoint_text).ok()) {
    return absl::InvalidArgumentError("not the text of a checkpoint");
  }
  if (time_s == 0 || time_s > kMaxDecimal) {
    return absl::InvalidArgumentError("not a time for a cosignature");
  }
  const WitnessKey witness{.name = std::string(name), .public_key = key.public_key()};
  const crypto::Signature signature = key.Sign(AsBytes(CosignedMessage(checkpoint_text, time_s)));
  NoteSignature line{.name = witness.name, .key_id = witness.id(), .signature = {}};
  AppendBigEndian(time_s, kTimeBytes, line.signature);
  line.signature.insert(line.signature.end(), signature.begin(), signature.end());
  return FormatSignature(line);
}

absl::StatusOr<std::optional<std::uint64_t>> CosignedAt(const Note& note,
                                                        const WitnessKey& witness) {
  std::optional<std::uint64_t> latest;
  for (const NoteSignature& signature : note.signatures) {
    if (!IsBy(signature, witness)) continue;
    const auto time_s = VerifiedTime(note.text, signature.signature, witness);
    if (!time_s) {
      return absl::DataLossError(
          absl::StrCat("note with a wrong cosignature of the witness ", witness.name));
    }
    latest = std::max(latest.value_or(0), *time_s);
  }
  return latest;
}

absl::StatusOr<std::string> AddCosignature(absl::string_view note, absl::string_view answer,
                                           const WitnessKey& witness) {
  ST_ASSIGN_OR_RETURN(const Note before, ParseNote(note));
  ST_ASSIGN_OR_RETURN(const Note answered, ParseNote(absl::StrCat(before.text, "\n", answer)));
  if (answered.text != before.text) {
    return absl::DataLossError("malformed answer of a witness: not signature lines alone");
  }
  // Checks them all, but only the latest is kept: one key counts once.
  ST_ASSIGN_OR_RETURN(const auto time_s, CosignedAt(answered, witness));
  if (!time_s) {
    return absl::DataLossError(
        absl::StrCat("no cosignature of the witness ", witness.name, " in its answer"));
  }
  std::string added = absl::StrCat(before.text, "\n");
  for (const NoteSignature& signature : before.signatures) {
    if (!IsBy(signature, witness)) absl::StrAppend(&added, FormatSignature(signature));
  }
  for (const NoteSignature& signature : answered.signatures) {
    if (IsBy(signature, witness) &&
        VerifiedTime(answered.text, signature.signature, witness) == time_s) {
      absl::StrAppend(&added, FormatSignature(signature));
      break;
    }
  }
  // A note may have got too many signatures, or too long.
  ST_RETURN_IF_ERROR(ParseNote(added).status());
  return added;
}

}  // namespace sealtrain::audit
