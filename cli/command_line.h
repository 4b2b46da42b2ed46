// How every program reads its command line.
#ifndef SEALTRAIN_CLI_COMMAND_LINE_H_
#define SEALTRAIN_CLI_COMMAND_LINE_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "sealtrain/base/exit_code.h"

namespace sealtrain::cli {

// What is counted from 1.
inline const CLI::Range kCount(std::uint64_t{1}, std::uint64_t{1'000'000'000'000'000'000});
// What is counted from 0. Without a range, -1 would be taken as the largest number.
inline const CLI::Range kIndex(std::uint64_t{0}, std::uint64_t{1'000'000'000'000'000'000});

// First of all: what libraries would print, or the kernel would kill us for without a
// word, a file over its limit, is an error that we tell ourselves.
void BeginProgram();

// Hands the arguments to `app`. The exit code where the program is to end:
// kOk after it has shown its help or version, kUsage after it has said what
// is wrong with them.
std::optional<int> ParseCommandLine(CLI::App& app, int argc, char** argv);

// How every program says why it fails: a line on standard error, and with `json` an
// object on standard output, too.
void PrintError(const std::string& program, const absl::Status& status, bool json);

// Last of all: tells of an error, and returns the exit code, which is `exit_code` if
// that is not negative, and `unwritten` where nothing failed but that the output could not
// be written.
int EndProgram(const std::string& program, const absl::Status& status, bool json, int exit_code,
               ExitCode unwritten);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_COMMAND_LINE_H_
