// init, lease, budget, doctor: the commands that speak with custody alone.
#include <google/protobuf/stubs/common.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/base/epsilon.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/cli/hex.h"

namespace sealtrain::cli {
namespace {

using nlohmann::json;

constexpr char kNewPassphraseOption[] = "--new-passphrase-file";

// --- init ------------------------------------------------------------------

struct InitFlags {
  std::string root = "passphrase";
  std::string origin;
  std::uint64_t argon2_mib = crypto::Argon2idParams{}.memory_bytes >> 20;
  std::uint32_t argon2_passes = crypto::Argon2idParams{}.passes;
};

std::string DefaultOrigin() {
  char host[256] = {};
  if (::gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0') return "localhost/sealtrain";
  return absl::StrCat(host, "/sealtrain");
}

// The verifier keys of the home's log, the one that signs first.
absl::StatusOr<std::vector<std::string>> LogVkeys(const std::string& home) {
  ST_ASSIGN_OR_RETURN(const auto log,
                      audit::LogReader::Open(Env::Posix(), JoinPath(home, "audit")));
  std::vector<std::string> vkeys;
  for (const audit::VerifierKey& key : log->keys()) vkeys.push_back(audit::FormatVkey(key));
  return vkeys;
}

absl::Status RunInit(Context& context, const InitFlags& flags) {
  ST_ASSIGN_OR_RETURN(const std::string home, context.Home());
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes passphrase, context.NewPassphrase());
  const std::string origin = flags.origin.empty() ? DefaultOrigin() : flags.origin;
  const crypto::Argon2idParams argon2 = {.memory_bytes = flags.argon2_mib << 20,
                                         .passes = flags.argon2_passes};
  ST_RETURN_IF_ERROR(custody::Custodian::Create(
      {.home = home}, {.log_origin = origin, .argon2 = argon2}, passphrase));
  ST_ASSIGN_OR_RETURN(const std::vector<std::string> vkeys, LogVkeys(home));
  const std::string& vkey = vkeys.front();
  context.Print(
      {{"home", home}, {"root", flags.root}, {"origin", origin}, {"log_vkey", vkey}},
      absl::StrCat("Home       ", Printable(home), "\nRoot key   ", flags.root, "\nAudit log  ",
                   Printable(vkey),
                   "\n\nGive the audit log's key to those who will check you; with it\n"
                   "`sealtrain-audit verify` needs to trust nothing here.\n\n"
                   "Next:\n"
                   "  sealtrain dataset create NAME --schema FILE.proto --message MESSAGE\n"
                   "  sealtrain policy keygen --out NAME.key\n"
                   "  sealtrain policy check FILE.textproto\n"
                   "  sealtrain policy approve FILE.textproto --name NAME --key NAME.key\n"
                   "  sealtrain policy apply FILE.textproto\n"));
  return absl::OkStatus();
}

void AddInit(CLI::App& app, Context& context) {
  auto flags = std::make_shared<InitFlags>();
  CLI::App* init = app.add_subcommand(
      "init",
      "Make a new home: key store, audit log, policy store.\n\n"
      "Examples:\n"
      "  sealtrain --home ~/sealtrain init\n"
      "  sealtrain --home H --passphrase-file P init --origin example.org/abuse/audit\n\n"
      "Whoever knows the passphrase can open everything; whoever loses it, nothing.");
  init->add_option("--root", flags->root, "What protects the root key")
      ->check(CLI::IsMember({"passphrase"}))
      ->capture_default_str();
  init->add_option("--origin", flags->origin,
                   "Name of the audit log, for those who check it (default: HOST/sealtrain)");
  // The least is what OWASP's password storage cheat sheet asks for.
  init->add_option("--argon2-memory", flags->argon2_mib,
                   "Memory that trying one passphrase takes, in MiB")
      ->check(CLI::Range(19, 1024))
      ->capture_default_str();
  init->add_option("--argon2-passes", flags->argon2_passes,
                   "Passes over that memory; each command that opens the home makes them once")
      ->check(CLI::Range(2, 10))
      ->capture_default_str();
  init->callback(
      [&context, flags] { context.run = [&context, flags] { return RunInit(context, *flags); }; });
}

// --- key -------------------------------------------------------------------

// What a key seals, as the policy names it.
std::string ClassName(const custody::KeyInfo& key) {
  if (key.data_class != DATA_CLASS_UNSPECIFIED) return DataClass_Name(key.data_class);
  return key.model.empty() ? "index of shards" : "weights";
}

absl::Status RunKeyList(Context& context) {
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const custody::KeyList list, custodian->ListKeys());
  json keys = json::array();
  Rows rows = {{"OF", "NAME", "SEALS", "EPOCH"}};
  for (const custody::KeyInfo& key : list.keys) {
    const char* kind = key.model.empty() ? "dataset" : "model";
    const std::string& name = key.model.empty() ? key.dataset : key.model;
    keys.push_back({{kind, name}, {"seals", ClassName(key)}, {"key_epoch", key.key_epoch}});
    rows.push_back({kind, name, ClassName(key), absl::StrCat(key.key_epoch)});
  }
  context.Print(
      {{"root", {{"provider", "passphrase"}, {"number", list.root_number}}},
       {"keys", std::move(keys)}},
      absl::StrCat("Root key number ", list.root_number, ", of a passphrase, wraps ",
                   list.keys.empty() ? "no key of a data set or model yet."
                                     : absl::StrCat("each of these:\n\n", Table(rows, {3}))));
  return absl::OkStatus();
}

absl::Status RunKeyRotate(Context& context, const std::string& new_passphrase_file) {
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes passphrase,
                      context.NewPassphrase(new_passphrase_file, kNewPassphraseOption));
  ST_RETURN_IF_ERROR(custodian->RotateRootKey(context.principal(), passphrase));
  ST_ASSIGN_OR_RETURN(const custody::KeyList list, custodian->ListKeys());
  context.Print({{"root", {{"provider", "passphrase"}, {"number", list.root_number}}},
                 {"keys_rewrapped", list.keys.size()}},
                absl::StrCat("Root key number ", list.root_number, " is in force; ",
                             WithCommas(list.keys.size()), " keys wrapped anew.\n",
                             "The old passphrase still opens copies of the home made before.\n"));
  return absl::OkStatus();
}

