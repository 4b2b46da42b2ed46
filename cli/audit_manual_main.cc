// Writes the manual page or the completion of sealtrain-audit to a file; part of
// the build, not installed.
#include <fstream>
#include <iostream>
#include <string>

#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/manual.h"

int main(int argc, char** argv) {
  CLI::App app;
  sealtrain::cli::AuditContext context;
  sealtrain::cli::AddAuditCommands(app, context);
  const std::string what = argc == 3 ? argv[1] : "";
  if (what != "manual" && what != "completion") {
    std::cerr << "usage: sealtrain-audit-manual manual|completion FILE\n";
    return 2;
  }
  std::ofstream out(argv[2], std::ios::binary | std::ios::trunc);
  out << (what == "manual" ? sealtrain::cli::ManualPage(app, SEALTRAIN_VERSION)
                           : sealtrain::cli::BashCompletion(app));
  return out.flush() ? 0 : 1;
}
