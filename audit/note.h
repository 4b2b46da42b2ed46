// Signed notes (C2SP signed-note) with Ed25519 signatures, type 0x01: text that
// one or more named keys have signed. docs/formats/audit-log.md, "Signed notes".
// Signatures of type 0x04 are cosignature.h's.
//
// All functions are thread-safe.
#ifndef SEALTRAIN_AUDIT_NOTE_H_
#define SEALTRAIN_AUDIT_NOTE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/signing.h"

namespace sealtrain::audit {

// Notes are at most this long and have at most this many signatures.
inline constexpr std::size_t kMaxNoteBytes = 1 << 20;
inline constexpr std::size_t kMaxNoteSignatures = 100;

// What a key's signatures are over: the types of C2SP signed-note that we know.
// 0x06 is kept for cosignatures with ML-DSA-44; every other one is refused.
enum class SignatureType : std::uint8_t {
  kNote = 0x01,         // Ed25519, over the text
  kCosignature = 0x04,  // Ed25519, over a time and the text of a checkpoint
};

// The first four bytes of SHA-256(name ‖ 0A ‖ type ‖ public key).
std::uint32_t KeyId(absl::string_view name, SignatureType type, const crypto::PublicKey& key);

// Who may have signed: a named public key for one type of signatures. One for
// another type does not convert, even with the same bytes.
template <SignatureType kType>
struct NamedKey {
  std::string name;
  crypto::PublicKey public_key{};

  std::uint32_t id() const { return KeyId(name, kType, public_key); }

  bool operator==(const NamedKey&) const = default;
};
using VerifierKey = NamedKey<SignatureType::kNote>;        // a log's
using WitnessKey = NamedKey<SignatureType::kCosignature>;  // a witness's

// The text form, "vkey": <name>+<key id, 8 hex digits>+<base64(type ‖ public key)>.
// InvalidArgument: not exactly that, another signature type, or the key id is
// not that of name and key.
absl::StatusOr<VerifierKey> ParseVkey(absl::string_view vkey);
absl::StatusOr<WitnessKey> ParseWitnessVkey(absl::string_view vkey);
absl::StatusOr<std::vector<VerifierKey>> ParseVkeys(absl::Span<const std::string> vkeys);
std::string FormatVkey(const VerifierKey& key);
std::string FormatVkey(const WitnessKey& key);

struct NoteSignature {
  std::string name;
  std::uint32_t key_id = 0;
  Bytes signature;  // at least one byte; its meaning depends on the key
};
struct Note {
  std::string text;  // ends with a newline
  std::vector<NoteSignature> signatures;
};

// The line of a signature, with its newline.
std::string FormatSignature(const NoteSignature& signature);

// Takes a note apart without checking any signature: its text must not be
// believed. DataLoss: malformed.
absl::StatusOr<Note> ParseNote(absl::string_view note);

// `text` with the signature of `key`, or of each of `keys`, under `name`.
// InvalidArgument: no key name, or text that a note cannot hold (not UTF-8,
// control characters, no newline at its end, too long).
absl::StatusOr<std::string> SignNote(absl::string_view text, absl::string_view name,
                                     const crypto::SigningKey& key);
absl::StatusOr<std::string> SignNote(absl::string_view text, absl::string_view name,
                                     absl::Span<const crypto::SigningKey> keys);

// Whether `key` signed the note. DataLoss: a wrong signature of that key, even
// beside a good one.
absl::StatusOr<bool> IsSignedBy(const Note& note, const VerifierKey& key);

// The text of `note`, if `key` signed it. Signatures of other keys are ignored.
// DataLoss: malformed, no signature of `key`, or a wrong one.
absl::StatusOr<std::string> VerifyNote(absl::string_view note, const VerifierKey& key);
// The same with a key in text form. InvalidArgument: malformed `vkey`.
absl::StatusOr<std::string> VerifyNote(absl::string_view note, absl::string_view vkey);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_NOTE_H_
