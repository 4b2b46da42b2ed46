#include "sealtrain/cli/command_line.h"

#include <iostream>
#include <string>
#include <vector>

#include "sealtrain/base/exit_code.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::cli {
namespace {

// What was typed stands in the message.
void TellOf(const CLI::ParseError& error) {
  std::cerr << PrintableMessage(error.what()) << "\nRun with --help for more information.\n";
}

}  // namespace

std::optional<int> ParseCommandLine(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::RequiredError& error) {
    // CLI11 misses a command before it looks at what stands in its place.
    const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
    if (unknown.empty()) {
      TellOf(error);
    } else {
      std::cerr << app.get_name() << ": no such command or option: " << Printable(unknown.front())
                << "\nRun with --help for what there is.\n";
    }
    return kUsage;
  } catch (const CLI::ParseError& error) {
    // Not errors but help and version, which CLI11 prints itself.
    if (error.get_exit_code() == 0) return app.exit(error);
    TellOf(error);
    return kUsage;
  }
}

}  // namespace sealtrain::cli
