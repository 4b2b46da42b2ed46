// sealtrain-audit: reads and verifies audit logs from their published files. It
// links the audit room alone, so it can hold no data key.
#include <google/protobuf/stubs/logging.h>

#include <iostream>
#include <optional>

#include "sealtrain/base/exit_code.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/command_line.h"

namespace sealtrain::cli {
namespace {

constexpr char kDescription[] =
    R"help(Reads and verifies the audit log: who opened what, when and what for.

Examples:
  sealtrain-audit --home H log -n 20
  sealtrain-audit --home H search --dataset mails --verdict denied --since 7d
  sealtrain-audit --log COPY verify --vkey "$(cat log.vkey)" --old checkpoint-of-last-week
  sealtrain-audit --home H prove 17 --out 17.tlog-proof --entry 17.entry

Exit codes: 0 ok, 1 nothing found or findings, 2 usage, 4 the log was changed, truncated, rolled
back or forked, 75 try again.)help";

int Run(int argc, char** argv) {
  CLI::App app{kDescription, "sealtrain-audit"};
  app.set_version_flag("--version", SEALTRAIN_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  AuditContext context;
  context.AddGlobalOptions(app);
  AddQueryCommands(app, context);
  AddVerifyCommands(app, context);
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
