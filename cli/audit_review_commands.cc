// stats, report, lint: many entries at once.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/audit/access_review_view.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/lint.h"
#include "sealtrain/audit/statistics.h"
#include "sealtrain/base/exit_code.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/command_line.h"
#include "sealtrain/cli/terminal.h"

namespace sealtrain::cli {
namespace {

struct StatsFlags {
  audit::FilterTerms filter;
  std::string by;
  std::size_t top = 0;  // 0: all
};

void PrintGroups(const std::vector<audit::GroupKey>& keys,
                 const std::vector<audit::Statistics::Group>& groups) {
  Rows rows(1);
  for (const audit::GroupKey key : keys) {
    rows[0].push_back(absl::AsciiStrToUpper(audit::GroupKeyName(key)));
  }
  std::vector<std::size_t> right;
  for (const char* count : {"ENTRIES", "INTENTS", "DENIED", "SUCCEEDED", "FAILED"}) {
    right.push_back(rows[0].size());
    rows[0].emplace_back(count);
  }
  for (const audit::Statistics::Group& group : groups) {
    std::vector<std::string>& row = rows.emplace_back();
    for (const std::string& value : group.values) {
      row.push_back(value.empty() ? "-" : Printable(value));
    }
    for (const std::uint64_t count :
         {group.entries, group.intents, group.denied, group.succeeded, group.failed}) {
      row.push_back(absl::StrCat(count));
    }
  }
  std::cout << Table(rows, right);
}

void PrintGroupsAsJson(const std::vector<audit::GroupKey>& keys,
                       const std::vector<audit::Statistics::Group>& groups) {
  for (const audit::Statistics::Group& group : groups) {
    nlohmann::ordered_json values = nlohmann::ordered_json::object();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      values[audit::GroupKeyName(keys[i])] = group.values[i];
    }
    std::cout << audit::OneLine({{"group", values},
                                 {"entries", group.entries},
                                 {"intents", group.intents},
                                 {"denied", group.denied},
                                 {"succeeded", group.succeeded},
                                 {"failed", group.failed}})
              << "\n";
  }
}

absl::Status RunStats(AuditContext& context, const StatsFlags& flags) {
  const auto keys = audit::ParseGroupKeys(flags.by);
  if (!keys.ok()) return context.UsageError(keys.status().message());
  ST_ASSIGN_OR_RETURN(const audit::EventFilter filter, context.ParseFilter(flags.filter));
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  audit::Statistics statistics(*keys);
  absl::Status added;
  ST_ASSIGN_OR_RETURN(const audit::Scan scan,
                      audit::ScanLog(*reader, filter, audit::Order::kOldestFirst, /*limit=*/0,
                                     [&](const audit::Entry& entry) {
                                       if (added.ok()) added = statistics.Add(entry.event);
                                     }));
  ST_RETURN_IF_ERROR(added);
  const Pager pager(context.pages());
  const auto groups = statistics.Largest(flags.top);
  if (context.json()) {
    PrintGroupsAsJson(*keys, groups);
  } else {
    PrintGroups(*keys, groups);
    std::cerr << groups.size() << " of " << statistics.groups() << " groups\n";
  }
  PrintScan(context, *reader, scan, filter);
  return absl::OkStatus();
}

struct ReportFlags {
  std::string since = "30d";
  std::string until;  // "": now
  std::vector<std::string> old_files;
  std::string html;
};

absl::Status RunReport(AuditContext& context, const ReportFlags& flags) {
  const std::string until = flags.until.empty() ? "0s" : flags.until;
  ST_ASSIGN_OR_RETURN(const audit::EventFilter period,
                      context.ParseFilter({.since = flags.since, .until = until}));
  ST_ASSIGN_OR_RETURN(const auto old, context.ReadOldCheckpoints(flags.old_files));
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  ST_ASSIGN_OR_RETURN(
      const audit::AccessReview review,
      audit::ReviewAccess(*reader, period.since(), period.until(), context.key_trusted(), old));
  if (!flags.html.empty()) {
    ST_RETURN_IF_ERROR(context.WriteOutput(flags.html, AsBytes(audit::ReviewToHtml(review))));
  }
  const Pager pager(context.pages() && flags.html.empty());
  if (context.json()) {
    std::cout << audit::OneLine(audit::ReviewToJson(review)) << "\n";
  } else if (flags.html.empty()) {
    std::cout << audit::ReviewToText(review);
  } else {
    std::cerr << "wrote " << Printable(flags.html) << "\n";
  }
  return absl::OkStatus();
}

absl::Status RunLint(AuditContext& context) {
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  const Pager pager(context.pages());
  std::uint64_t findings = 0;
  const auto show = [&](const audit::LintFinding& finding) {
    ++findings;
    if (context.json()) {
      std::cout << audit::OneLine({{"finding",
                                    {{"index", finding.index},
                                     {"code", finding.code},
                                     {"message", finding.message}}}})
                << "\n";
    } else {
      std::cout << "entry " << finding.index << ": " << finding.code << ": "
                << Printable(finding.message) << "\n";
    }
  };
  ST_RETURN_IF_ERROR(audit::LintLog(*reader, show));
  const std::uint64_t size = reader->checkpoint().size;
  PrintScan(context, *reader, {.begin = 0, .end = size, .shown = findings});
  if (findings > 0) context.exit_code = kCheckFailed;
  return absl::OkStatus();
}

void AddStats(CLI::App& app, AuditContext& context) {
  CLI::App& stats = *app.add_subcommand(
      "stats",
      "How many entries there are of whom, of what kind and when; the largest groups first.\n\n"
      "Examples:\n"
      "  sealtrain-audit stats --by principal,hour --since 30d --top 20\n"
      "  sealtrain-audit stats --by reason --verdict denied");
  const auto flags = std::make_shared<StatsFlags>();
  stats
      .add_option("--by", flags->by,
                  "Comma-separated: principal, purpose, dataset, type, verdict, hour (of the day, "
                  "UTC), day, model, reason")
      ->required();
  stats.add_option("--top", flags->top, "The largest so many only")->check(kCount);
  AddFilterOptions(stats, flags->filter);
  stats.callback(
      [&context, flags] { context.run = [&context, flags] { return RunStats(context, *flags); }; });
}

void AddReport(CLI::App& app, AuditContext& context) {
  CLI::App& report = *app.add_subcommand(
      "report",
      "An access review of a period: who opened what for which purpose, denials, new principals,\n"
      "unusual hours and volumes, privacy budgets, policies, keys, intents without an outcome,\n"
      "and what of it nobody has verified. The whole log is read and proven.\n\n"
      "Examples:\n"
      "  sealtrain-audit report --since 2026-10-01T00:00:00Z --until 2026-11-01T00:00:00Z\n"
      "  sealtrain-audit report --since 7d --html review.html --old checkpoint-of-last-week");
  const auto flags = std::make_shared<ReportFlags>();
  report.add_option("--since", flags->since, "Begin of the period (default: 30d, ago)");
  report.add_option("--until", flags->until, "Its end, not included (default: now)");
  report.add_option("--html", flags->html,
                    "Write one page of HTML to this file, instead of text on standard output");
  AddOldOption(report, flags->old_files);
  report.callback([&context, flags] {
    context.run = [&context, flags] { return RunReport(context, *flags); };
  });
}

}  // namespace

void AddReviewCommands(CLI::App& app, AuditContext& context) {
  AddStats(app, context);
  AddReport(app, context);

  CLI::App& lint = *app.add_subcommand(
      "lint",
      "Whether the entries hang together: values that are not known, outcomes without an intent\n"
      "and intents without an outcome, policies that were never applied. Exits with 1 if there is\n"
      "anything.\n\n"
      "Example:\n"
      "  sealtrain-audit lint");
  lint.callback([&context] { context.run = [&context] { return RunLint(context); }; });
}

}  // namespace sealtrain::cli
