// Pieces of a page that needs no script and no other file.
#ifndef SEALTRAIN_AUDIT_HTML_H_
#define SEALTRAIN_AUDIT_HTML_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sealtrain::audit {

// Text that others wrote, for content and for quoted attributes: Printable(), then
// what HTML reads as markup.
std::string HtmlText(absl::string_view text);

// A table; the first row is the heading. Cells are text, not HTML. Each cell names
// its column in `data-label`, so that a narrow screen can show rows as cards.
std::string HtmlTable(const std::vector<std::vector<std::string>>& rows,
                      const std::vector<std::size_t>& right);

struct ChartBar {
  std::string label;
  std::string title;  // shown when pointed at
  double lower = 0;
  double upper = 0;  // stands on the lower part
};
// Bars beside each other. Some of the labels are shown: as many as there is room for.
std::string SvgBars(absl::string_view description, const std::vector<ChartBar>& bars);

struct ChartStep {
  double at = 0;     // place from left to right, 0 to 1
  double value = 0;  // from here on
  std::string title;
};
// A line that keeps its value until the next step; `steps` from left to right.
std::string SvgSteps(absl::string_view description, double first_value,
                     const std::vector<ChartStep>& steps, absl::string_view left_label,
                     absl::string_view right_label);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_HTML_H_
