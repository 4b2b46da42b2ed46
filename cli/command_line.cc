#include "sealtrain/cli/command_line.h"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "sealtrain/base/exit_code.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::cli {
namespace {

// Whether --json was given, where that could not be parsed.
bool AsksForJson(int argc, char** argv) {
  return std::any_of(argv, argv + argc,
                     [](const char* a) { return absl::string_view(a) == "--json"; });
}

// The first option or argument in `app` or its commands that was given "" for a value: more often
// than not a variable of a script that is not set, and what it stands for would be left out.
const CLI::Option* FindEmpty(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string> values = option->results();
    if (std::find(values.begin(), values.end(), "") != values.end()) return option;
  }
  for (const CLI::App* command : app.get_subcommands()) {
    if (const CLI::Option* option = FindEmpty(*command)) return option;
  }
  return nullptr;
}

// "--name="
bool IsWithoutValue(absl::string_view argument) {
  return absl::ConsumePrefix(&argument, "--") && !argument.empty() &&
         argument.find('=') == argument.size() - 1;
}

int UsageError(const CLI::App& app, const std::string& message, bool json) {
  PrintError(app.get_name(), absl::InvalidArgumentError(message), json);
  std::cerr << "Run with --help for what there is.\n";
  return kUsage;
}

}  // namespace

WholeNumber::WholeNumber(std::uint64_t least)
    : CLI::Validator(absl::StrCat("NUMBER from ", least)) {
  func_ = [least](const std::string& text) -> std::string {
    constexpr std::uint64_t kMost = 1'000'000'000'000'000'000;
    const bool is_decimal = !text.empty() &&
                            std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
                            (text.size() == 1 || text[0] != '0');
    std::uint64_t number = 0;
    if (is_decimal && absl::SimpleAtoi(text, &number) && number >= least && number <= kMost)
      return "";
    return absl::StrCat(text, ": not a decimal number from ", least, " to ", kMost);
  };
}

void BeginProgram() {
  google::protobuf::SetLogHandler(nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // so that the write fails instead
}

std::optional<int> ParseCommandLine(CLI::App& app, int argc, char** argv) {
  try {
    // Which CLI11 would take the next argument for.
    const char* const* const unvalued = std::find_if(argv, argv + argc, IsWithoutValue);
    if (unvalued != argv + argc) {
      return UsageError(app, absl::StrCat(*unvalued, " an empty value"), AsksForJson(argc, argv));
    }
    app.parse(argc, argv);
    const CLI::Option* const empty = FindEmpty(app);
    if (empty == nullptr) return std::nullopt;
    return UsageError(app, absl::StrCat(empty->get_name(), ": an empty value"),
                      AsksForJson(argc, argv));
  } catch (const CLI::RequiredError& error) {
    // CLI11 misses a command before it looks at what stands in its place.
    const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
    return UsageError(app,
                      unknown.empty()
                          ? std::string(error.what())
                          : absl::StrCat("no such command or option: ", unknown.front()),
                      AsksForJson(argc, argv));
  } catch (const CLI::ParseError& error) {
    // Not errors but help and version, which CLI11 prints itself.
    if (error.get_exit_code() == 0) return app.exit(error);
    return UsageError(app, error.what(), AsksForJson(argc, argv));
  }
}

void PrintError(const std::string& program, const absl::Status& status, bool json) {
  std::cerr << program << ": " << PrintableMessage(status.message()) << "\n";
  if (!json) return;
  const nlohmann::json object = {{"error",
                                  {{"code", absl::StatusCodeToString(status.code())},
                                   {"message", std::string(status.message())}}}};
  // Invalid UTF-8 in names becomes U+FFFD instead of an exception.
  // On one line, as what came before may be lines of JSON.
  std::cout << object.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << "\n";
}

int EndProgram(const std::string& program, const absl::Status& status, bool json, int exit_code,
               ExitCode unwritten) {
  if (!status.ok()) PrintError(program, status, json);
  const int code = exit_code >= 0 ? exit_code : ExitCodeFor(status);
  if (std::cout.flush()) return code;
  std::cerr << program << ": cannot write the output"
            << (status.ok() ? "; what was asked for is done" : "") << "\n";
  return code == kOk ? unwritten : code;
}

}  // namespace sealtrain::cli
