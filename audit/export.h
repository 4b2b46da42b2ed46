// Entries as other tools take them: docs/audit-cli.md, "Exports".
#ifndef SEALTRAIN_AUDIT_EXPORT_H_
#define SEALTRAIN_AUDIT_EXPORT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/event_filter.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/scan.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::audit {

// Makes records of entries. Thread-safe.
class EntryFormatter {
 public:
  virtual ~EntryFormatter() = default;
  // What stands before the first record.
  virtual std::string Header() const { return ""; }
  // One record with the end of its line. Names are escaped so that they can
  // neither leave their field nor reach a terminal or spreadsheet as commands.
  virtual std::string Format(const Entry& entry) const = 0;
};

// What records say of the log that they are from.
struct ExportSource {
  Checkpoint checkpoint;
  std::string product_version;
};

// An object as ToJson() makes it, a line each.
std::unique_ptr<EntryFormatter> JsonlFormatter();
// Open Cybersecurity Schema Framework 1.8, an object a line.
std::unique_ptr<EntryFormatter> OcsfFormatter(ExportSource source);
// ArcSight Common Event Format 0.
std::unique_ptr<EntryFormatter> CefFormatter(ExportSource source);
// RFC 4180 with a header: a column for each field that an event can have.
std::unique_ptr<EntryFormatter> CsvFormatter();

// "jsonl", "ocsf", "cef", "csv".
const std::vector<std::string>& ExportFormats();
// The formatter of that name. InvalidArgument: none.
absl::StatusOr<std::unique_ptr<EntryFormatter>> MakeFormatter(absl::string_view format,
                                                              ExportSource source);

struct Exported {
  Scan scan;
  std::uint64_t bytes = 0;
  Digest sha256{};  // of all that was written
};

// Writes the entries that `filter` takes, oldest first. Memory does not depend on
// the log's size. Errors of ScanLog() and of `write`, after which part is written.
absl::StatusOr<Exported> ExportLog(LogReader& log, const EventFilter& filter,
                                   const EntryFormatter& formatter,
                                   absl::FunctionRef<absl::Status(absl::string_view)> write);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_EXPORT_H_