absl::Status RunKeyRotateLog(Context& context, bool finish) {
  ST_ASSIGN_OR_RETURN(const std::string home, context.Home());
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes passphrase, context.Passphrase());
  ST_ASSIGN_OR_RETURN(auto custodian, context.OpenCustodian(&passphrase));
  ST_RETURN_IF_ERROR(finish ? custodian->DropOldLogKey(context.principal())
                            : custodian->AddLogKey(context.principal()));
  // What was changed takes effect when custody is opened.
  custodian.reset();
  ST_ASSIGN_OR_RETURN(custodian, context.OpenCustodian(&passphrase));
  ST_ASSIGN_OR_RETURN(const std::vector<std::string> vkeys, LogVkeys(home));
  if (vkeys.size() < 2) return absl::DataLossError("log.vkey does not name the new key");
  const std::string& now = vkeys[0];
  const std::string& other = vkeys[1];
  context.Print({{"signs", finish ? json({now}) : json({now, other})}, {"finished", finish}},
                finish ? absl::StrCat("The audit log is signed by\n  ", Printable(now),
                                      "\nalone. The key before it is destroyed.\n")
                       : absl::StrCat("The audit log is signed by\n  ", Printable(now),
                                      "\nand by\n  ", Printable(other),
                                      "\nGive the second to those who check you, to witnesses "
                                      "too. Then:\n  sealtrain key rotate-log --finish\n"));
  return absl::OkStatus();
}

