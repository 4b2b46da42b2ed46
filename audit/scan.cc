#include "sealtrain/audit/scan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/audit/tiles.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::audit {
namespace {

// One bundle at a time, so that each is read once and few matches are held.
absl::StatusOr<Scan> ScanBackwards(LogReader& log, const EventFilter& filter, std::uint64_t limit,
                                   absl::FunctionRef<void(const Entry&)> visit) {
  const std::uint64_t size = log.checkpoint().size;
  Scan scan{.begin = size, .end = size};
  std::vector<Entry> matches;
  while (scan.begin > 0) {
    const std::uint64_t block_begin = (scan.begin - 1) / kTileWidth * kTileWidth;
    matches.clear();
    ST_RETURN_IF_ERROR(ForEachMatch(log, block_begin, scan.begin, filter, [&](const Entry& entry) {
                         matches.push_back(entry);
                         return true;
                       }).status());
    scan.begin = block_begin;
    for (auto entry = matches.rbegin(); entry != matches.rend(); ++entry) {
      visit(*entry);
      if (++scan.shown == limit) {
        scan.begin = entry->index;
        return scan;
      }
    }
  }
  return scan;
}

absl::StatusOr<Scan> ScanForwards(LogReader& log, const EventFilter& filter, std::uint64_t limit,
                                  absl::FunctionRef<void(const Entry&)> visit) {
  Scan scan;
  ST_ASSIGN_OR_RETURN(scan.end,
                      ForEachMatch(log, 0, log.checkpoint().size, filter, [&](const Entry& entry) {
                        visit(entry);
                        return ++scan.shown != limit;
                      }));
  return scan;
}

// The signatures of a note, to be shown.
std::string SignatureLines(absl::string_view note) {
  std::string lines;
  for (const absl::string_view line :
       absl::StrSplit(note.substr(note.rfind("\n\n") + 2), '\n', absl::SkipEmpty())) {
    absl::StrAppend(&lines, Printable(line), "\n");
  }
  return lines;
}

}  // namespace

absl::StatusOr<std::uint64_t> ForEachMatch(LogReader& log, std::uint64_t begin, std::uint64_t end,
                                           const EventFilter& filter,
                                           absl::FunctionRef<bool(const Entry&)> visit) {
  Entry entry;
  absl::Status decoded;
  std::uint64_t looked = begin;
  const auto look = [&](std::uint64_t index, absl::string_view bytes) {
    looked = index + 1;
    if (!filter.MayMatch(bytes)) return true;
    decoded = DecodeEvent(bytes, entry.event);
    if (!decoded.ok()) {
      decoded = absl::DataLossError(absl::StrCat("entry ", index, ": ", decoded.message()));
      return false;
    }
    if (!filter.Matches(entry.event)) return true;
    entry.index = index;
    entry.bytes.assign(bytes.data(), bytes.size());
    return visit(entry);
  };
  ST_RETURN_IF_ERROR(log.ForEachBytes(begin, end, look));
  ST_RETURN_IF_ERROR(decoded);
  return looked;
}

absl::StatusOr<Scan> ScanLog(LogReader& log, const EventFilter& filter, Order order,
                             std::uint64_t limit, absl::FunctionRef<void(const Entry&)> visit) {
  ST_ASSIGN_OR_RETURN(Scan scan, order == Order::kOldestFirst
                                     ? ScanForwards(log, filter, limit, visit)
                                     : ScanBackwards(log, filter, limit, visit));
  scan.order = order;
  scan.limit = limit;
  return scan;
}

bool IsComplete(const Scan& scan, const LogReader& log) {
  return scan.begin == 0 && scan.end == log.checkpoint().size;
}

std::string WhoseKey(bool key_trusted) {
  return key_trusted ? "the key given with --vkey" : "the key that the log itself names";
}

std::string FormatScan(const Scan& scan, const EventFilter& filter, const LogReader& log,
                       bool key_trusted) {
  const Checkpoint& checkpoint = log.checkpoint();
  std::string range = "no entries";
  if (scan.begin < scan.end) range = absl::StrCat("entries ", scan.begin, " to ", scan.end - 1);
  std::string options = absl::StrCat("--at ", checkpoint.size);
  if (const std::string terms = filter.ToOptions(); !terms.empty()) {
    absl::StrAppend(&options, " ", terms);
  }
  // Without a limit the order is of no account.
  if (scan.limit > 0) {
    absl::StrAppend(&options, " -n ", scan.limit,
                    scan.order == Order::kOldestFirst ? " --reverse" : "");
  }
  return absl::StrCat(scan.shown, " shown; scanned ", range, " of ", checkpoint.size, " (",
                      IsComplete(scan, log) ? "complete" : "stopped at the limit", ")\n",
                      "all proven under root ", EncodeBase64(checkpoint.root), " of ",
                      Printable(checkpoint.origin), ", signed by ", WhoseKey(key_trusted), ", ",
                      Printable(log.vkey()), "\n", SignatureLines(log.checkpoint_note()),
                      "the same question: ", options, "\n");
}

nlohmann::ordered_json ScanToJson(const Scan& scan, const EventFilter& filter, const LogReader& log,
                                  bool key_trusted) {
  const Checkpoint& checkpoint = log.checkpoint();
  return {
      {"filter", filter.ToJson()},
      {"shown", scan.shown},
      {"begin", scan.begin},
      {"end", scan.end},
      {"entries", scan.entries()},
      {"limit", scan.limit == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(scan.limit)},
      {"order", scan.order == Order::kOldestFirst ? "oldest-first" : "newest-first"},
      {"complete", IsComplete(scan, log)},
      {"origin", checkpoint.origin},
      {"size", checkpoint.size},
      {"root", EncodeBase64(checkpoint.root)},
      {"checkpoint", log.checkpoint_note()},
      {"key", log.vkey()},
      {"key_trusted", key_trusted}};
}

}  // namespace sealtrain::audit
