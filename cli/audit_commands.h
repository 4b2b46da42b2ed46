// The commands of `sealtrain-audit`. Everything they say is proven against the
// log's newest checkpoint first, and they say against what.
#ifndef SEALTRAIN_CLI_AUDIT_COMMANDS_H_
#define SEALTRAIN_CLI_AUDIT_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/trust_policy.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::cli {

// What all commands share. A command that was chosen sets `run`.
class AuditContext {
 public:
  // Adds --home, --log, --vkey and --json to `app`.
  void AddGlobalOptions(CLI::App& app);

  std::function<absl::Status()> run;
  // Overrides the code that a status stands for: usage errors, findings.
  int exit_code = -1;

  bool json() const { return json_; }
  const std::vector<std::string>& vkey() const { return vkey_; }  // any of these
  bool names_log() const { return !log_.empty() || !home_.empty(); }
  std::string log_directory() const;
  // InvalidArgument, with the exit code kUsage: no log was named, bad --vkey.
  absl::StatusOr<std::unique_ptr<audit::LogReader>> OpenLog();

  // InvalidArgument, with the exit code kUsage: not a trust policy.
  absl::StatusOr<audit::TrustPolicy> ReadTrustPolicy(const std::string& path);

  // Writes `path`, which the user named: anew or in a file's place, but never in
  // that of a device, a pipe or a link.
  absl::Status WriteOutput(const std::string& path, ByteSpan bytes);

  // An InvalidArgument that exits with kUsage.
  absl::Status UsageError(const absl::string_view message);

  // "the key given with --vkey" or "the key that the log itself names".
  std::string WhoseKey() const;

 private:
  std::string home_;
  std::string log_;
  std::vector<std::string> vkey_;
  bool json_ = false;
};

void AddQueryCommands(CLI::App& app, AuditContext& context);  // log, search, show, dangling, export
void AddVerifyCommands(CLI::App& app, AuditContext& context);   // verify, prove, check
void AddWitnessCommands(CLI::App& app, AuditContext& context);  // witness, cosign

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_AUDIT_COMMANDS_H_
