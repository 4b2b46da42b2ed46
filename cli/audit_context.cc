#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/exit_code.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/command_line.h"

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
  app.add_option(
         "--at", at_,
         "The log as it was at this size, by the checkpoint kept of it; not for watch, witness")
      ->check(kIndex);
  app.add_flag("--json", json_, "Print results as JSON");
  app.add_flag("--no-pager", no_pager_, "Do not show long output through $PAGER");
}

absl::StatusOr<std::string> AuditContext::LogDirectory() {
  if (!names_log()) return UsageError("no log: give --home or --log, or set SEALTRAIN_HOME");
  const auto keys = audit::ParseVkeys(vkey_);
  if (!keys.ok()) return UsageError(keys.status().message());
  return log_.empty() ? JoinPath(home_, "audit") : log_;
}

absl::StatusOr<std::unique_ptr<audit::LogReader>> AuditContext::OpenLog() {
  ST_ASSIGN_OR_RETURN(const std::string directory, LogDirectory());
  auto log = audit::LogReader::Open(Env::Posix(), directory, vkey_, at_);
  if (!absl::IsNotFound(log.status())) return log;
  if (!log_.empty()) return UsageError(log.status().message());
  // What may not be looked into is not there for all that Open() can tell.
  const absl::Status listed = Env::Posix().List(directory).status();
  if (!listed.ok() && !absl::IsNotFound(listed)) return listed;
  if (Env::Posix().Exists(JoinPath(home_, "config.textproto"))) {
    return absl::DataLossError(absl::StrCat("the audit log of ", home_, " is missing"));
  }
  return UsageError(log.status().message());  // not "nothing found"
}

absl::StatusOr<std::vector<std::string>> AuditContext::ProofKeys() {
  std::vector<std::string> vkeys = vkey_;
  if (vkeys.empty()) {
    if (!names_log()) return UsageError("no key: give --vkey, or the log whose key it is");
    ST_ASSIGN_OR_RETURN(const auto reader, OpenLog());
    for (const audit::VerifierKey& key : reader->keys()) vkeys.push_back(audit::FormatVkey(key));
  }
  if (const auto keys = audit::ParseVkeys(vkeys); !keys.ok()) {
    return UsageError(keys.status().message());
  }
  return vkeys;
}

absl::StatusOr<audit::EventFilter> AuditContext::ParseFilter(const audit::FilterTerms& terms) {
  auto filter = audit::EventFilter::Parse(terms, absl::Now());
  if (!filter.ok()) return UsageError(filter.status().message());
  return filter;
}

absl::StatusOr<std::vector<audit::KeptCheckpoint>> AuditContext::ReadOldCheckpoints(
    const std::vector<std::string>& files) {
  std::vector<audit::KeptCheckpoint> old;
  for (const std::string& file : files) {
    ST_ASSIGN_OR_RETURN(std::string note, Env::Posix().ReadFile(file, audit::kMaxNoteBytes));
    if (note.empty()) return UsageError(absl::StrCat("--old: ", file, " is empty"));
    old.push_back({.name = file, .note = std::move(note)});
  }
  return old;
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

absl::Status AuditContext::CheckHasEntry(const audit::LogReader& log, std::uint64_t index) {
  const std::uint64_t size = log.checkpoint().size;
  if (index < size) return absl::OkStatus();
  exit_code = kCheckFailed;
  return absl::OutOfRangeError(absl::StrCat("no entry ", index, " in a log of size ", size));
}

void AddFilterOptions(CLI::App& command, audit::FilterTerms& terms) {
  command.add_option("--since", terms.since, "From this time on: RFC 3339, or 2d, 3h ago");
  command.add_option("--until", terms.until, "Before this time");
  command.add_option("--principal", terms.principals, "Who asked");
  command.add_option("--purpose", terms.purposes, "What for, or any purpose below it");
  command.add_option("--dataset", terms.datasets, "NAME or NAME@GENERATION");
  command.add_option("--column", terms.columns, "A column opened, sealed or withheld");
  command.add_option("--model", terms.models, "A model's name");
  command.add_option("--verdict", terms.verdicts, "intent, denied, succeeded, failed or abandoned");
  command.add_option("--type", terms.types, "Such as train-access, policy-applied");
  for (CLI::Option* option : command.get_options()) {
    if (option->get_items_expected_max() > 1) option->allow_extra_args(false);
  }
}

void AddOldOption(CLI::App& command, std::vector<std::string>& files) {
  command.add_option("--old", files, "A checkpoint seen earlier and kept elsewhere; repeatable")
      ->check(CLI::ExistingFile)
      ->allow_extra_args(false);
}

void PrintObject(const nlohmann::ordered_json& object) {
  // Malformed UTF-8 in names becomes U+FFFD instead of an exception.
  std::cout << object.dump(2, ' ', /*ensure_ascii=*/true,
                           nlohmann::ordered_json::error_handler_t::replace)
            << "\n";
}

void PrintScan(const AuditContext& context, const audit::LogReader& log, const audit::Scan& scan,
               const audit::EventFilter& filter) {
  if (context.json()) {
    std::cout << audit::OneLine(
                     {{"scan", audit::ScanToJson(scan, filter, log, context.key_trusted())}})
              << "\n";
  } else {
    std::cerr << audit::FormatScan(scan, filter, log, context.key_trusted());
  }
}

}  // namespace sealtrain::cli
