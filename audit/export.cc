#include "sealtrain/audit/export.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

class Jsonl final : public EntryFormatter {
 public:
  std::string Format(const Entry& entry) const override {
    return absl::StrCat(OneLine(ToJson(entry)), "\n");
  }
};

}  // namespace

std::unique_ptr<EntryFormatter> JsonlFormatter() { return std::make_unique<Jsonl>(); }

const std::vector<std::string>& ExportFormats() {
  static const auto& formats = *new std::vector<std::string>{"jsonl", "ocsf", "cef", "csv"};
  return formats;
}

absl::StatusOr<std::unique_ptr<EntryFormatter>> MakeFormatter(absl::string_view format,
                                                              ExportSource source) {
  if (format == "jsonl") return JsonlFormatter();
  if (format == "ocsf") return OcsfFormatter(std::move(source));
  if (format == "cef") return CefFormatter(std::move(source));
  if (format == "csv") return CsvFormatter();
  return absl::InvalidArgumentError(
      absl::StrCat("no such format: ", format, " (", absl::StrJoin(ExportFormats(), ", "), ")"));
}

absl::StatusOr<Exported> ExportLog(LogReader& log, const EventFilter& filter,
                                   const EntryFormatter& formatter,
                                   absl::FunctionRef<absl::Status(absl::string_view)> write) {
  Exported exported;
  crypto::Sha256Stream digest;
  const auto put = [&](const std::string& text) {
    exported.bytes += text.size();
    digest.Append(AsBytes(text));
    return write(text);
  };
  ST_RETURN_IF_ERROR(put(formatter.Header()));
  absl::Status written;
  ST_ASSIGN_OR_RETURN(exported.scan.end,
                      ForEachMatch(log, 0, log.checkpoint().size, filter, [&](const Entry& entry) {
                        ++exported.scan.shown;
                        written = put(formatter.Format(entry));
                        return written.ok();
                      }));
  ST_RETURN_IF_ERROR(written);
  exported.sha256 = digest.Finish();
  return exported;
}

}  // namespace sealtrain::audit
