// An ingestion job: raw mails from a folder into two sealed data sets.
//
// This is all that a job of your own needs: open custody, start an Ingestion,
// append records, commit. Whatever happens before Commit() returns leaves the
// earlier snapshots as they were.
//
//   ingest_mails --home H --passphrase-file P --purpose safety/abuse-detection DIR
//
// DIR holds one folder per group; mails in groups named spam-* are spam. Every
// fifth mail, chosen by the checksum in its file name, goes to mails/heldout and
// the others to mails/train.
#include <fcntl.h>
#include <gmime/gmime.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mail_parser.h"
#include "sealtrain/base/exit_code.h"
#include "sealtrain/base/lockdown.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/custody/custodian.h"
#include "sealtrain/pipeline/ingestion.h"

namespace {

using sealtrain::crypto::SecretBytes;
using sealtrain::custody::Custodian;
using sealtrain::pipeline::Ingestion;
using sealtrain::pipeline::IngestionResult;

constexpr std::uint64_t kMaxMailBytes = 16 << 20;

struct Options {
  std::string home;
  std::string store;
  std::string passphrase_file;
  std::string principal = "workload:mail-ingest";
  std::string purpose;
  std::string folder;
  std::uint64_t max_skipped = 0;
};

volatile std::sig_atomic_t stop_requested = 0;

absl::StatusOr<SecretBytes> ReadPassphrase(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::InvalidArgumentError("cannot read the passphrase file " + path);
  ST_ASSIGN_OR_RETURN(SecretBytes buffer, SecretBytes::Allocate(1024));
  const ssize_t size = ::read(fd, buffer.mutable_span().data(), buffer.size());
  ::close(fd);
  const auto* begin = buffer.span().begin();
  const auto* end = std::find(begin, begin + std::max<ssize_t>(size, 0), '\n');
  return SecretBytes::CopyFrom(sealtrain::ByteSpan(begin, static_cast<std::size_t>(end - begin)));
}

struct MailFile {
  std::string path;
  bool spam = false;
  bool held_out = false;
};

// GROUP/NNNNN.CHECKSUM.txt, in an order that is the same on every machine.
absl::StatusOr<std::vector<MailFile>> ListMails(const std::string& folder) {
  std::vector<MailFile> mails;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".txt") continue;
    const std::string name = entry.path().filename().string();
    const std::vector<std::string> parts = absl::StrSplit(name, '.');
    std::uint32_t checksum = 0;
    if (parts.size() != 3 || !absl::SimpleHexAtoi(parts[1].substr(0, 8), &checksum)) {
      return absl::InvalidArgumentError(
          absl::StrCat(entry.path().string(), ": expected NUMBER.CHECKSUM.txt"));
    }
    mails.push_back(
        {.path = entry.path().string(),
         .spam = absl::StartsWith(entry.path().parent_path().filename().string(), "spam"),
         .held_out = checksum % 5 == 0});
  }
  if (error) return absl::InvalidArgumentError(absl::StrCat(folder, ": ", error.message()));
  if (mails.empty()) return absl::InvalidArgumentError(absl::StrCat(folder, ": no mails in it"));
  std::sort(mails.begin(), mails.end(),
            [](const MailFile& a, const MailFile& b) { return a.path < b.path; });
  return mails;
}

absl::StatusOr<example::Mail> ReadMail(const MailFile& file) {
  ST_ASSIGN_OR_RETURN(const std::string raw,
                      sealtrain::Env::Posix().ReadFile(file.path, kMaxMailBytes));
  ST_ASSIGN_OR_RETURN(example::Mail mail, ParseMail(raw));
  mail.set_spam(file.spam);
  return mail;
}

absl::StatusOr<IngestionResult> IngestSplit(Custodian& custody, const Options& options,
                                            const std::string& dataset,
                                            const std::vector<MailFile>& mails, bool held_out) {
  ST_ASSIGN_OR_RETURN(auto job,
                      Ingestion::Start(custody, {.store = options.store,
                                                 .request = {.principal = options.principal,
                                                             .dataset = dataset,
                                                             .purpose = options.purpose},
                                                 .source_name = "mail-folder",
                                                 .max_skipped = options.max_skipped}));
  std::uint64_t position = 0;
  for (const MailFile& file : mails) {
    if (file.held_out != held_out) continue;
    if (stop_requested) return absl::CancelledError("interrupted; nothing was committed");
    if (position++ < job->resume_position()) continue;
    // A file that is no mail is a record without a sender: the review refuses it
    // and counts it, so that positions stay right and Commit() knows.
    absl::StatusOr<example::Mail> mail = ReadMail(file);
    const absl::Status status = job->Append(mail.ok() ? *mail : example::Mail());
    if (absl::IsInvalidArgument(status)) {
      std::cerr << "skipped " << file.path << ": " << (mail.ok() ? status : mail.status()).message()
                << "\n";
    } else if (!status.ok()) {
      return status;
    }
  }
  return job->Commit();
}

absl::Status Run(const Options& options) {
  ST_ASSIGN_OR_RETURN(const SecretBytes passphrase, ReadPassphrase(options.passphrase_file));
  ST_ASSIGN_OR_RETURN(auto custody, Custodian::Open({.home = options.home}, passphrase));
  ST_ASSIGN_OR_RETURN(const std::vector<MailFile> mails, ListMails(options.folder));
  for (bool held_out : {false, true}) {
    const std::string dataset = held_out ? "mails/heldout" : "mails/train";
    ST_ASSIGN_OR_RETURN(const IngestionResult result,
                        IngestSplit(*custody, options, dataset, mails, held_out));
    std::cout << dataset << " generation " << result.generation << ": " << result.records_in
              << " in, " << result.rows_sealed << " sealed, " << result.rows_suppressed
              << " suppressed, " << result.rows_resumed << " there already, " << result.sealed_bytes
              << " sealed bytes\n";
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Ingests a folder of raw mails into mails/train and mails/heldout."};
  app.add_option("--home", options.home)->envname("SEALTRAIN_HOME")->required();
  app.add_option("--store", options.store, "default: HOME/store")->envname("SEALTRAIN_STORE");
  app.add_option("--passphrase-file", options.passphrase_file)
      ->envname("SEALTRAIN_PASSPHRASE_FILE")
      ->required();
  app.add_option("--principal", options.principal)->capture_default_str();
  app.add_option("--purpose", options.purpose)->required();
  app.add_option("--max-skipped", options.max_skipped, "bad mails to pass over in each data set")
      ->check(CLI::Range(0.0, 1e15))
      ->capture_default_str();
  app.add_option("folder", options.folder, "folder of GROUP/NUMBER.CHECKSUM.txt")->required();
  CLI11_PARSE(app, argc, argv);
  if (options.store.empty()) options.store = sealtrain::JoinPath(options.home, "store");

  std::signal(SIGINT, [](int) { stop_requested = 1; });
  g_mime_init();
  // This process holds records and keys: no core file, no look from outside.
  absl::Status status = sealtrain::LockDown();
  if (status.ok()) status = Run(options);
  g_mime_shutdown();
  if (!status.ok()) {
    std::cerr << "ingest_mails: " << status.message() << "\n";
    return sealtrain::ExitCodeFor(status);
  }
  return 0;
}
