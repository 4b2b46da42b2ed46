// Text that others wrote: taken apart, and made safe to show.
#ifndef SEALTRAIN_BASE_UNICODE_H_
#define SEALTRAIN_BASE_UNICODE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace sealtrain {

// Takes the first code point off `text`. Nothing, with `text` untouched, if it
// is empty or does not start with well-formed UTF-8 (no overlong forms, no
// surrogates, at most U+10FFFF).
std::optional<char32_t> TakeCodePoint(absl::string_view& text);
// Whether all of it is well-formed.
bool IsUtf8(absl::string_view text);

// Whether `c` can be shown as it is. Not if it could move the cursor, change the
// reading direction, hide, or break the line.
bool IsPrintable(char32_t c);
// `text` with every character escaped that is not printable; a backslash is doubled.
// Names and messages that came from files or other people reach a terminal so.
std::string Printable(absl::string_view text);
// The same of a message in which names are escaped already: a backslash stays.
std::string PrintableMessage(absl::string_view text);

}  // namespace sealtrain

#endif  // SEALTRAIN_BASE_UNICODE_H_
