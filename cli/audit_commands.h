// The commands of `sealtrain-audit`. Everything they say is proven against the
// log's newest checkpoint first, and they say against what.
#ifndef SEALTRAIN_CLI_AUDIT_COMMANDS_H_
#define SEALTRAIN_CLI_AUDIT_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/audit/event_filter.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/scan.h"

namespace sealtrain::cli {

// What all commands share. A command that was chosen sets `run`.
class AuditContext {
 public:
  // Adds --home, --log, --at, --vkey and --json to `app`.
  void AddGlobalOptions(CLI::App& app);

  std::function<absl::Status()> run;
  // Overrides the code that a status stands for: usage errors, findings.
  int exit_code = -1;

  bool json() const { return json_; }
  const std::string& vkey() const { return vkey_; }
  bool names_log() const { return !log_.empty() || !home_.empty(); }
  // InvalidArgument, with the exit code kUsage: no log was named, bad --vkey.
  absl::StatusOr<std::unique_ptr<audit::LogReader>> OpenLog();

  // The filter that `terms` stand for now. InvalidArgument, with kUsage: none.
  absl::StatusOr<audit::EventFilter> ParseFilter(const audit::FilterTerms& terms);

  // An InvalidArgument that exits with kUsage.
  absl::Status UsageError(const absl::string_view message);

  bool key_trusted() const { return !vkey_.empty(); }

 private:
  std::string home_;
  std::string log_;
  std::string vkey_;
  std::optional<std::uint64_t> at_;
  bool json_ = false;
};

// Adds --since, --until, --principal… to `command`; `terms` must outlive it.
void AddFilterOptions(CLI::App& command, audit::FilterTerms& terms);

// The footer of an answer: on standard error for people, the last line of standard
// output with --json.
void PrintScan(const AuditContext& context, const audit::LogReader& log, const audit::Scan& scan,
               const audit::EventFilter& filter = {});

void AddQueryCommands(CLI::App& app, AuditContext& context);
void AddVerifyCommands(CLI::App& app, AuditContext& context);  // verify, prove, check

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_AUDIT_COMMANDS_H_
