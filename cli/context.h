// What every command of `sealtrain` shares: global options, the custodian, and
// how results and errors are printed.
//
// A command adds itself to the CLI::App and, when chosen, sets `run` to what it
// does. main() runs it and turns its status into an exit code.
#ifndef SEALTRAIN_CLI_CONTEXT_H_
#define SEALTRAIN_CLI_CONTEXT_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/exit_code.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/custody/custodian.h"

namespace sealtrain::cli {

class Context {
 public:
  // Adds --home, --store, --principal, --passphrase-file and --json to `app`.
  void AddGlobalOptions(CLI::App& app);

  // The chosen command. A returned OK status exits 0; `exit_code` overrides the
  // code that a status stands for (kUsage, kCheckFailed with findings).
  std::function<absl::Status()> run;
  int exit_code = -1;

  bool json() const { return json_; }
  const std::string& principal() const { return principal_; }
  // InvalidArgument with exit code kUsage: no home was named.
  absl::StatusOr<std::string> Home();
  absl::StatusOr<std::string> Store();

  // The passphrase from --passphrase-file (its first line), or asked for on the
  // terminal without echo. Usage error: neither is there.
  absl::StatusOr<crypto::SecretBytes> Passphrase();
  // The same for a passphrase that is being chosen: on the terminal it is asked
  // for twice, as a typing error would lock everything away for good. Usage
  // error: the two differ.
  absl::StatusOr<crypto::SecretBytes> NewPassphrase();
  // The same from `file`, which `option` names; empty: asked for on the terminal.
  absl::StatusOr<crypto::SecretBytes> NewPassphrase(const std::string& file, const char* option);
  // Opens custody at Home(), with Passphrase() unless one is given. Exit code kUsage if
  // that is not a home.
  absl::StatusOr<std::unique_ptr<custody::Custodian>> OpenCustodian(
      const crypto::SecretBytes* passphrase = nullptr);

  // An InvalidArgument that exits with kUsage.
  absl::Status UsageError(const std::string& message);

  // Prints the result: the object with --json, else the text. A newline is
  // added to text that lacks one.
  void Print(const nlohmann::json& object, const std::string& text) const;

 private:
  absl::StatusOr<crypto::SecretBytes> ReadPassphrase(const std::string& file, const char* option,
                                                     const char* prompt);

  std::string home_;
  std::string store_;
  std::string principal_;
  std::string passphrase_file_;
  bool json_ = false;
};

// One file each: <name>_commands.cc.
void AddAccessCommands(CLI::App& app, Context& context);       // access
void AddCustodyCommands(CLI::App& app, Context& context);      // init, key, lease, budget, doctor
void AddDatasetCommands(CLI::App& app, Context& context);      // dataset, ingest
void AddPolicyCommands(CLI::App& app, Context& context);       // policy
void AddSealedEntryCommands(CLI::App& app, Context& context);  // audit
void AddTrainingCommands(CLI::App& app, Context& context);     // train, model

// --why of commands that custody decides on.
void AddWhyOption(CLI::App& command, std::string& why);

// Whether SIGINT or SIGTERM came since CatchStopSignals(), which commands call
// whose work asks this and stops cleanly. The second signal ends the process at
// once, as does the first one elsewhere.
bool StopRequested();
void CatchStopSignals();

// "12,345"; and an absl::Time as RFC 3339 in UTC.
std::string WithCommas(std::uint64_t n);
std::string FormatUtc(absl::Time t);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_CONTEXT_H_
