// sealtrain-audit: reads, verifies and witnesses audit logs from their published
// files. It links the audit room alone, so it can hold no data key.
#include <optional>

#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/command_line.h"

namespace sealtrain::cli {
namespace {

int Run(int argc, char** argv) {
  CLI::App app;
  AuditContext context;
  AddAuditCommands(app, context);
  BeginProgram();
  if (const std::optional<int> end = ParseCommandLine(app, argc, argv)) return *end;
  const absl::Status status = context.run();
  return EndProgram(app.get_name(), status, context.json(), context.exit_code);
}

}  // namespace
}  // namespace sealtrain::cli

int main(int argc, char** argv) { return sealtrain::cli::Run(argc, argv); }
