// The text encodings of the log's formats, each value with one spelling only:
// what decodes, encodes to the same text again.
#ifndef SEALTRAIN_AUDIT_TEXT_ENCODING_H_
#define SEALTRAIN_AUDIT_TEXT_ENCODING_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::audit {

// Base64 of RFC 4648 section 4, padded. Decoding refuses missing padding, white
// space and non-zero spare bits.
std::string EncodeBase64(ByteSpan bytes);
std::optional<Bytes> DecodeBase64(absl::string_view text);
// The same for exactly 32 bytes.
std::optional<Digest> DecodeBase64Digest(absl::string_view text);

// Sizes and indices stay within a signed 64-bit integer, for readers that have
// nothing else.
inline constexpr std::uint64_t kMaxDecimal = std::numeric_limits<std::int64_t>::max();
// A decimal number of at most `max` without sign or leading zeroes.
std::optional<std::uint64_t> DecodeDecimal(absl::string_view text, std::uint64_t max = kMaxDecimal);

// Well-formed UTF-8 whose only control character below U+0020 is the newline.
bool IsNoteText(absl::string_view text);

// A name of a signing key: such text, not empty, at most 255 bytes, without
// newlines, Unicode white space and '+'.
bool IsKeyName(absl::string_view name);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_TEXT_ENCODING_H_