void AddKey(CLI::App& app, Context& context) {
  CLI::App* key =
      app.add_subcommand("key",
                         "Keys: what there is, a new root key, a new key for the audit log.\n\n"
                         "Examples:\n"
                         "  sealtrain key list\n"
                         "  sealtrain key rotate\n"
                         "  sealtrain --passphrase-file OLD key rotate --new-passphrase-file NEW\n"
                         "  sealtrain key rotate-log");
  key->require_subcommand(1);
  key->add_subcommand("list",
                      "List the keys of data sets and models; never a key itself.\n\n"
                      "Example:\n"
                      "  sealtrain key list")
      ->callback([&context] { context.run = [&context] { return RunKeyList(context); }; });
  auto file = std::make_shared<std::string>();
  CLI::App* rotate = key->add_subcommand(
      "rotate",
      "Choose a new passphrase: wraps every key under a new root key.\n\n"
      "Sealed data are not touched, whatever their size. All or nothing: after a\n"
      "crash either the old or the new passphrase opens the home. Copies of the home\n"
      "from before still open with the old passphrase: destroy them.\n\n"
      "Examples:\n"
      "  sealtrain key rotate\n"
      "  sealtrain --passphrase-file OLD key rotate --new-passphrase-file NEW");
  rotate->add_option(kNewPassphraseOption, *file,
                     "File whose first line is the new passphrase (default: ask on the terminal)");
  rotate->callback([&context, file] {
    context.run = [&context, file] { return RunKeyRotate(context, *file); };
  });
  auto finish = std::make_shared<bool>(false);
  CLI::App* rotate_log = key->add_subcommand(
      "rotate-log",
      "Replace the key that signs the audit log, in two steps.\n\n"
      "From the first on, both keys sign, so that nobody who knows only one is lost. When\n"
      "those who check the log know the new one, --finish destroys the old one.\n\n"
      "Examples:\n"
      "  sealtrain key rotate-log\n"
      "  sealtrain key rotate-log --finish");
  rotate_log->add_flag("--finish", *finish, "The second step");
  rotate_log->callback([&context, finish] {
    context.run = [&context, finish] { return RunKeyRotateLog(context, *finish); };
  });
}

// --- lease -----------------------------------------------------------------

absl::Status RunLeaseList(Context& context) {
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const std::vector<custody::LeaseInfo> leases, custodian->ListLeases());
  json list = json::array();
  std::string text;
  for (const custody::LeaseInfo& lease : leases) {
    list.push_back({{"id", HexEncode(lease.permit_id)},
                    {"action", policy::Action_Name(lease.action)},
                    {"principal", lease.principal},
                    {"dataset", lease.dataset},
                    {"purpose", lease.purpose},
                    {"expires_at", FormatUtc(lease.expires_at)},
                    {"revoked", lease.revoked}});
    absl::StrAppendFormat(&text, "%s  %-8s  %s  %s  %s  %s%s\n", HexEncode(lease.permit_id),
                          policy::Action_Name(lease.action), FormatUtc(lease.expires_at),
                          Printable(lease.principal), Printable(lease.dataset),
                          Printable(lease.purpose), lease.revoked ? "  revoked" : "");
  }
  context.Print({{"leases", list}}, text.empty() ? "No live leases.\n" : text);
  return absl::OkStatus();
}

absl::Status RunLeaseRevoke(Context& context, const std::string& hex) {
  Id permit_id;
  if (!ReadHex(hex, absl::MakeSpan(permit_id))) {
    return context.UsageError("a lease's id has 32 lower-case hex digits");
  }
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_RETURN_IF_ERROR(custodian->RevokeLease(context.principal(), permit_id));
  context.Print({{"revoked", hex}}, absl::StrCat("Revoked ", hex, ".\n"));
  return absl::OkStatus();
}

void AddLease(CLI::App& app, Context& context) {
  CLI::App* lease = app.add_subcommand(
      "lease",
      "Leases: who may use keys right now.\n\n"
      "Examples:\n"
      "  sealtrain lease list\n"
      "  sealtrain lease revoke 00112233445566778899aabbccddeeff\n\n"
      "With custody embedded in the job, the home is in use while the job runs\n"
      "(exit code 75), and opening it again ends the leases of jobs that are gone:\n"
      "to stop a running job, stop its process.");
  lease->require_subcommand(1);
  lease
      ->add_subcommand("list",
                       "List live leases.\n\n"
                       "Example:\n"
                       "  sealtrain lease list")
      ->callback([&context] { context.run = [&context] { return RunLeaseList(context); }; });
  auto id = std::make_shared<std::string>();
  CLI::App* revoke =
      lease->add_subcommand("revoke",
                            "End a lease: no more keys for it.\n\n"
                            "Example:\n"
                            "  sealtrain lease revoke 00112233445566778899aabbccddeeff");
  revoke->add_option("ID", *id, "The lease, as `lease list` names it")->required();
  revoke->callback(
      [&context, id] { context.run = [&context, id] { return RunLeaseRevoke(context, *id); }; });
}

// --- budget ----------------------------------------------------------------

json EntryJson(const custody::BudgetEntry& entry) {
  return {{"permit_id", HexEncode(entry.permit_id)},
          {"principal", entry.principal},
          {"model", entry.model},
          {"epsilon", entry.epsilon},
          {"delta", entry.plan.delta},
          {"unit", policy::PrivacyUnit_Name(entry.plan.unit)},
          {"sampling_rate", entry.plan.phase.sampling_rate},
          {"noise_multiplier", entry.plan.phase.noise_multiplier},
          {"steps", entry.plan.phase.steps},
          {"settled", entry.settled},
          {"reserved_at", FormatUtc(entry.reserved_at)}};
}

