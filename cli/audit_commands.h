// The commands of `sealtrain-audit`. Everything they say is proven against the
// log's newest checkpoint first, and they say against what.
#ifndef SEALTRAIN_CLI_AUDIT_COMMANDS_H_
#define SEALTRAIN_CLI_AUDIT_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/audit/event_filter.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/scan.h"
#include "sealtrain/audit/trust_policy.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::cli {

// What all commands share. A command that was chosen sets `run`.
class AuditContext {
 public:
  // Adds --home, --log, --at, --vkey, --json and --no-pager to `app`.
  void AddGlobalOptions(CLI::App& app);

  std::function<absl::Status()> run;
  // Overrides the code that a status stands for: usage errors, findings.
  int exit_code = -1;

  bool json() const { return json_; }
  // Whether output for people may go through a pager.
  bool pages() const { return !no_pager_ && !json_; }
  const std::vector<std::string>& vkey() const { return vkey_; }  // any of these
  bool names_log() const { return !log_.empty() || !home_.empty(); }
  // The folder of the log that was named. InvalidArgument, with the exit code
  // kUsage: none was, or a --vkey is none.
  absl::StatusOr<std::string> LogDirectory();
  // Errors as above.
  absl::StatusOr<std::unique_ptr<audit::LogReader>> OpenLog();

  // The keys that a proof may be under: those of --vkey, else of the log that was named.
  // Errors as above; so is that neither was given.
  absl::StatusOr<std::vector<std::string>> ProofKeys();

  // The filter that `terms` stand for now. InvalidArgument, with kUsage: none.
  absl::StatusOr<audit::EventFilter> ParseFilter(const audit::FilterTerms& terms);

  // The checkpoints in these files. InvalidArgument, with kUsage: an empty one.
  absl::StatusOr<std::vector<audit::KeptCheckpoint>> ReadOldCheckpoints(
      const std::vector<std::string>& files);

  // InvalidArgument, with kUsage: not a trust policy.
  absl::StatusOr<audit::TrustPolicy> ReadTrustPolicy(const std::string& path);

  // Writes `path`, which the user named: anew or in a file's place, but never in
  // that of a device, a pipe or a link (InvalidArgument, with kUsage).
  absl::Status WriteOutput(const std::string& path, ByteSpan bytes);

  // An InvalidArgument that exits with kUsage.
  absl::Status UsageError(const absl::string_view message);

  // Whether `log` has an entry `index`. OutOfRange, with the exit code kCheckFailed: no.
  absl::Status CheckHasEntry(const audit::LogReader& log, std::uint64_t index);

  bool key_trusted() const { return !vkey_.empty(); }
  // The size that --at names.
  const std::optional<std::uint64_t>& at() const { return at_; }

 private:
  std::string home_;
  std::string log_;
  std::vector<std::string> vkey_;
  std::optional<std::uint64_t> at_;
  bool json_ = false;
  bool no_pager_ = false;
};

// Adds --since, --until, --principal… to `command`; `terms` must outlive it.
void AddFilterOptions(CLI::App& command, audit::FilterTerms& terms);

// Adds --old to `command`; `files` must outlive it.
void AddOldOption(CLI::App& command, std::vector<std::string>& files);

// One object as the whole answer of --json, in pure ASCII.
void PrintObject(const nlohmann::ordered_json& object);

// The footer of an answer: on standard error for people, the last line of standard
// output with --json.
void PrintScan(const AuditContext& context, const audit::LogReader& log, const audit::Scan& scan,
               const audit::EventFilter& filter = {});

void AddQueryCommands(CLI::App& app, AuditContext& context);
void AddExportCommand(CLI::App& app, AuditContext& context);
void AddReviewCommands(CLI::App& app, AuditContext& context);  // stats, report, lint
void AddWatchCommand(CLI::App& app, AuditContext& context);
void AddVerifyCommands(CLI::App& app, AuditContext& context);   // verify, prove, check
void AddModelCommand(CLI::App& app, AuditContext& context);     // verify-model
void AddWitnessCommands(CLI::App& app, AuditContext& context);  // witness, cosign

// All of them, with the options that they share: the whole program.
void AddAuditCommands(CLI::App& app, AuditContext& context);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_AUDIT_COMMANDS_H_
