// Aligned text.
#ifndef SEALTRAIN_CLI_TABLE_H_
#define SEALTRAIN_CLI_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace sealtrain::cli {

using Rows = std::vector<std::vector<std::string>>;

// At least one row, each with as many cells as the first. Columns whose index is
// in `right` are numbers. Cells are shown as they are: see Printable().
std::string Table(const Rows& rows, const std::vector<std::size_t>& right = {});

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_TABLE_H_
