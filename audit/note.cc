#include "sealtrain/audit/note.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

constexpr std::size_t kKeyIdBytes = 4;
constexpr char kSignaturePrefix[] = "\xE2\x80\x94 ";  // em dash, space

absl::Status Malformed(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("malformed note: ", what));
}

std::string KeyIdHex(std::uint32_t id) {
  std::array<std::uint8_t, kKeyIdBytes> bytes;
  PutBigEndian(id, kKeyIdBytes, absl::MakeSpan(bytes));
  return HexEncode(bytes);
}

absl::StatusOr<NoteSignature> ParseSignatureLine(absl::string_view line) {
  if (!absl::ConsumePrefix(&line, kSignaturePrefix)) return Malformed("not a signature line");
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
  if (fields.size() != 2 || !IsKeyName(fields[0])) return Malformed("bad key name");
  const std::optional<Bytes> bytes = DecodeBase64(fields[1]);
  if (!bytes || bytes->size() <= kKeyIdBytes) return Malformed("bad signature encoding");
  const ByteSpan span(*bytes);
  return NoteSignature{.name = std::string(fields[0]),
                       .key_id = static_cast<std::uint32_t>(GetBigEndian(span.first(kKeyIdBytes))),
                       .signature = Bytes(span.begin() + kKeyIdBytes, span.end())};
}

template <SignatureType kType>
absl::StatusOr<NamedKey<kType>> ParseNamedKey(absl::string_view vkey) {
  const absl::Status malformed = absl::InvalidArgumentError("malformed verifier key");
  // Base64 may contain '+' too: only the first two separate.
  const std::vector<absl::string_view> fields = absl::StrSplit(vkey, absl::MaxSplits('+', 2));
  if (fields.size() != 3 || !IsKeyName(fields[0])) return malformed;
  const std::optional<Bytes> encoded = DecodeBase64(fields[2]);
  NamedKey<kType> key{.name = std::string(fields[0])};
  if (!encoded || encoded->size() != 1 + key.public_key.size()) return malformed;
  if ((*encoded)[0] != static_cast<std::uint8_t>(kType)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "verifier key of type ", (*encoded)[0], ", not the type ", static_cast<int>(kType),
        " that ", kType == SignatureType::kNote ? "logs" : "witnesses", " sign with here"));
  }
  std::copy(encoded->begin() + 1, encoded->end(), key.public_key.begin());
  if (fields[1] != KeyIdHex(key.id())) {
    return absl::InvalidArgumentError("verifier key whose id is not that of its name and key");
  }
  return key;
}

template <SignatureType kType>
std::string FormatNamedKey(const NamedKey<kType>& key) {
  Bytes encoded{static_cast<std::uint8_t>(kType)};
  encoded.insert(encoded.end(), key.public_key.begin(), key.public_key.end());
  return absl::StrCat(key.name, "+", KeyIdHex(key.id()), "+", EncodeBase64(encoded));
}

}  // namespace

std::uint32_t KeyId(absl::string_view name, SignatureType type, const crypto::PublicKey& key) {
  Bytes preimage(name.begin(), name.end());
  preimage.push_back('\n');
  preimage.push_back(static_cast<std::uint8_t>(type));
  preimage.insert(preimage.end(), key.begin(), key.end());
  const Digest digest = crypto::Sha256(preimage);
  return static_cast<std::uint32_t>(GetBigEndian(ByteSpan(digest).first(kKeyIdBytes)));
}

absl::StatusOr<VerifierKey> ParseVkey(absl::string_view vkey) {
  return ParseNamedKey<SignatureType::kNote>(vkey);
}
absl::StatusOr<WitnessKey> ParseWitnessVkey(absl::string_view vkey) {
  return ParseNamedKey<SignatureType::kCosignature>(vkey);
}
absl::StatusOr<std::vector<VerifierKey>> ParseVkeys(absl::Span<const std::string> vkeys) {
  std::vector<VerifierKey> keys;
  for (const std::string& vkey : vkeys) {
    ST_ASSIGN_OR_RETURN(VerifierKey key, ParseVkey(vkey));
    keys.push_back(std::move(key));
  }
  return keys;
}
std::string FormatVkey(const VerifierKey& key) { return FormatNamedKey(key); }
std::string FormatVkey(const WitnessKey& key) { return FormatNamedKey(key); }

