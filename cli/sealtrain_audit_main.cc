// sealtrain-audit: reads, verifies and witnesses audit logs from their published
// files. It links the audit room alone, so it can hold no data key.
#include <google/protobuf/stubs/logging.h>

#include <iostream>
#include <optional>

#include "sealtrain/base/exit_code.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/command_line.h"

namespace sealtrain::cli {
namespace {

int Run(int argc, char** argv) {
  CLI::App app;
  AuditContext context;
  AddAuditCommands(app, context);
  if (const std::optional<int> end = ParseCommandLine(app, argc, argv)) return *end;
  // What is wrong with a message we say ourselves.
  google::protobuf::SetLogHandler(nullptr);
  const absl::Status status = context.run();
  if (!status.ok()) PrintError(app.get_name(), status, context.json());
  if (!std::cout.flush()) {
    std::cerr << "sealtrain-audit: cannot write the output\n";
    return kTryAgain;
  }
  if (context.exit_code >= 0) return context.exit_code;
  return ExitCodeFor(status);
}

}  // namespace
}  // namespace sealtrain::cli

int main(int argc, char** argv) { return sealtrain::cli::Run(argc, argv); }
