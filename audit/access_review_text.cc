#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/audit/access_review_view.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::audit {
namespace {

// `lines` below `title`, indented.
std::string TextSection(absl::string_view title, absl::string_view lines) {
  std::string text = absl::StrCat("\n", title, "\n");
  for (const absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&text, "  ", line, "\n");
  }
  return text;
}

std::string TextOf(const ReviewTable& table) {
  std::string lines = "none\n";
  if (table.rows.size() > 1) {
    Rows rows = table.rows;
    for (std::string& heading : rows.front()) absl::AsciiStrToUpper(&heading);
    for (auto row = rows.begin() + 1; row != rows.end(); ++row) {
      for (std::string& cell : *row) cell = cell.empty() ? "-" : Printable(cell);
    }
    lines = Table(rows, table.right);
  }
  return TextSection(table.title, absl::StrCat(lines, table.note, "\n"));
}

std::string TextOf(absl::string_view title, const std::vector<std::string>& sentences) {
  std::string lines;
  for (const std::string& sentence : sentences) {
    absl::StrAppend(&lines, "* ", Printable(sentence), "\n");
  }
  return TextSection(title, lines);
}

}  // namespace

std::string ReviewToText(const AccessReview& review) {
  std::string text = absl::StrCat(
      "Access review, ", ReviewPeriod(review), "\n  ", review.entries, " entries: ", review.granted,
      " requests granted, ", review.denied, " denied; ", review.failed, " failed or abandoned; ",
      review.dangling.size() + review.LeftOut("dangling"), " without an outcome\n");
  for (const ReviewTable& table : ReviewTables(review)) absl::StrAppend(&text, TextOf(table));
  return absl::StrCat(text, TextOf("Verified", ProvenAgainst(review)),
                      TextOf("Never verified", NeverVerified(review)));
}

}  // namespace sealtrain::audit
