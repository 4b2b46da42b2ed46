// How every program reads its command line.
#ifndef SEALTRAIN_CLI_COMMAND_LINE_H_
#define SEALTRAIN_CLI_COMMAND_LINE_H_

#include <CLI/CLI.hpp>
#include <optional>

namespace sealtrain::cli {

// Hands the arguments to `app`. The exit code where the program is to end:
// kOk after it has shown its help or version, kUsage after it has said what
// is wrong with them.
std::optional<int> ParseCommandLine(CLI::App& app, int argc, char** argv);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_COMMAND_LINE_H_
