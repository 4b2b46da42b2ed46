#include <filesystem>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/exit_code.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/audit_commands.h"

namespace sealtrain::cli {

void AuditContext::AddGlobalOptions(CLI::App& app) {
  app.add_option("--home", home_, "Custody's state; the log is HOME/audit")
      ->envname("SEALTRAIN_HOME");
  app.add_option("--log", log_, "The log's own folder, or a copy of it; instead of --home");
  // Or a command's name would be taken for another key.
  app.add_option("--vkey", vkey_,
                 "The verifier key that the log must have (default: what the log itself names);\n"
                 "given again, while keys change: any of them")
      ->allow_extra_args(false);
  app.add_flag("--json", json_, "Print results as JSON");
}

absl::StatusOr<std::unique_ptr<audit::LogReader>> AuditContext::OpenLog() {
  if (!names_log()) return UsageError("no log: give --home or --log, or set SEALTRAIN_HOME");
  const auto keys = audit::ParseVkeys(vkey_);
  if (!keys.ok()) return UsageError(keys.status().message());
  const std::string directory = log_directory();
  auto log = audit::LogReader::Open(Env::Posix(), directory, vkey_);
  if (!absl::IsNotFound(log.status()) || !log_.empty()) return log;
  // What may not be looked into is not there for all that Open() can tell.
  const absl::Status listed = Env::Posix().List(directory).status();
  if (!listed.ok() && !absl::IsNotFound(listed)) return listed;
  if (Env::Posix().Exists(JoinPath(home_, "config.textproto"))) {
    return absl::DataLossError(absl::StrCat("the audit log of ", home_, " is missing"));
  }
  return log;
}

std::string AuditContext::log_directory() const {
  return log_.empty() ? JoinPath(home_, "audit") : log_;
}

absl::StatusOr<audit::TrustPolicy> AuditContext::ReadTrustPolicy(const std::string& path) {
  ST_ASSIGN_OR_RETURN(const std::string text,
                      Env::Posix().ReadFile(path, audit::kMaxTrustPolicyBytes));
  absl::StatusOr<audit::TrustPolicy> policy = audit::TrustPolicy::Parse(text);
  if (!policy.ok()) {
    return UsageError(absl::StrCat(Printable(path), ": ", policy.status().message()));
  }
  return policy;
}

absl::Status AuditContext::WriteOutput(const std::string& path, ByteSpan bytes) {
  const std::filesystem::file_status there = std::filesystem::symlink_status(path);
  if (std::filesystem::exists(there) && !std::filesystem::is_regular_file(there)) {
    return UsageError(absl::StrCat(path, " is there and no regular file"));
  }
  return WriteFileDurably(Env::Posix(), path, bytes);
}

absl::Status AuditContext::UsageError(const absl::string_view message) {
  exit_code = kUsage;
  return absl::InvalidArgumentError(message);
}

std::string AuditContext::WhoseKey() const {
  if (vkey_.empty()) return "the key that the log itself names";
  return vkey_.size() == 1 ? "the key given with --vkey" : "one of the keys given with --vkey";
}

}  // namespace sealtrain::cli
