#include "sealtrain/audit/text_encoding.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::audit {
namespace {

constexpr std::size_t kMaxKeyNameBytes = 255;

// The code points with the property White_Space.
bool IsWhiteSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

}  // namespace

std::string EncodeBase64(ByteSpan bytes) { return absl::Base64Escape(AsText(bytes)); }

std::optional<Bytes> DecodeBase64(absl::string_view text) {
  std::string decoded;
  // Abseil's decoder is lenient; encoding again shows whether that mattered.
  if (!absl::Base64Unescape(text, &decoded) || absl::Base64Escape(decoded) != text) {
    return std::nullopt;
  }
  const ByteSpan bytes = AsBytes(decoded);
  return Bytes(bytes.begin(), bytes.end());
}

std::optional<Digest> DecodeBase64Digest(absl::string_view text) {
  const std::optional<Bytes> bytes = DecodeBase64(text);
  Digest digest;
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

std::optional<std::uint64_t> DecodeDecimal(absl::string_view text, std::uint64_t max) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (digit > max || value > (max - digit) / 10) return std::nullopt;
    value = 10 * value + digit;
  }
  return value;
}

bool IsNoteText(absl::string_view text) {
  while (!text.empty()) {
    const std::optional<char32_t> c = TakeCodePoint(text);
    if (!c || (*c < 0x20 && *c != '\n')) return false;
  }
  return true;
}

bool IsKeyName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxKeyNameBytes || !IsNoteText(name)) return false;
  while (!name.empty()) {
    const char32_t c = *TakeCodePoint(name);
    if (c == '+' || IsWhiteSpace(c)) return false;
  }
  return true;
}

}  // namespace sealtrain::audit
