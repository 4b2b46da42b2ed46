#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sealtrain/audit/access_review_view.h"
#include "sealtrain/audit/event_time.h"
#include "sealtrain/audit/html.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/epsilon.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

constexpr char kStyle[] = R"css(
:root { color-scheme: light dark; --ink: #1d2530; --soft: #5b6775; --page: #f5f6f8; --card: #fff;
  --rule: #dde2e8; --granted: #2f6fb3; --denied: #c23b2e; --warn: #fff3d6; --warnrule: #d9a521; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa7b6; --page: #12161c;
  --card: #1a2028; --rule: #303945; --granted: #6aa9e9; --denied: #f07a6c; --warn: #33290f;
  --warnrule: #b78a1f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 20px 16px 48px; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 1.1rem; margin: 0 0 10px; }
p { margin: 0 0 8px; }
.soft, .rule { color: var(--soft); }
.rule { font-size: .86rem; margin: 10px 0 0; }
.mono { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .82rem;
  overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px;
  margin: 18px 0; }
.tile, section { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; }
.tile { padding: 10px 14px; }
.tile b { display: block; font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile.bad b { color: var(--denied); }
section { padding: 16px; margin: 0 0 14px; }
section.warn { background: var(--warn); border-color: var(--warnrule); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 14px;
  margin-bottom: 14px; }
.charts section { margin: 0; }
svg { display: block; width: 100%; max-width: 560px; height: auto; }
svg text { font-size: 11px; fill: var(--soft); }
svg .end { text-anchor: end; }
.grid { stroke: var(--rule); }
.granted { fill: var(--granted); }
.denied { fill: var(--denied); }
.line { fill: none; stroke: var(--granted); stroke-width: 2; }
circle { fill: var(--granted); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 4px 0 10px; }
.key.granted { background: var(--granted); margin-left: 0; }
.key.denied { background: var(--denied); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; color: var(--soft); font-weight: 600; font-size: .8rem; }
th, td { padding: 6px 10px 6px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td { overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
ul { margin: 0; padding-left: 20px; overflow-wrap: anywhere; }
li { margin-bottom: 4px; }
.short { white-space: nowrap; }
.scroll { overflow-x: auto; }
@media (max-width: 900px) {
  thead { display: none; }
  tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--rule); }
  tr:last-child { border-bottom: 0; }
  td, td.number, td.short { display: grid; grid-template-columns: 96px 1fr; gap: 10px; padding: 2px 0;
    border: 0; text-align: left; white-space: normal; }
  td::before { content: attr(data-label); color: var(--soft); font-size: .8rem; }
}
@media print { body { background: none; } section, .tile { break-inside: avoid; } }
)css";

constexpr std::int64_t kMaxBars = 60;

std::string Section(absl::string_view title, absl::string_view body) {
  return absl::StrCat("<section>\n<h2>", HtmlText(title), "</h2>\n", body, "</section>\n");
}

std::string Rule(absl::string_view rule) {
  return absl::StrCat("<p class=\"rule\">", HtmlText(rule), "</p>\n");
}

std::string Tile(std::uint64_t count, absl::string_view what, bool bad_if_any) {
  return absl::StrCat("<div class=\"tile", bad_if_any && count > 0 ? " bad" : "", "\"><b>", count,
                      "</b>", HtmlText(what), "</div>\n");
}

std::string Tiles(const AccessReview& review) {
  return absl::StrCat(
      "<div class=\"tiles\">\n", Tile(review.granted, "requests granted", false),
      Tile(review.denied, "requests denied", true),
      Tile(review.failed, "failed or abandoned", true),
      Tile(review.dangling.size() + review.LeftOut("dangling"), "without an outcome", true),
      Tile(review.first_seen.size() + review.LeftOut("first_seen"), "new principals", false),
      Tile(review.unusual_hours.size() + review.unusual_volumes.size() +
               review.LeftOut("unusual_hours") + review.LeftOut("unusual_volumes"),
           "unusual hours and volumes", true),
      "</div>\n");
}

std::string DaysChart(const AccessReview& review) {
  if (review.days.empty()) return "<p class=\"soft\">No requests.</p>\n";
  const std::int64_t first = review.days.begin()->first;
  const std::int64_t count = review.days.rbegin()->first - first + 1;
  const std::int64_t days_of_bar = (count + kMaxBars - 1) / kMaxBars;
  std::vector<ChartBar> bars;
  for (std::int64_t day = first; day < first + count; day += days_of_bar) {
    AccessReview::DayCount sum;
    for (auto it = review.days.lower_bound(day);
         it != review.days.end() && it->first < day + days_of_bar; ++it) {
      sum.granted += it->second.granted;
      sum.denied += it->second.denied;
    }
    const std::string name = ReviewDay(day);
    bars.push_back({.label = name.substr(5),
                    .title = absl::StrCat(name, days_of_bar > 1 ? " and after" : "", ": ",
                                          sum.granted, " granted, ", sum.denied, " denied"),
                    .lower = static_cast<double>(sum.granted),
                    .upper = static_cast<double>(sum.denied)});
  }
  return absl::StrCat(SvgBars("Requests by day", bars),
                      "<p class=\"rule\"><span class=\"key granted\"></span>granted"
                      "<span class=\"key denied\"></span>denied",
                      days_of_bar > 1 ? absl::StrCat("; a bar is ", days_of_bar, " days") : "",
                      "</p>\n");
}

std::string HoursChart(const AccessReview& review) {
  std::vector<ChartBar> bars;
  for (std::size_t hour = 0; hour < review.hours.size(); ++hour) {
    bars.push_back({.label = absl::StrFormat("%02d", hour),
                    .title = absl::StrFormat("%02d:00 to %02d:59: %d requests", hour, hour,
                                             review.hours[hour]),
                    .lower = static_cast<double>(review.hours[hour])});
  }
  return absl::StrCat(SvgBars("Requests by hour of the day, UTC", bars),
                      Rule("Granted and denied, UTC."));
}

std::string HtmlOf(const ReviewTable& table) {
  return Section(table.title,
                 absl::StrCat(table.rows.size() == 1 ? "<p class=\"soft\">None.</p>\n"
                                                     : HtmlTable(table.rows, table.right),
                              table.note.empty() ? "" : Rule(table.note)));
}

std::string BudgetCharts(const AccessReview& review) {
  std::string html;
  for (const AccessReview::Budget& budget : review.budgets) {
    // A period without a beginning starts with the first run.
    const absl::Time first =
        review.since == absl::InfinitePast() ? budget.points.front().time : review.since;
    std::vector<ChartStep> steps;
    for (const AccessReview::BudgetPoint& point : budget.points) {
      steps.push_back({.at = absl::FDivDuration(point.time - first, review.until - first),
                       .value = point.ledger_epsilon,
                       .title = absl::StrCat(FormatSeconds(point.time), ", entry ", point.index,
                                             ": ", FormatEpsilon(point.ledger_epsilon))});
    }
    const std::string title =
        absl::StrCat("Epsilon spent on ", budget.dataset, ", unit ", budget.unit);
    absl::StrAppend(&html, Section(title, SvgSteps(title, budget.before, steps,
                                                   FormatSeconds(first).substr(0, 10),
                                                   FormatSeconds(review.until).substr(0, 10))));
  }
  return html;
}

std::string Sentences(const std::vector<std::string>& sentences) {
  std::string html = "<ul>\n";
  for (const std::string& sentence : sentences) {
    absl::StrAppend(&html, "<li>", HtmlText(sentence), "</li>\n");
  }
  return absl::StrCat(html, "</ul>\n");
}

}  // namespace

std::string ReviewToHtml(const AccessReview& review) {
  std::string tables;
  for (const ReviewTable& table : ReviewTables(review)) absl::StrAppend(&tables, HtmlOf(table));
  const std::string style_digest = EncodeBase64(crypto::Sha256(AsBytes(kStyle)));
  return absl::StrCat(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'sha256-",
      style_digest,
      "'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n<title>Access review</title>\n<style>",
      kStyle, "</style>\n</head>\n<body>\n<main>\n<h1>Access review</h1>\n<p class=\"soft\">",
      HtmlText(ReviewPeriod(review)), " · ", review.entries, " entries of ",
      HtmlText(review.proof.checkpoint.origin), "</p>\n", Tiles(review), "<div class=\"charts\">\n",
      Section("Requests by day", DaysChart(review)),
      Section("Requests by hour of the day", HoursChart(review)), BudgetCharts(review), "</div>\n",
      tables, Section("Verified", Sentences(ProvenAgainst(review))),
      "<section class=\"warn\">\n<h2>Never verified</h2>\n", Sentences(NeverVerified(review)),
      "</section>\n</main>\n</body>\n</html>\n");
}

}  // namespace sealtrain::audit
