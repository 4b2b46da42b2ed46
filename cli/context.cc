#include "sealtrain/cli/context.h"

#include <pwd.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sealtrain/audit/opening.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::cli {
namespace {

constexpr char kPassphraseOption[] = "--passphrase-file";
constexpr std::size_t kMaxPassphraseBytes = 1024;
// One command at a time has a home open. Most are done in a second; an ingestion
// or a training run is not, and then whoever waits had better be told.
constexpr absl::Duration kHomePatience = absl::Seconds(10);

std::string DefaultPrincipal() {
  if (const passwd* user = ::getpwuid(::geteuid())) return absl::StrCat("user:", user->pw_name);
  return absl::StrCat("user:", ::geteuid());
}

// Reads the first line of `fd` into secret memory, byte by byte so that no
// buffer of the C library ever holds it.
absl::StatusOr<crypto::SecretBytes> ReadSecretLine(int fd) {
  // With room for a CR.
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes line,
                      crypto::SecretBytes::Allocate(kMaxPassphraseBytes + 1));
  std::size_t size = 0;
  while (true) {
    std::uint8_t byte = 0;
    const ssize_t n = ::read(fd, &byte, 1);
    if (n < 0 && errno == EINTR && StopRequested()) return absl::CancelledError("interrupted");
    if (n < 0) return absl::InvalidArgumentError("cannot read the passphrase");
    if (n == 0 || byte == '\n') {
      // An editor of Windows ends its lines with CR LF.
      if (n != 0 && size > 0 && line.span()[size - 1] == '\r') --size;
      break;
    }
    if (size == line.size()) break;
    line.mutable_span()[size++] = byte;
  }
  if (size > kMaxPassphraseBytes) {
    return absl::InvalidArgumentError("the passphrase is longer than 1024 bytes");
  }
  if (size == 0) return absl::InvalidArgumentError("the passphrase is empty");
  return crypto::SecretBytes::CopyFrom(line.span().first(size));
}

absl::StatusOr<crypto::SecretBytes> AskOnTerminal(const char* prompt) {
  termios before;
  if (::tcgetattr(STDIN_FILENO, &before) != 0) {
    return absl::InvalidArgumentError("cannot read from the terminal");
  }
  // A signal must not leave a terminal that shows nothing.
  CatchStopSignals();
  termios silent = before;
  silent.c_lflag &= static_cast<tcflag_t>(~ECHO);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  const auto restore = absl::MakeCleanup([&] {
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::cerr << "\n";
  });
  std::cerr << prompt << ": " << std::flush;
  return ReadSecretLine(STDIN_FILENO);
}

std::atomic<bool> stop_requested{false};

void OnStopSignal(int) { stop_requested = true; }

}  // namespace

void Context::AddGlobalOptions(CLI::App& app) {
  app.add_option("--home", home_, "Custody's state (default: $SEALTRAIN_HOME)")
      ->envname("SEALTRAIN_HOME");
  app.add_option("--store", store_, "Data store (default: HOME/store)")->envname("SEALTRAIN_STORE");
  principal_ = DefaultPrincipal();
  app.add_option("--principal", principal_, "Who asks, as the policy names them")
      ->capture_default_str();
  app.add_option(kPassphraseOption, passphrase_file_,
                 "File whose first line is the passphrase (default: ask on the terminal)")
      ->envname("SEALTRAIN_PASSPHRASE_FILE");
  app.add_flag("--json", json_, "Print results as one JSON object");
}

absl::StatusOr<std::string> Context::Home() {
  if (home_.empty()) return UsageError("no home: give --home or set SEALTRAIN_HOME");
  return home_;
}

absl::StatusOr<std::string> Context::Store() {
  if (!store_.empty()) return store_;
  ST_ASSIGN_OR_RETURN(const std::string home, Home());
  return JoinPath(home, "store");
}

absl::StatusOr<crypto::SecretBytes> Context::Passphrase() {
  return ReadPassphrase(passphrase_file_, kPassphraseOption, "Passphrase");
}

absl::StatusOr<crypto::SecretBytes> Context::NewPassphrase() {
  return NewPassphrase(passphrase_file_, kPassphraseOption);
}

absl::StatusOr<crypto::SecretBytes> Context::NewPassphrase(const std::string& file,
                                                           const char* option) {
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes passphrase,
                      ReadPassphrase(file, option, "New passphrase"));
  if (!file.empty()) return passphrase;
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes again, AskOnTerminal("New passphrase again"));
  if (!crypto::ConstantTimeEqual(passphrase.span(), again.span())) {
    return UsageError("the two passphrases differ");
  }
  return passphrase;
}

absl::StatusOr<crypto::SecretBytes> Context::ReadPassphrase(const std::string& file,
                                                            const char* option,
                                                            const char* prompt) {
  if (file.empty()) {
    if (!::isatty(STDIN_FILENO)) {
      return UsageError(absl::StrCat("no passphrase: give ", option, " or run on a terminal"));
    }
    return AskOnTerminal(prompt);
  }
  std::FILE* in = std::fopen(file.c_str(), "re");
  if (in == nullptr) return UsageError(absl::StrCat("cannot read the passphrase file ", file));
  const auto close_file = absl::MakeCleanup([in] { static_cast<void>(std::fclose(in)); });
  return ReadSecretLine(::fileno(in));
}

absl::StatusOr<std::unique_ptr<custody::Custodian>> Context::OpenCustodian(
    const crypto::SecretBytes* passphrase) {
  ST_ASSIGN_OR_RETURN(const std::string home, Home());
  const absl::Status config = Env::Posix().OpenForRead(JoinPath(home, "config.textproto")).status();
  if (absl::IsNotFound(config)) {
    return UsageError(absl::StrCat("not a Sealtrain home (no config.textproto): ", home));
  }
  if (!config.ok()) return UsageError(std::string(config.message()));
  crypto::SecretBytes asked;
  if (passphrase == nullptr) {
    ST_ASSIGN_OR_RETURN(asked, Passphrase());
    passphrase = &asked;
  }
  return custody::Custodian::Open({.home = home,
                                   .lock_patience = kHomePatience,
                                   .on_wait =
                                       [&home] {
                                         std::cerr << "waiting for another program that has "
                                                   << Printable(home) << " open\n";
                                       }},
                                  *passphrase);
}

absl::Status Context::UsageError(const std::string& message) {
  exit_code = kUsage;
  return absl::InvalidArgumentError(message);
}

void Context::Print(const nlohmann::json& object, const std::string& text) const {
  if (json_) {
    // Invalid UTF-8 in names becomes U+FFFD instead of an exception.
    std::cout << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    return;
  }
  std::cout << text;
  if (!text.empty() && text.back() != '\n') std::cout << "\n";
}

void AddWhyOption(CLI::App& command, std::string& why) {
  command
      .add_option("--why", why,
                  "The reason in your own words, for auditors; sealed: the log has a commitment")
      ->check(CLI::Validator(
          [](const std::string& text) { return std::string(audit::CheckSealable(text).message()); },
          ""));
}

bool StopRequested() { return stop_requested; }

void CatchStopSignals() {
  struct sigaction action = {};
  action.sa_handler = OnStopSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one kills
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

std::string WithCommas(std::uint64_t n) {
  std::string digits = absl::StrCat(n);
  for (std::ptrdiff_t i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<std::size_t>(i), ",");
  }
  return digits;
}

std::string FormatUtc(absl::Time t) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", t, absl::UTCTimeZone());
}

}  // namespace sealtrain::cli
