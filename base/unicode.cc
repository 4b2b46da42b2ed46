#include "sealtrain/base/unicode.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sealtrain {
namespace {

std::string Escaped(absl::string_view text, absl::string_view backslash) {
  std::string safe;
  while (!text.empty()) {
    const absl::string_view before = text;
    const std::optional<char32_t> c = TakeCodePoint(text);
    if (!c) {
      absl::StrAppendFormat(&safe, "\\x%02x", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
    } else if (*c == '\\') {
      absl::StrAppend(&safe, backslash);
    } else if (*c == '\n') {
      safe += "\\n";
    } else if (!IsPrintable(*c)) {
      absl::StrAppendFormat(&safe, "\\u{%x}", static_cast<std::uint32_t>(*c));
    } else {
      absl::StrAppend(&safe, before.substr(0, before.size() - text.size()));
    }
  }
  return safe;
}

}  // namespace

std::optional<char32_t> TakeCodePoint(absl::string_view& text) {
  if (text.empty()) return std::nullopt;
  const auto lead = static_cast<std::uint8_t>(text[0]);
  if (lead < 0x80) {
    text.remove_prefix(1);
    return lead;
  }
  // The smallest code point of each length; anything below it is overlong.
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC0 || lead >= 0xF8 || text.size() < length) return std::nullopt;
  char32_t code_point = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if ((byte & 0xC0) != 0x80) return std::nullopt;
    code_point = (code_point << 6) | (byte & 0x3F);
  }
  const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  if (code_point < kSmallest[length] || surrogate || code_point > 0x10FFFF) return std::nullopt;
  text.remove_prefix(length);
  return code_point;
}

bool IsUtf8(absl::string_view text) {
  while (TakeCodePoint(text)) {
  }
  return text.empty();
}

bool IsPrintable(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  return !(c < 0x20 || within(0x7F, 0x9F) ||         // control characters, C0 and C1
           c == 0x00AD || c == 0x061C ||             // soft hyphen, Arabic letter mark
           c == 0x034F || within(0x115F, 0x1160) ||  // grapheme joiner, Hangul fillers
           within(0x17B4, 0x17B5) ||                 // Khmer inherent vowels
           within(0x180B, 0x180F) ||                 // Mongolian variation selectors, separator
           within(0x200B, 0x200F) ||                 // invisible, direction marks
           within(0x2028, 0x202E) ||                 // line separators, direction overrides
           within(0x2060, 0x206F) || c == 0xFEFF ||  // invisible, direction isolates
           c == 0x3164 || c == 0xFFA0 ||             // Hangul fillers
           within(0xFE00, 0xFE0F) ||                 // variation selectors
           within(0xFFF0, 0xFFFB) ||                 // interlinear annotation
           within(0x1BCA0, 0x1BCA3) ||               // shorthand format controls
           within(0x1D173, 0x1D17A) ||               // musical format controls
           within(0xE0000, 0xE0FFF));                // tags
}

std::string Printable(absl::string_view text) { return Escaped(text, "\\\\"); }

std::string PrintableMessage(absl::string_view text) { return Escaped(text, "\\"); }

}  // namespace sealtrain
