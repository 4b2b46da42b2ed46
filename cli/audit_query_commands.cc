// log, search, show, dangling: reading entries.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/open_intents.h"
#include "sealtrain/audit/scan.h"
#include "sealtrain/base/exit_code.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/command_line.h"
#include "sealtrain/cli/terminal.h"

namespace sealtrain::cli {
namespace {

using audit::Entry;
using audit::EventFilter;
using audit::FormatLine;
using audit::LineStyle;
using audit::LogReader;
using audit::OneLine;
using audit::RequestOf;
using audit::Scan;
using audit::ToJson;

LineStyle StyleFor(const LogReader& reader) {
  const std::uint64_t size = reader.checkpoint().size;
  return {.index_width = static_cast<int>(absl::StrCat(size == 0 ? 0 : size - 1).size()),
          .colour = UseColour()};
}

struct QueryFlags {
  audit::FilterTerms filter;
  std::uint64_t limit = 0;  // 0: none
  bool reverse = false;
};

void PrintEntry(const AuditContext& context, const Entry& entry, const LineStyle& style) {
  std::cout << (context.json() ? OneLine({{"entry", ToJson(entry)}}) : FormatLine(entry, style))
            << "\n";
}

absl::Status RunQuery(AuditContext& context, const QueryFlags& flags, bool must_find) {
  ST_ASSIGN_OR_RETURN(const EventFilter filter, context.ParseFilter(flags.filter));
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  const Pager pager(context.pages());
  const LineStyle style = StyleFor(*reader);
  const auto order = flags.reverse ? audit::Order::kOldestFirst : audit::Order::kNewestFirst;
  ST_ASSIGN_OR_RETURN(const Scan scan,
                      ScanLog(*reader, filter, order, flags.limit,
                              [&](const Entry& entry) { PrintEntry(context, entry, style); }));
  PrintScan(context, *reader, scan, filter);
  if (must_find && scan.shown == 0) context.exit_code = kCheckFailed;
  return absl::OkStatus();
}

void AddQueryOptions(CLI::App& command, QueryFlags& flags) {
  AddFilterOptions(command, flags.filter);
  command.add_option("-n,--limit", flags.limit, "Stop after so many")->check(kCount);
  command.add_flag("--reverse", flags.reverse, "Oldest first");
}

void AddQuery(CLI::App& app, AuditContext& context, const char* name, const char* description,
              bool must_find) {
  CLI::App& command = *app.add_subcommand(name, description);
  const auto flags = std::make_shared<QueryFlags>();
  AddQueryOptions(command, *flags);
  command.callback([&context, flags, must_find] {
    context.run = [&context, flags, must_find] { return RunQuery(context, *flags, must_find); };
  });
}

// Of the same request, in one line of JSON.
constexpr std::uint64_t kMaxOthers = 1'000;

absl::Status RunShow(AuditContext& context, std::uint64_t index) {
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  ST_RETURN_IF_ERROR(context.CheckHasEntry(*reader, index));
  const std::uint64_t size = reader->checkpoint().size;
  Entry shown;
  ST_RETURN_IF_ERROR(reader->ForEach(index, index + 1, [&](const Entry& entry) {
    shown = entry;
    return true;
  }));
  const std::string request = RequestOf(shown.event);
  nlohmann::ordered_json first_others = nlohmann::ordered_json::array();
  std::uint64_t others = 0;
  const Pager pager(context.pages());
  const LineStyle style = StyleFor(*reader);
  if (!context.json()) std::cout << audit::FormatFields(shown) << "\n";
  ST_RETURN_IF_ERROR(reader->ForEach(0, size, [&](const Entry& entry) {
    const audit::Event& event = entry.event;
    if (entry.index == index || (event.uid() != request && event.request_uid() != request)) {
      return true;
    }
    if (context.json()) {
      if (others < kMaxOthers) first_others.push_back(entry.index);
    } else {
      std::cout << (others == 0 ? "Other entries of this request:\n" : "")
                << FormatLine(entry, style) << "\n";
    }
    ++others;
    return true;
  }));
  const Scan scan = {.begin = 0, .end = size, .shown = 1 + others};
  if (context.json()) {
    nlohmann::ordered_json json = ToJson(shown);
    json["same_request"] = first_others;
    json["same_request_left_out"] = others - first_others.size();
    json["scan"] = audit::ScanToJson(scan, {}, *reader, context.key_trusted());
    std::cout << OneLine(json) << "\n";
    return absl::OkStatus();
  }
  if (others == 0) std::cout << "No other entry of this request.\n";
  PrintScan(context, *reader, scan);
  return absl::OkStatus();
}

absl::Status RunDangling(AuditContext& context) {
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  audit::OpenIntents intents;
  const std::uint64_t size = reader->checkpoint().size;
  absl::Status added;
  ST_RETURN_IF_ERROR(reader->ForEach(0, size, [&](const Entry& entry) {
    added = intents.Add(entry.index, entry.event).status();
    return added.ok();
  }));
  ST_RETURN_IF_ERROR(added);
  const std::vector<audit::OpenIntents::Open> dangling = intents.Left();
  const Pager pager(context.pages());
  const LineStyle style = StyleFor(*reader);
  for (const audit::OpenIntents::Open& open : dangling) {
    ST_RETURN_IF_ERROR(reader->ForEach(open.index, open.index + 1, [&](const Entry& entry) {
      PrintEntry(context, entry, style);
      return true;
    }));
  }
  PrintScan(context, *reader, {.begin = 0, .end = size, .shown = dangling.size()});
  if (!dangling.empty()) context.exit_code = kCheckFailed;
  return absl::OkStatus();
}

}  // namespace

void AddQueryCommands(CLI::App& app, AuditContext& context) {
  AddQuery(app, context, "log",
           "Entries, newest first, one a line. Different filters must all hold; values of one\n"
           "filter are alternatives.\n\n"
           "Examples:\n"
           "  sealtrain-audit log -n 20\n"
           "  sealtrain-audit log --dataset mails --since 2d\n"
           "  sealtrain-audit log --principal job:a --principal job:b --reverse",
           /*must_find=*/false);
  AddQuery(app, context, "search",
           "As `log`, but exits with 1 when nothing matched: with the range that was scanned,\n"
           "that is a proof of absence.\n\n"
           "Examples:\n"
           "  sealtrain-audit search --verdict denied --since 2026-11-01T00:00:00Z\n"
           "  sealtrain-audit search --dataset mails@3 --column client_ip --type train-access",
           /*must_find=*/true);

  CLI::App& show =
      *app.add_subcommand("show",
                          "All fields of one entry, and the other entries of its request.\n\n"
                          "Example:\n"
                          "  sealtrain-audit show 17");
  const auto index = std::make_shared<std::uint64_t>();
  show.add_option("N", *index, "The entry's index")->required()->check(kIndex);
  show.callback(
      [&context, index] { context.run = [&context, index] { return RunShow(context, *index); }; });

  CLI::App& dangling = *app.add_subcommand(
      "dangling",
      "Intents without an outcome: keys may have been released, and nothing says how that\n"
      "ended. Exits with 1 if there are any.\n\n"
      "Example:\n"
      "  sealtrain-audit dangling");
  dangling.callback([&context] { context.run = [&context] { return RunDangling(context); }; });
}

}  // namespace sealtrain::cli
