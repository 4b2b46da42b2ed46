// The manual page and the completion of a program, from the commands and options
// that it has: what is not in the program cannot be in them, and the other way
// round.
#ifndef SEALTRAIN_CLI_MANUAL_H_
#define SEALTRAIN_CLI_MANUAL_H_

#include <CLI/CLI.hpp>
#include <string>

namespace sealtrain::cli {

// For man(7), section 1.
std::string ManualPage(const CLI::App& app, const std::string& version);

// To be sourced by bash.
std::string BashCompletion(const CLI::App& app);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_MANUAL_H_
