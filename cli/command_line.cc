#include "sealtrain/cli/command_line.h"

#include <iostream>
#include <string>
#include <vector>

#include "sealtrain/base/exit_code.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::cli {

std::optional<int> ParseCommandLine(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::RequiredError& error) {
    // CLI11 misses a command before it looks at what stands in its place.
    const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
    if (unknown.empty()) {
      app.exit(error);
    } else {
      std::cerr << app.get_name() << ": no such command or option: " << Printable(unknown.front())
                << "\nRun with --help for what there is.\n";
    }
    return kUsage;
  } catch (const CLI::ParseError& error) {
    // CLI11 prints help and version itself, with exit code 0.
    return app.exit(error) == 0 ? kOk : kUsage;
  }
}

}  // namespace sealtrain::cli