std::string FormatSignature(const NoteSignature& signature) {
  Bytes encoded;
  AppendBigEndian(signature.key_id, kKeyIdBytes, encoded);
  encoded.insert(encoded.end(), signature.signature.begin(), signature.signature.end());
  return absl::StrCat(kSignaturePrefix, signature.name, " ", EncodeBase64(encoded), "\n");
}

absl::StatusOr<Note> ParseNote(absl::string_view note) {
  if (note.size() > kMaxNoteBytes) return Malformed("too long");
  if (!IsNoteText(note)) return Malformed("control characters or not UTF-8");
  // Text may contain empty lines; the last one ends it.
  const std::size_t separator = note.rfind("\n\n");
  if (separator == absl::string_view::npos) return Malformed("no signatures");
  absl::string_view block = note.substr(separator + 2);
  if (!absl::ConsumeSuffix(&block, "\n")) return Malformed("no newline at its end");

  Note parsed;
  parsed.text = std::string(note.substr(0, separator + 1));
  for (const absl::string_view line : absl::StrSplit(block, '\n')) {
    if (parsed.signatures.size() == kMaxNoteSignatures) return Malformed("too many signatures");
    ST_ASSIGN_OR_RETURN(NoteSignature signature, ParseSignatureLine(line));
    parsed.signatures.push_back(std::move(signature));
  }
  return parsed;
}

absl::StatusOr<std::string> SignNote(absl::string_view text, absl::string_view name,
                                     const crypto::SigningKey& key) {
  return SignNote(text, name, absl::MakeConstSpan(&key, 1));
}

absl::StatusOr<std::string> SignNote(absl::string_view text, absl::string_view name,
                                     absl::Span<const crypto::SigningKey> keys) {
  if (!IsKeyName(name)) return absl::InvalidArgumentError("not a key name for a signed note");
  if (!IsNoteText(text) || !absl::EndsWith(text, "\n")) {
    return absl::InvalidArgumentError("not a text for a signed note");
  }
  std::string note = absl::StrCat(text, "\n");
  for (const crypto::SigningKey& key : keys) {
    const VerifierKey verifier{.name = std::string(name), .public_key = key.public_key()};
    const crypto::Signature signature = key.Sign(AsBytes(text));
    note += FormatSignature({.name = verifier.name,
                             .key_id = verifier.id(),
                             .signature = Bytes(signature.begin(), signature.end())});
  }
  if (note.size() > kMaxNoteBytes) return absl::InvalidArgumentError("text too long for a note");
  return note;
}

absl::StatusOr<bool> IsSignedBy(const Note& note, const VerifierKey& key) {
  const std::uint32_t key_id = key.id();
  bool verified = false;
  for (const NoteSignature& signature : note.signatures) {
    if (signature.name != key.name || signature.key_id != key_id) continue;
    // One wrong signature of a known key condemns the note, even beside a good one.
    if (!crypto::VerifySignature(key.public_key, AsBytes(note.text), signature.signature).ok()) {
      return absl::DataLossError("note with a wrong signature of the verifier key");
    }
    verified = true;
  }
  return verified;
}

absl::StatusOr<std::string> VerifyNote(absl::string_view note, const VerifierKey& key) {
  ST_ASSIGN_OR_RETURN(Note parsed, ParseNote(note));
  ST_ASSIGN_OR_RETURN(const bool verified, IsSignedBy(parsed, key));
  if (!verified) return absl::DataLossError("note without a signature of the verifier key");
  return std::move(parsed.text);
}

absl::StatusOr<std::string> VerifyNote(absl::string_view note, absl::string_view vkey) {
  ST_ASSIGN_OR_RETURN(const VerifierKey key, ParseVkey(vkey));
  return VerifyNote(note, key);
}

}  // namespace sealtrain::audit
