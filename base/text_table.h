// Aligned text.
#ifndef SEALTRAIN_BASE_TEXT_TABLE_H_
#define SEALTRAIN_BASE_TEXT_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sealtrain {

// How many places well-formed text takes, a code point each.
std::size_t TextWidth(absl::string_view text);
// `text` with spaces behind it up to that width.
std::string Padded(std::string text, std::size_t width);

using Rows = std::vector<std::vector<std::string>>;

// At least one row, each with as many cells as the first. Columns whose index is
// in `right` are numbers. Cells are shown as they are: see Printable().
std::string Table(const Rows& rows, const std::vector<std::size_t>& right = {});

}  // namespace sealtrain

#endif  // SEALTRAIN_BASE_TEXT_TABLE_H_
