#include "sealtrain/base/text_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sealtrain {

std::size_t TextWidth(absl::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string Padded(std::string text, std::size_t width) {
  const std::size_t taken = TextWidth(text);
  if (taken < width) text.append(width - taken, ' ');
  return text;
}

std::string Table(const Rows& rows, const std::vector<std::size_t>& right) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], TextWidth(row[i]));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string fill(widths[i] - TextWidth(row[i]), ' ');
      const bool is_right = std::find(right.begin(), right.end(), i) != right.end();
      absl::StrAppend(&line, i == 0 ? "" : "  ", is_right ? fill : "", row[i],
                      is_right ? "" : fill);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

}  // namespace sealtrain
