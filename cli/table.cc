#include "sealtrain/cli/table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sealtrain::cli {

std::string Table(const Rows& rows, const std::vector<std::size_t>& right) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string fill(widths[i] - row[i].size(), ' ');
      const bool is_right = std::find(right.begin(), right.end(), i) != right.end();
      absl::StrAppend(&line, i == 0 ? "" : "  ", is_right ? fill : "", row[i],
                      is_right ? "" : fill);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

}  // namespace sealtrain::cli
