// sealtrain-audit: reads, verifies and witnesses audit logs from their published
// files. It links the audit room alone, so it can hold no data key.
#include <optional>

#include "sealtrain/base/exit_code.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/command_line.h"

namespace sealtrain::cli {
namespace {

// An error is no answer: that nothing was found, or something, commands say themselves.
ExitCode ExitCodeOf(const absl::Status& error) {
  const ExitCode code = ExitCodeFor(error);
  return code == kCheckFailed ? kUsage : code;
}

int Run(int argc, char** argv) {
  CLI::App app;
  AuditContext context;
  AddAuditCommands(app, context);
  BeginProgram();
  if (const std::optional<int> end = ParseCommandLine(app, argc, argv)) return *end;
  const absl::Status status = context.run();
  if (context.exit_code < 0) context.exit_code = ExitCodeOf(status);
  return EndProgram(app.get_name(), status, context.json(), context.exit_code, kTryAgain);
}

}  // namespace
}  // namespace sealtrain::cli

int main(int argc, char** argv) { return sealtrain::cli::Run(argc, argv); }
