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

// A whole number up to 10^18, in decimal: else 010 would be taken as 8, and -1 as the largest.
class WholeNumber : public CLI::Validator {
 public:
  explicit WholeNumber(std::uint64_t least);
};
inline const WholeNumber kCount(1);  // what is counted from 1
inline const WholeNumber kIndex(0);  // what is counted from 0

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
