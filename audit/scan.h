// Looking through a log, and what makes the answer a proof: which entries were
// looked at, under which signed root, for which filter. Whoever has a copy of the
// log can ask the same again and must get the same.
#ifndef SEALTRAIN_AUDIT_SCAN_H_
#define SEALTRAIN_AUDIT_SCAN_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "sealtrain/audit/event_filter.h"
#include "sealtrain/audit/log_reader.h"

namespace sealtrain::audit {

enum class Order { kOldestFirst, kNewestFirst };

// All entries of [begin, end) were read and proven, and `shown` of them matched.
struct Scan {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t shown = 0;
  // How it was asked: at the `limit`th match it was to stop (0: never).
  Order order = Order::kOldestFirst;
  std::uint64_t limit = 0;

  std::uint64_t entries() const { return end - begin; }
};

// Calls `visit` for the entries of [begin, end) that `filter` takes, in order, until
// it returns false, and returns how far it looked: all before that index were
// proven. An entry that cannot match by its bytes is not decoded.
// DataLoss: an entry that cannot be proven, or may match and is no known event.
absl::StatusOr<std::uint64_t> ForEachMatch(LogReader& log, std::uint64_t begin, std::uint64_t end,
                                           const EventFilter& filter,
                                           absl::FunctionRef<bool(const Entry&)> visit);

// Calls `visit` for the entries of the whole log that `filter` takes, until it
// was called `limit` times (0: no limit); then the scan's range ends with the
// entry that was shown last. Memory does not depend on the log's size.
// Errors of ForEachMatch().
absl::StatusOr<Scan> ScanLog(LogReader& log, const EventFilter& filter, Order order,
                             std::uint64_t limit, absl::FunctionRef<void(const Entry&)> visit);

// Whether the scan looked at all that the checkpoint signs.
bool IsComplete(const Scan& scan, const LogReader& log);

// `key_trusted`: the log's key was given by the user, and not only by the log.
// For people, some lines; and as JSON.
std::string FormatScan(const Scan& scan, const EventFilter& filter, const LogReader& log,
                       bool key_trusted);
nlohmann::ordered_json ScanToJson(const Scan& scan, const EventFilter& filter, const LogReader& log,
                                  bool key_trusted);

// Says whose word the log's key is.
std::string WhoseKey(bool key_trusted);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_SCAN_H_
