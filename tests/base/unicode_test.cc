#include "sealtrain/base/unicode.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace sealtrain {
namespace {

TEST(TakeCodePoint, TakesEveryCodePointAndNothingElse) {
  const std::pair<const char*, char32_t> good[] = {{"A", 'A'},
                                                   {"\xC2\x80", 0x80},
                                                   {"\xE0\xA0\x80", 0x800},
                                                   {"\xED\x9F\xBF", 0xD7FF},
                                                   {"\xF0\x90\x80\x80", 0x10000},
                                                   {"\xF4\x8F\xBF\xBF", 0x10FFFF}};
  for (const auto& [text, expected] : good) {
    absl::string_view rest = text;
    EXPECT_EQ(TakeCodePoint(rest), expected);
    EXPECT_TRUE(rest.empty());
  }
  for (const char* bad : {"\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF",
                          "\xF8\x88\x80\x80", "\xC2", "\xE2\x80", "\xC2\x41"}) {
    absl::string_view rest = bad;
    EXPECT_EQ(TakeCodePoint(rest), std::nullopt) << bad;
    EXPECT_EQ(rest, bad);
  }
}

TEST(Printable, LeavesOrdinaryTextAlone) {
  for (const char* text : {"", "job:a", "a b", "na\xC3\xAFve", "\xE6\x97\xA5\xE6\x9C\xAC"}) {
    EXPECT_EQ(Printable(text), text);
  }
}

TEST(Printable, EscapesWhatATerminalObeys) {
  EXPECT_EQ(Printable("\x1B[31m"), "\\u{1b}[31m");
  EXPECT_EQ(Printable("a\nb\rc\td"), "a\\nb\\u{d}c\\u{9}d");
  EXPECT_EQ(Printable(absl::string_view("\0", 1)), "\\u{0}");
  EXPECT_EQ(Printable("\x7F"), "\\u{7f}");
  EXPECT_EQ(Printable("\xC2\x9B"), "\\u{9b}");        // C1: CSI in one
  EXPECT_EQ(Printable("\xE2\x80\xAE"), "\\u{202e}");  // right-to-left override
  EXPECT_EQ(Printable("\xE2\x81\xA6"), "\\u{2066}");  // isolate
  EXPECT_EQ(Printable("\xE2\x80\x8B"), "\\u{200b}");  // zero width space
  EXPECT_EQ(Printable("\xEF\xBB\xBF"), "\\u{feff}");
  EXPECT_EQ(Printable("\u115F\u3164\uFE0F"), "\\u{115f}\\u{3164}\\u{fe0f}");  // seen as nothing
  EXPECT_EQ(Printable("\xFF\xC3"), "\\xff\\xc3");
  EXPECT_EQ(Printable("a\\nb"), "a\\\\nb");
  EXPECT_FALSE(IsPrintable(U'\u2066'));
  EXPECT_TRUE(IsPrintable(U'\\'));
}

}  // namespace
}  // namespace sealtrain
