// watch: entries as they come.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/log_follower.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/command_line.h"
#include "sealtrain/cli/terminal.h"

namespace sealtrain::cli {
namespace {

struct WatchFlags {
  audit::FilterTerms filter;
  std::string state;
  std::optional<std::uint64_t> from;
  int interval_s = 1;
  bool once = false;
};

absl::Status RunWatch(AuditContext& context, const WatchFlags& flags) {
  if (context.at()) return context.UsageError("--at: to watch is to look at what is new");
  ST_ASSIGN_OR_RETURN(const audit::EventFilter filter, context.ParseFilter(flags.filter));
  ST_ASSIGN_OR_RETURN(const std::string directory, context.LogDirectory());
  auto opened = audit::LogFollower::Open(Env::Posix(), {.log_directory = directory,
                                                        .trusted_vkeys = context.vkey(),
                                                        .state_file = flags.state,
                                                        .begin = flags.from});
  // Which says what it means that there is no log.
  if (absl::IsNotFound(opened.status())) ST_RETURN_IF_ERROR(context.OpenLog().status());
  ST_ASSIGN_OR_RETURN(const auto follower, std::move(opened));
  if (!context.key_trusted()) {
    std::cerr << "note: each entry is proven against " << audit::WhoseKey(false)
              << "; give --vkey to name it yourself.\n";
  }
  const audit::LineStyle style = {.index_width = 1, .colour = UseColour()};
  const auto show = [&](const audit::Entry& entry) {
    if (!filter.Matches(entry.event)) return;
    std::cout << (context.json() ? audit::OneLine({{"entry", audit::ToJson(entry)}})
                                 : audit::FormatLine(entry, style))
              << "\n";
  };
  const auto flush = []() -> absl::Status {
    if (std::cout.flush()) return absl::OkStatus();
    return absl::UnavailableError("cannot write to standard output");
  };
  while (true) {
    ST_ASSIGN_OR_RETURN(const std::uint64_t count, follower->Poll(show, flush));
    if (flags.once) {
      std::cerr << count << " new entries; the log has " << follower->log()->checkpoint().size
                << "\n";
      return absl::OkStatus();
    }
    absl::SleepFor(absl::Seconds(flags.interval_s));
  }
}

}  // namespace

void AddWatchCommand(CLI::App& app, AuditContext& context) {
  CLI::App& command = *app.add_subcommand(
      "watch",
      "Entries as they come, oldest first, each under a signed checkpoint that continues the last\n"
      "one seen. Ends with 4 when the log was rolled back, forked or changed.\n\n"
      "Examples:\n"
      "  sealtrain-audit watch --verdict denied\n"
      "  sealtrain-audit watch --once --state audit.seen --from 0 --json >>entries.jsonl");
  const auto flags = std::make_shared<WatchFlags>();
  command.add_option("--state", flags->state,
                     "Keeps the last checkpoint seen in this file, and goes on from there");
  command
      .add_option("--from", flags->from,
                  "The first entry, where there is no state yet (default: the next that comes)")
      ->check(kIndex);
  command.add_option("--interval", flags->interval_s, "Seconds between two looks (default: 1)")
      ->check(CLI::Range(1, 86'400));
  command.add_flag("--once", flags->once, "Show what is new and end");
  AddFilterOptions(command, flags->filter);
  command.callback(
      [&context, flags] { context.run = [&context, flags] { return RunWatch(context, *flags); }; });
}

}  // namespace sealtrain::cli