std::string BudgetText(const custody::Budget& budget) {
  std::string text;
  if (budget.unit != policy::PRIVACY_UNIT_UNSPECIFIED) {
    absl::StrAppendFormat(&text, "Per %s: epsilon %s spent at delta %g\n",
                          policy::PrivacyUnit_Name(budget.unit),
                          FormatEpsilon(budget.epsilon_spent), budget.delta);
    for (const custody::BudgetEntry& entry : budget.entries) {
      absl::StrAppendFormat(&text, "  %s  epsilon %-8s  %s steps  %s  by %s%s\n",
                            FormatUtc(entry.reserved_at), FormatEpsilon(entry.epsilon),
                            WithCommas(entry.plan.phase.steps), Printable(entry.model),
                            Printable(entry.principal), entry.settled ? "" : "  (not settled)");
    }
  }
  return text;
}

absl::Status RunBudgetShow(Context& context, const std::string& dataset) {
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const std::vector<custody::Budget> budgets, custodian->GetBudgets(dataset));
  json list = json::array();
  std::string text;
  std::uint64_t without_privacy = 0;
  for (const custody::Budget& budget : budgets) {
    without_privacy = budget.runs_without_privacy;
    if (budget.unit == policy::PRIVACY_UNIT_UNSPECIFIED) continue;
    json entries = json::array();
    for (const custody::BudgetEntry& entry : budget.entries) entries.push_back(EntryJson(entry));
    list.push_back({{"unit", policy::PrivacyUnit_Name(budget.unit)},
                    {"delta", budget.delta},
                    {"epsilon_spent", budget.epsilon_spent},
                    {"entries", entries}});
    text += BudgetText(budget);
  }
  if (text.empty()) text = absl::StrCat("No private run on ", Printable(dataset), " yet.\n");
  absl::StrAppend(&text, "Runs without privacy: ", WithCommas(without_privacy), "\n");
  context.Print(
      {{"dataset", dataset}, {"budgets", list}, {"runs_without_privacy", without_privacy}}, text);
  return absl::OkStatus();
}

void AddBudget(CLI::App& app, Context& context) {
  CLI::App* budget =
      app.add_subcommand("budget",
                         "The privacy ledger of a data set: what private runs have spent.\n\n"
                         "Examples:\n"
                         "  sealtrain budget show mails\n"
                         "  sealtrain --json budget show mails");
  budget->require_subcommand(1);
  auto dataset = std::make_shared<std::string>();
  CLI::App* show = budget->add_subcommand("show",
                                          "Show every run and the sum of all.\n\n"
                                          "Example:\n"
                                          "  sealtrain budget show mails");
  show->add_option("NAME", *dataset, "The data set")->required();
  show->callback([&context, dataset] {
    context.run = [&context, dataset] { return RunBudgetShow(context, *dataset); };
  });
}

// --- doctor ----------------------------------------------------------------

struct Check {
  std::string name;
  enum class Result { kGood, kNote, kFinding } result;
  std::string text;
};
using Result = Check::Result;

