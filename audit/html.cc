#include "sealtrain/audit/html.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::audit {
namespace {

// Of a drawing, in its own units: about pixels on a phone, so that its letters are
// as large as the text around it.
constexpr double kWidth = 340;
constexpr double kHeight = 150;
constexpr double kLeft = 34;  // beside the values
constexpr double kTop = 12;
constexpr double kBottom = 130;  // above the labels
constexpr std::size_t kMaxLabels = 6;

// Of a cell whose text is not broken into lines where there is room beside it.
constexpr std::size_t kMaxUnbroken = 26;

// The least of 1, 2 and 5 times a power of ten that is not below.
double RoundUp(double value) {
  if (!(value > 0) || !std::isfinite(value)) return 1;
  const double unit = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (value <= factor * unit) return factor * unit;
  }
  return 10 * unit;
}

class Svg {
 public:
  Svg(absl::string_view description, double max_value) : max_(RoundUp(max_value)) {
    const std::string text = HtmlText(description);
    absl::StrAppendFormat(&svg_,
                          "<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">\n"
                          "<title>%s</title>\n",
                          kWidth, kHeight, text, text);
    for (const double part : {0.0, 0.5, 1.0}) {
      const double y = Y(part * max_);
      absl::StrAppendFormat(&svg_,
                            "<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>"
                            "<text x=\"%g\" y=\"%.1f\" class=\"end\">%g</text>\n",
                            kLeft, kWidth, y, y, kLeft - 4, y + 4, part * max_);
    }
  }
  double Y(double value) const {
    const double part = std::clamp(value / max_, 0.0, 1.0);
    return kBottom - part * (kBottom - kTop);
  }
  void Rect(absl::string_view css_class, double x, double width, double from, double to) {
    if (to <= from) return;
    absl::StrAppendFormat(
        &svg_, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
        css_class, x, Y(to), width, Y(from) - Y(to));
  }
  void Label(double x, absl::string_view css_class, absl::string_view text) {
    absl::StrAppendFormat(&svg_, "<text x=\"%.1f\" y=\"%g\" class=\"%s\">%s</text>\n", x,
                          kHeight - 4, css_class, HtmlText(text));
  }
  void Add(absl::string_view markup) { absl::StrAppend(&svg_, markup); }
  std::string Finish() { return absl::StrCat(svg_, "</svg>\n"); }

 private:
  const double max_;
  std::string svg_;
};

}  // namespace

std::string HtmlText(absl::string_view text) {
  return absl::StrReplaceAll(
      Printable(text),
      {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string HtmlTable(const std::vector<std::vector<std::string>>& rows,
                      const std::vector<std::size_t>& right) {
  const auto is_number = [&](std::size_t column) {
    return std::find(right.begin(), right.end(), column) != right.end();
  };
  const std::vector<std::string>& heading = rows.front();
  std::string html = "<div class=\"scroll\"><table>\n<thead><tr>";
  for (std::size_t i = 0; i < heading.size(); ++i) {
    absl::StrAppend(&html, "<th scope=\"col\"", is_number(i) ? " class=\"number\"" : "", ">",
                    HtmlText(heading[i]), "</th>");
  }
  absl::StrAppend(&html, "</tr></thead>\n<tbody>\n");
  for (std::size_t row = 1; row < rows.size(); ++row) {
    absl::StrAppend(&html, "<tr>");
    for (std::size_t i = 0; i < heading.size(); ++i) {
      const std::string cell = HtmlText(rows[row][i]);
      const char* css_class = is_number(i)                      ? " class=\"number\""
                              : TextWidth(cell) <= kMaxUnbroken ? " class=\"short\""
                                                                : "";
      absl::StrAppend(&html, "<td data-label=\"", HtmlText(heading[i]), "\"", css_class, "><span>",
                      cell, "</span></td>");
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  return absl::StrCat(html, "</tbody>\n</table></div>\n");
}

std::string SvgBars(absl::string_view description, const std::vector<ChartBar>& bars) {
  double max = 0;
  for (const ChartBar& bar : bars) max = std::max(max, bar.lower + bar.upper);
  Svg svg(description, max);
  const double step = (kWidth - kLeft) / static_cast<double>(std::max<std::size_t>(bars.size(), 1));
  const double gap = std::min(2.0, step / 5);
  const std::size_t stride = (bars.size() + kMaxLabels - 1) / kMaxLabels;
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const ChartBar& bar = bars[i];
    const double x = kLeft + static_cast<double>(i) * step;
    svg.Add(absl::StrCat("<g><title>", HtmlText(bar.title), "</title>"));
    svg.Rect("granted", x, step - gap, 0, bar.lower);
    svg.Rect("denied", x, step - gap, bar.lower, bar.lower + bar.upper);
    svg.Add("</g>\n");
    if (i % stride == 0) svg.Label(x, "start", bar.label);
  }
  return svg.Finish();
}

std::string SvgSteps(absl::string_view description, double first_value,
                     const std::vector<ChartStep>& steps, absl::string_view left_label,
                     absl::string_view right_label) {
  double max = first_value;
  for (const ChartStep& step : steps) max = std::max(max, step.value);
  Svg svg(description, max);
  const auto x = [](double at) { return kLeft + std::clamp(at, 0.0, 1.0) * (kWidth - kLeft); };
  std::string path = absl::StrFormat("M%.1f %.1f", x(0), svg.Y(first_value));
  std::string dots;
  for (const ChartStep& step : steps) {
    absl::StrAppendFormat(&path, "H%.1fV%.1f", x(step.at), svg.Y(step.value));
    absl::StrAppendFormat(&dots,
                          "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%s</title></circle>\n",
                          x(step.at), svg.Y(step.value), HtmlText(step.title));
  }
  svg.Add(absl::StrFormat("<path class=\"line\" d=\"%sH%g\"/>\n", path, kWidth));
  svg.Add(dots);
  svg.Label(kLeft, "start", left_label);
  svg.Label(kWidth, "end", right_label);
  return svg.Finish();
}

}  // namespace sealtrain::audit
