// A policy cannot be read otherwise than it looks.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/policy_format.h"
#include "sealtrain/tests/policy/policy_texts.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The head of PolicyText is line 1.
constexpr char kPlainRules[] = R"(rule { id: "r" why: "because"
  permit { obligation { lease { seconds: 60 } }
    obligation: [{ max_opens: 5 }, { transform { on_class: [FREE_TEXT, HEALTH] kind: KEEP } }] }
  scope < principal: 'ann' action: [TRAIN, EVALUATE] dataset: "stays" purpose: "safety"
          data_class: FREE_TEXT data_class: HEALTH >
  when { rows_at_least: 0 }
  when { trust_at_least: LOCKED }
}
test { name: "t"
  request { principal: "ann" action: TRAIN dataset: "stays" purpose: "ads" trust: LOCKED
	column { name: "c" data_class: HEALTH applied { kind: KEEP } } }
  expect { allow: false } }
)";

std::string TextWith(const std::string& from, const std::string& to) {
  std::string text = testing::PolicyText(kPlainRules);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// Neither loads nor is laid out, and the place is named in both.
void ExpectRefused(const std::string& text, const std::string& place, const std::string& says) {
  const auto refused =
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(StartsWith(absl::StrCat("p:", place, ": ")), HasSubstr(says)));
  EXPECT_THAT(LoadedPolicy::Load(text, "p").status(), refused);
  EXPECT_THAT(FormatPolicy(text, "p").status(), refused);
  EXPECT_EQ(Check(text, "p", nullptr).size(), 1u);
}

void ExpectTaken(const std::string& text) {
  EXPECT_OK(LoadedPolicy::Load(text, "p").status());
  EXPECT_OK(FormatPolicy(text, "p").status());
}

TEST(PlainText, IsWhatThePolicyOfThisTestIs) { ExpectTaken(TextWith("", "")); }

TEST(PlainText, HasDecimalNumbersOnly) {
  ExpectRefused(TextWith("rows_at_least: 0", "rows_at_least: 01000"), "7:25",
                "01000 is octal: write 512, if that is meant");
  ExpectRefused(TextWith("rows_at_least: 0", "rows_at_least: 00"), "7:25", "is octal: write 0");
  ExpectRefused(TextWith("seconds: 60", "seconds: 0x3C"), "3:42", "0x3C is hexadecimal: write 60");
  ExpectRefused(TextWith("seconds: 60", "seconds: 0X3c"), "3:42", "is hexadecimal: write 60");
  ExpectRefused(TextWith("seconds: 60", "seconds: -010"), "3:43", "010 is octal: write 8");
  ExpectRefused(TextWith("max_opens: 5", "max_opens: 05"), "4:31", "05 is octal: write 5");
  ExpectTaken(TextWith("rows_at_least: 0", "rows_at_least: 10"));
}

TEST(PlainText, NamesWordsByTheirNames) {
  ExpectRefused(TextWith("TRAIN, EVALUATE", "TRAIN, 4"), "5:44",
                "`action` is a word, not a number: write EVALUATE");
  ExpectRefused(TextWith("TRAIN, EVALUATE", "TRAIN, 99"), "5:44",
                "`action` is a word, not a number");
  ExpectRefused(TextWith("[TRAIN, EVALUATE]", "03"), "5:36", "write TRAIN");
  ExpectRefused(TextWith("kind: KEEP } }]", "kind: 1 } }]"), "4:86", "write KEEP");
  ExpectRefused(TextWith("[FREE_TEXT, HEALTH]", "[FREE_TEXT, 11]"), "4:72", "write HEALTH");
  ExpectRefused(TextWith("trust_at_least: LOCKED", "trust_at_least: 2"), "8:26", "write LOCKED");
  // Behind a tab, which Protobuf counts up to the next eighth column.
  ExpectRefused(TextWith("applied { kind: KEEP", "applied { kind: 1"), "12:63", "write KEEP");
}

TEST(PlainText, HasTwoBooleans) {
  for (const char* word : {"f", "t", "0", "1", "False", "True", "01", "0x0"}) {
    ExpectRefused(TextWith("allow: false", absl::StrCat("allow: ", word)), "13:19",
                  absl::StrCat("`", word, "` for `allow`: write true or false"));
  }
  ExpectTaken(TextWith("allow: false", "allow: true"));
}

TEST(PlainText, HasCharactersAsThemselves) {
  const std::string says = "write the character itself";
  for (const char* text : {R"("\x2a")", R"("stays/\052")", R"("stay\u0073")", R"("stay\U00000073")",
                           R"("stays\n")", R"("stays\t")", R"("stays\?")", R"("\377")"}) {
    ExpectRefused(TextWith("\"stays\"", text), "5:63", says);
  }
  ExpectRefused(TextWith("'ann'", R"('\x61ny')"), "5:22", says);
  ExpectRefused(TextWith("\"because\"", R"("a\\\142")"), "2:21", says);
  ExpectTaken(TextWith("\"because\"", R"("\\ \" \' \\142 caf)"
                                      "\xc3\xa9\""));
}

TEST(PlainText, HasStringsInOnePiece) {
  ExpectRefused(TextWith("'ann'", "'a' 'ny'"), "5:22", "two strings side by side are one");
  ExpectRefused(TextWith("'ann'", "[ 'ann' # the first\n 'bob']"), "5:24", "side by side");
  ExpectTaken(TextWith("'ann'", "['ann', 'bob'] principal: 'eve'"));
}

TEST(PlainText, HasNothingThatCannotBeSeen) {
  struct Unseen {
    std::string character, says;
  };
  const Unseen cases[] = {
      {"\xe2\x81\xa6", "U+2066 cannot be seen: take it out"},  // isolate
      {"\xe2\x80\xae", "U+202E"},                              // right-to-left override
      {"\xe2\x80\x8b", "U+200B"},                              // zero-width space
      {"\xe2\x80\xa8", "U+2028"},                              // line separator
      {"\xef\xbb\xbf", "U+FEFF cannot be seen"},
      {"\xc2\xad", "U+00AD"},           // soft hyphen
      {"\xc2\x9b", "U+009B"},           // C1: CSI in one
      {"\xf3\xa0\x81\x81", "U+E0041"},  // a tag
      {"\x1b", "U+001B"},
      {"\b", "U+0008"},
      {"\f", "U+000C"},
      {"\r", "U+000D"},
      {"\x7f", "U+007F"},
      {std::string(1, '\0'), "U+0000"},
  };
  for (const Unseen& c : cases) {
    ExpectRefused(TextWith("because", "\xc3\xa4 " + c.character), "2:24", c.says);
    ExpectRefused(TextWith("  when { rows", "# for " + c.character + "all\n"), "7:7", c.says);
    ExpectRefused(TextWith("  when { rows", "  when { " + c.character + "rows"), "7:10", c.says);
  }
  ExpectTaken(TextWith("  when { rows", "# a\\b\tc\r\n\r\n  when { rows"));
}

TEST(PlainText, HasNoByteOrderMark) {
  ExpectRefused("\xef\xbb\xbf" + TextWith("", ""), "1:1", "a byte order mark");
}

TEST(PlainText, IsUtf8) {
  ExpectRefused(TextWith("because", "\xc3\xa4 \xff"), "2:24", "not UTF-8");
  ExpectRefused(TextWith("  when { rows", "  # caf\xe9\n"), "7:8", "not UTF-8");
}

}  // namespace
}  // namespace sealtrain::policy
