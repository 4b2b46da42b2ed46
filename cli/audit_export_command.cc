// export: entries for other tools.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/export.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/cli/audit_commands.h"

namespace sealtrain::cli {
namespace {

struct ExportFlags {
  audit::FilterTerms filter;
  std::string format;
};

absl::Status RunExport(AuditContext& context, const ExportFlags& flags) {
  ST_ASSIGN_OR_RETURN(const audit::EventFilter filter, context.ParseFilter(flags.filter));
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  ST_ASSIGN_OR_RETURN(const auto formatter,
                      audit::MakeFormatter(flags.format, {.checkpoint = reader->checkpoint(),
                                                          .product_version = SEALTRAIN_VERSION}));
  const auto write = [](absl::string_view text) -> absl::Status {
    if (std::cout << text) return absl::OkStatus();
    return absl::UnavailableError("cannot write to standard output");
  };
  ST_ASSIGN_OR_RETURN(const audit::Exported exported,
                      audit::ExportLog(*reader, filter, *formatter, write));
  if (!std::cout.flush()) return absl::UnavailableError("cannot write to standard output");
  // Standard output is the export's alone, so that its digest is that of the file.
  const std::string sha256 = HexEncode(exported.sha256);
  if (context.json()) {
    std::cerr << audit::OneLine(
                     {{"export",
                       {{"format", flags.format}, {"bytes", exported.bytes}, {"sha256", sha256}}},
                      {"scan",
                       audit::ScanToJson(exported.scan, filter, *reader, context.key_trusted())}})
              << "\n";
  } else {
    std::cerr << "exported " << exported.bytes << " bytes, SHA-256 " << sha256 << "\n"
              << audit::FormatScan(exported.scan, filter, *reader, context.key_trusted());
  }
  return absl::OkStatus();
}

}  // namespace

void AddExportCommand(CLI::App& app, AuditContext& context) {
  CLI::App& command = *app.add_subcommand(
      "export",
      "Entries for other tools on standard output, oldest first; what was scanned and the\n"
      "SHA-256 of the output on standard error.\n\n"
      "Examples:\n"
      "  sealtrain-audit export --format jsonl >entries.jsonl\n"
      "  sealtrain-audit export --format ocsf --since 24h --verdict denied >denied.ocsf.jsonl");
  const auto flags = std::make_shared<ExportFlags>();
  command
      .add_option("--format", flags->format,
                  "jsonl, ocsf (1.8, an object a line), cef, or csv (RFC 4180)")
      ->required()
      ->check(CLI::IsMember(audit::ExportFormats()));
  AddFilterOptions(command, flags->filter);
  command.callback([&context, flags] {
    context.run = [&context, flags] { return RunExport(context, *flags); };
  });
}

}  // namespace sealtrain::cli