Check CheckHome(const std::string& home) {
  struct stat st;
  if (::stat(home.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) {
    return {"home", Result::kFinding, absl::StrCat(Printable(home), " is not there: run init")};
  }
  if (!Env::Posix().Exists(JoinPath(home, "config.textproto"))) {
    return {"home", Result::kFinding,
            absl::StrCat(Printable(home), " has no config.textproto: run init")};
  }
  if ((st.st_mode & 0077) != 0) {
    return {"home", Result::kFinding,
            absl::StrFormat("%s has mode %04o, others can look in: chmod 700", Printable(home),
                            st.st_mode & 07777)};
  }
  if (st.st_uid != ::geteuid()) {
    return {"home", Result::kFinding, absl::StrCat(Printable(home), " belongs to another user")};
  }
  return {"home", Result::kGood, Printable(home)};
}

Check CheckContents(const std::string& home) {
  // Looking takes the lock, which would create its file; a home always has one.
  if (!Env::Posix().Exists(JoinPath(home, "lock"))) {
    return {"contents", Result::kNote, "no home to look into"};
  }
  const absl::Status status = custody::Custodian::CheckHome({.home = home});
  if (absl::IsUnavailable(status)) {
    return {"contents", Result::kNote, "not looked at: a job is running in this home"};
  }
  if (!status.ok()) return {"contents", Result::kFinding, PrintableMessage(status.message())};
  return {"contents", Result::kGood, "configuration, key store and audit log are whole"};
}

// Keys and a few segments must fit; with more, whole batches stay locked too.
constexpr rlim_t kNeededMemlock = 8u << 20;
constexpr rlim_t kWantedMemlock = 64u << 20;

Check CheckMemlock() {
  rlimit limit;
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
    return {"locked memory", Result::kFinding, "its limit cannot be read"};
  }
  if (::geteuid() == 0 || limit.rlim_cur == RLIM_INFINITY) {
    return {"locked memory", Result::kGood, "no limit"};
  }
  const std::string text = absl::StrCat("limit ", limit.rlim_cur >> 10,
                                        " KiB; plaintext beyond it could be swapped out");
  if (limit.rlim_cur < kNeededMemlock) {
    return {"locked memory", Result::kFinding,
            absl::StrCat(text, ", at least ", kNeededMemlock >> 10, " KiB needed (ulimit -l)")};
  }
  if (limit.rlim_cur < kWantedMemlock) return {"locked memory", Result::kNote, text};
  return {"locked memory", Result::kGood, absl::StrCat("limit ", limit.rlim_cur >> 10, " KiB")};
}

Check CheckDumpable() {
  // A trainer makes itself non-dumpable; what matters is that the kernel lets it.
  const int before = ::prctl(PR_GET_DUMPABLE);
  const bool can = before >= 0 && ::prctl(PR_SET_DUMPABLE, 0) == 0 && ::prctl(PR_GET_DUMPABLE) == 0;
  if (before == 1) ::prctl(PR_SET_DUMPABLE, 1);
  if (!can) return {"core dumps", Result::kFinding, "the process cannot be made non-dumpable"};
  return {"core dumps", Result::kGood, "a job can make itself non-dumpable"};
}

Check CheckEntropy() {
  unsigned char byte = 0;
  if (::getrandom(&byte, 1, GRND_NONBLOCK) != 1) {
    return {"entropy", Result::kFinding, "the kernel's generator is not ready"};
  }
  return {"entropy", Result::kGood, "ready"};
}

Check CheckLibraries() {
  return {"libraries", Result::kGood,
          absl::StrCat(OpenSSL_version(OPENSSL_VERSION), "; SQLite ", sqlite3_libversion(),
                       "; protobuf ",
                       google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION))};
}

absl::Status RunDoctor(Context& context) {
  ST_ASSIGN_OR_RETURN(const std::string home, context.Home());
  const std::vector<Check> checks = {CheckHome(home), CheckContents(home), CheckMemlock(),
                                     CheckDumpable(), CheckEntropy(),      CheckLibraries()};
  json list = json::array();
  std::string text;
  int findings = 0;
  for (const Check& check : checks) {
    const char* word = check.result == Result::kGood   ? "ok"
                       : check.result == Result::kNote ? "note"
                                                       : "FINDING";
    if (check.result == Result::kFinding) ++findings;
    list.push_back({{"check", check.name}, {"result", word}, {"text", check.text}});
    absl::StrAppendFormat(&text, "%-7s  %-13s  %s\n", word, check.name, check.text);
  }
  absl::StrAppend(&text, "\n", findings, findings == 1 ? " finding\n" : " findings\n");
  context.Print({{"findings", findings}, {"checks", list}}, text);
  if (findings > 0) context.exit_code = kCheckFailed;
  return absl::OkStatus();
}

void AddDoctor(CLI::App& app, Context& context) {
  app.add_subcommand("doctor",
                     "Check the home and this machine. Exits with 1 on findings.\n"
                     "Asks for no passphrase, so it cannot try the keys.\n\n"
                     "Example:\n"
                     "  sealtrain --home H doctor")
      ->callback([&context] { context.run = [&context] { return RunDoctor(context); }; });
}

}  // namespace

void AddCustodyCommands(CLI::App& app, Context& context) {
  AddInit(app, context);
  AddKey(app, context);
  AddLease(app, context);
  AddBudget(app, context);
  AddDoctor(app, context);
}

}  // namespace sealtrain::cli
