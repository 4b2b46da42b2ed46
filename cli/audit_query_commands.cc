// log, search, show, dangling, export: reading entries.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/exit_code.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/audit_filter.h"
#include "sealtrain/cli/audit_format.h"
#include "sealtrain/cli/command_line.h"

namespace sealtrain::cli {
namespace {

using audit::Entry;
using audit::LogReader;

constexpr std::uint64_t kBlock = 4096;  // entries held when going backwards

bool UseColour() {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0');
}

LineStyle StyleFor(const LogReader& reader) {
  const std::uint64_t size = reader.checkpoint().size;
  return {.index_width = static_cast<int>(absl::StrCat(size == 0 ? 0 : size - 1).size()),
          .colour = UseColour()};
}

// Entries are escaped to ASCII, so JSON holds nothing that a terminal obeys.
std::string OneLine(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/true,
                   nlohmann::ordered_json::error_handler_t::replace);
}

struct Scan {
  std::uint64_t begin = 0;  // entries looked at: [begin, end)
  std::uint64_t end = 0;
};

// Calls `visit` for all entries, from the newest on, until it returns false;
// holds one block of them at a time.
absl::StatusOr<Scan> ForEachBackwards(LogReader& reader,
                                      const std::function<bool(const Entry&)>& visit) {
  const std::uint64_t size = reader.checkpoint().size;
  Scan scan{.begin = size, .end = size};
  bool go_on = true;
  while (go_on && scan.begin > 0) {
    const std::uint64_t block_end = scan.begin;
    const std::uint64_t block_begin = (block_end - 1) / kBlock * kBlock;
    std::vector<Entry> entries;
    ST_RETURN_IF_ERROR(reader.ForEach(block_begin, block_end, [&](const Entry& entry) {
      entries.push_back(entry);
      return true;
    }));
    for (auto entry = entries.rbegin(); go_on && entry != entries.rend(); ++entry) {
      scan.begin = entry->index;
      go_on = visit(*entry);
    }
  }
  return scan;
}

absl::StatusOr<Scan> ForEachForwards(LogReader& reader,
                                     const std::function<bool(const Entry&)>& visit) {
  Scan scan;
  ST_RETURN_IF_ERROR(reader.ForEach(0, reader.checkpoint().size, [&](const Entry& entry) {
    scan.end = entry.index + 1;
    return visit(entry);
  }));
  return scan;
}

struct QueryFlags {
  FilterFlags filter;
  std::uint64_t limit = 0;  // 0: none
  bool reverse = false;
};

// What makes an answer a proof: which entries were looked at, and against what
// they were proven.
void PrintFooter(const AuditContext& context, const LogReader& reader, std::uint64_t shown,
                 const Scan& scan) {
  const audit::Checkpoint& checkpoint = reader.checkpoint();
  const bool complete = scan.begin == 0 && scan.end == checkpoint.size;
  if (context.json()) {
    std::cout << OneLine({{"scan",
                           {{"shown", shown},
                            {"begin", scan.begin},
                            {"end", scan.end},
                            {"complete", complete},
                            {"origin", checkpoint.origin},
                            {"size", checkpoint.size},
                            {"root", audit::EncodeBase64(checkpoint.root)},
                            {"key", reader.vkey()},
                            {"key_trusted", !context.vkey().empty()}}}})
              << "\n";
    return;
  }
  std::string range = "no entries";
  if (scan.begin < scan.end) range = absl::StrCat("entries ", scan.begin, " to ", scan.end - 1);
  std::cerr << shown << " shown; scanned " << range << " of " << checkpoint.size << " ("
            << (complete ? "complete" : "stopped at the limit") << ")\n"
            << "all proven under root " << audit::EncodeBase64(checkpoint.root) << " of "
            << Printable(checkpoint.origin) << ", signed by " << context.WhoseKey() << "\n";
}

absl::Status RunQuery(AuditContext& context, const QueryFlags& flags, bool must_find) {
  const absl::StatusOr<Filter> filter = Filter::Parse(flags.filter, absl::Now());
  if (!filter.ok()) return context.UsageError(filter.status().message());
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  const LineStyle style = StyleFor(*reader);
  std::uint64_t shown = 0;
  const auto visit = [&](const Entry& entry) {
    if (!filter->Matches(entry.event)) return true;
    if (context.json()) {
      std::cout << OneLine({{"entry", ToJson(entry)}}) << "\n";
    } else {
      std::cout << FormatLine(entry, style) << "\n";
    }
    return ++shown != flags.limit;
  };
  ST_ASSIGN_OR_RETURN(const Scan scan, flags.reverse ? ForEachForwards(*reader, visit)
                                                     : ForEachBackwards(*reader, visit));
  PrintFooter(context, *reader, shown, scan);
  if (must_find && shown == 0) context.exit_code = kCheckFailed;
  return absl::OkStatus();
}

void AddQueryOptions(CLI::App& command, QueryFlags& flags) {
  FilterFlags& filter = flags.filter;
  command.add_option("--since", filter.since, "From this time on: RFC 3339, or 2d, 3h ago");
  command.add_option("--until", filter.until, "Before this time");
  command.add_option("--principal", filter.principals, "Who asked");
  command.add_option("--purpose", filter.purposes, "What for, or any purpose below it");
  command.add_option("--dataset", filter.datasets, "NAME or NAME@GENERATION");
  command.add_option("--column", filter.columns, "A column opened, sealed or withheld");
  command.add_option("--model", filter.models, "A model's name");
  command.add_option("--verdict", filter.verdicts,
                     "intent, denied, succeeded, failed or abandoned");
  command.add_option("--type", filter.types, "Such as train-access, policy-applied");
  command.add_option("-n,--limit", flags.limit, "Stop after so many")->check(kCount);
  command.add_flag("--reverse", flags.reverse, "Oldest first");
  for (CLI::Option* option : command.get_options()) {
    if (option->get_items_expected_max() > 1) option->allow_extra_args(false);
  }
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

// Entries of one request share this: the uid of its first one.
const std::string& RequestOf(const audit::Event& event) {
  return event.request_uid().empty() ? event.uid() : event.request_uid();
}

absl::Status RunShow(AuditContext& context, std::uint64_t index) {
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  const std::uint64_t size = reader->checkpoint().size;
  if (index >= size) {
    return absl::OutOfRangeError(absl::StrCat("no entry ", index, " in a log of size ", size));
  }
  Entry shown;
  ST_RETURN_IF_ERROR(reader->ForEach(index, index + 1, [&](const Entry& entry) {
    shown = entry;
    return true;
  }));
  const std::string request = RequestOf(shown.event);
  nlohmann::ordered_json others = nlohmann::ordered_json::array();
  std::string lines;
  const LineStyle style = StyleFor(*reader);
  ST_RETURN_IF_ERROR(reader->ForEach(0, size, [&](const Entry& entry) {
    const audit::Event& event = entry.event;
    if (entry.index == index || (event.uid() != request && event.request_uid() != request)) {
      return true;
    }
    others.push_back(entry.index);
    absl::StrAppend(&lines, FormatLine(entry, style), "\n");
    return true;
  }));
  if (context.json()) {
    nlohmann::ordered_json json = ToJson(shown);
    json["same_request"] = others;
    std::cout << OneLine(json) << "\n";
    return absl::OkStatus();
  }
  std::cout << FormatFields(shown) << "\n"
            << (lines.empty() ? "No other entry of this request.\n"
                              : absl::StrCat("Other entries of this request:\n", lines));
  PrintFooter(context, *reader, 1, {.begin = 0, .end = size});
  return absl::OkStatus();
}

absl::Status RunDangling(AuditContext& context) {
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  // Only intents that are still open are held, by request.
  std::map<std::string, std::vector<Entry>> open;
  ST_ASSIGN_OR_RETURN(const Scan scan, ForEachForwards(*reader, [&](const Entry& entry) {
                        const std::string& request = RequestOf(entry.event);
                        if (entry.event.phase() == audit::INTENT) {
                          open[request].push_back(entry);
                        } else {
                          open.erase(request);
                        }
                        return true;
                      }));
  std::vector<Entry> dangling;
  for (auto& [request, entries] : open) {
    std::move(entries.begin(), entries.end(), std::back_inserter(dangling));
  }
  std::sort(dangling.begin(), dangling.end(),
            [](const Entry& a, const Entry& b) { return a.index < b.index; });
  const LineStyle style = StyleFor(*reader);
  for (const Entry& entry : dangling) {
    std::cout << (context.json() ? OneLine({{"entry", ToJson(entry)}}) : FormatLine(entry, style))
              << "\n";
  }
  PrintFooter(context, *reader, dangling.size(), scan);
  if (!dangling.empty()) context.exit_code = kCheckFailed;
  return absl::OkStatus();
}

absl::Status RunExport(AuditContext& context) {
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  ST_RETURN_IF_ERROR(reader->ForEach(0, reader->checkpoint().size, [&](const Entry& entry) {
    std::cout << OneLine(ToJson(entry)) << "\n";
    return static_cast<bool>(std::cout);
  }));
  std::cout.flush();
  if (!std::cout) return absl::UnavailableError("cannot write to standard output");
  const audit::Checkpoint& checkpoint = reader->checkpoint();
  std::cerr << "exported " << checkpoint.size << " entries, all proven under root "
            << audit::EncodeBase64(checkpoint.root) << "\n";
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

  CLI::App& export_command =
      *app.add_subcommand("export",
                          "All entries to standard output, oldest first.\n\n"
                          "Example:\n"
                          "  sealtrain-audit export --format jsonl >entries.jsonl");
  const auto format = std::make_shared<std::string>();
  export_command.add_option("--format", *format, "jsonl: one JSON object a line")
      ->required()
      ->check(CLI::IsMember({"jsonl"}));
  export_command.callback(
      [&context, format] { context.run = [&context] { return RunExport(context); }; });
}

}  // namespace sealtrain::cli
