// witness, cosign: who remembers a log elsewhere, and asking them.
#include <signal.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "sealtrain/audit/cosignature.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/audit/witness.h"
#include "sealtrain/audit/witness_client.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/exit_code.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/command_line.h"
#include "sealtrain/cli/new_file.h"
#include "sealtrain/cli/seed_line.h"
#include "sealtrain/cli/witness_server.h"
#include "sealtrain/cli/witness_transport.h"

namespace sealtrain::cli {
namespace {

constexpr std::size_t kMaxKeyFileBytes = 1024;
// Reading and writing a file takes no longer, whoever else does it.
constexpr absl::Duration kCosignedFilePatience = absl::Seconds(10);
constexpr char kCosignLockFile[] = "cosign.lock";

// --- witness -----------------------------------------------------------------

struct WitnessFlags {
  std::string state;
  std::string key;
  std::string new_key;
  std::string policy;
  std::string listen;
};

struct WitnessIdentity {
  std::string name;
  crypto::SigningKey key;
};

// A key file has two lines: the verifier key, for everybody, and the seed.
absl::Status MakeWitnessKey(AuditContext& context, const WitnessFlags& flags) {
  if (!audit::IsKeyName(flags.new_key)) {
    return context.UsageError(
        "--new-key: a name is a URL without scheme, spaces and '+', of at most 255 bytes");
  }
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes seed, NewSeedLine());
  ST_ASSIGN_OR_RETURN(const crypto::SigningKey key, ParseSeedLine(seed.span()));
  const std::string vkey =
      audit::FormatVkey(audit::WitnessKey{.name = flags.new_key, .public_key = key.public_key()});
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes file,
                      crypto::SecretBytes::Allocate(vkey.size() + 1 + kSeedLineBytes));
  const MutableByteSpan bytes = file.mutable_span();
  std::copy(vkey.begin(), vkey.end(), bytes.begin());
  bytes[vkey.size()] = '\n';
  std::copy(seed.span().begin(), seed.span().end(),
            bytes.begin() + static_cast<std::ptrdiff_t>(vkey.size() + 1));
  ST_RETURN_IF_ERROR(WriteNewFile(flags.key, file.span()));
  if (context.json()) {
    PrintObject({{"key_file", flags.key}, {"vkey", vkey}});
  } else {
    std::cout << vkey << "\n";
  }
  return absl::OkStatus();
}

absl::StatusOr<WitnessIdentity> ReadWitnessKey(const std::string& path) {
  const absl::Status no_key = absl::InvalidArgumentError(
      absl::StrCat("not a key made by `witness --new-key`: ", Printable(path)));
  ST_ASSIGN_OR_RETURN(const auto file, Env::Posix().OpenForRead(path));
  if (file->size() <= kSeedLineBytes || file->size() > kMaxKeyFileBytes) return no_key;
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes bytes,
                      crypto::SecretBytes::Allocate(static_cast<std::size_t>(file->size())));
  ST_RETURN_IF_ERROR(file->ReadAt(0, bytes.mutable_span()));
  const std::size_t vkey_bytes = bytes.size() - kSeedLineBytes;
  const absl::string_view vkey_line = AsText(bytes.span().first(vkey_bytes));
  if (vkey_line.back() != '\n') return no_key;
  absl::StatusOr<audit::WitnessKey> vkey =
      audit::ParseWitnessVkey(vkey_line.substr(0, vkey_line.size() - 1));
  absl::StatusOr<crypto::SigningKey> key = ParseSeedLine(bytes.span().subspan(vkey_bytes));
  if (absl::IsUnavailable(key.status())) return key.status();
  if (!vkey.ok() || !key.ok() || vkey->public_key != key->public_key()) return no_key;
  return WitnessIdentity{std::move(vkey->name), *std::move(key)};
}

// Those given with --vkey and in the policy.
absl::StatusOr<std::vector<audit::VerifierKey>> KnownLogs(AuditContext& context,
                                                          const WitnessFlags& flags) {
  std::vector<audit::VerifierKey> logs;
  if (!context.vkey().empty()) {
    auto keys = audit::ParseVkeys(context.vkey());
    if (!keys.ok()) return context.UsageError(keys.status().message());
    logs = *std::move(keys);
  }
  if (!flags.policy.empty()) {
    ST_ASSIGN_OR_RETURN(const audit::TrustPolicy policy, context.ReadTrustPolicy(flags.policy));
    for (const audit::TrustPolicy::Log& log : policy.logs()) logs.push_back(log.key);
  }
  if (logs.empty()) return context.UsageError("no log to witness: give --vkey or --policy");
  return logs;
}

// Until somebody ends the process.
absl::Status Serve(AuditContext& context, audit::Witness& witness, const std::string& address) {
  // Blocked in the server's thread too, which is made after this.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto server = WitnessServer::Start(witness, address);
  if (absl::IsInvalidArgument(server.status())) {
    return context.UsageError(server.status().message());
  }
  ST_RETURN_IF_ERROR(server.status());
  std::cout << (*server)->url() << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  return absl::OkStatus();
}

// One request on standard input, its answer on standard output.
absl::Status AnswerOnce(AuditContext& context, audit::Witness& witness) {
  std::string request(audit::kMaxWitnessBytes + 1, '\0');
  std::cin.read(request.data(), static_cast<std::streamsize>(request.size()));
  request.resize(static_cast<std::size_t>(std::cin.gcount()));
  const audit::WitnessAnswer answer = witness.AddCheckpoint(request);
  std::cout << audit::FormatAnswer(answer);
  switch (answer.status) {
    case audit::WitnessAnswer::kCosigned:
      return absl::OkStatus();
    case audit::WitnessAnswer::kInconsistent:
      context.exit_code = kIntegrity;
      return absl::OkStatus();
    case audit::WitnessAnswer::kFailed:
    case audit::WitnessAnswer::kUnavailable:
      context.exit_code = kTryAgain;
      return absl::OkStatus();
    default:
      context.exit_code = kCheckFailed;
      return absl::OkStatus();
  }
}

absl::Status RunWitness(AuditContext& context, const WitnessFlags& flags) {
  if (context.at()) return context.UsageError("--at: a witness looks at no log");
  if (!flags.new_key.empty()) return MakeWitnessKey(context, flags);
  if (flags.state.empty()) return context.UsageError("no state: give --state");
  ST_ASSIGN_OR_RETURN(std::vector<audit::VerifierKey> logs, KnownLogs(context, flags));
  ST_ASSIGN_OR_RETURN(WitnessIdentity identity, ReadWitnessKey(flags.key));
  ST_ASSIGN_OR_RETURN(const auto witness, audit::Witness::Open(Env::Posix(),
                                                               {.state_directory = flags.state,
                                                                .name = std::move(identity.name),
                                                                .logs = std::move(logs)},
                                                               std::move(identity.key)));
  if (!flags.listen.empty()) return Serve(context, *witness, flags.listen);
  return AnswerOnce(context, *witness);
}

// --- cosign ------------------------------------------------------------------

struct CosignFlags {
  std::string policy;
  std::string witness;
  std::string url;
  std::string request_out;
  std::uint64_t old_size = 0;
  std::string request;
  std::string answer;
  std::string out;
};

// The checkpoint that is to get cosignatures, and what it has of them. Others may add to
// the file at the same time.
class CosignedFile {
 public:
  // `note` is of the log with those keys; `path` may have an older state of it.
  // InvalidArgument: it has something else. DataLoss: another root of this size.
  static absl::StatusOr<CosignedFile> Open(std::string path, absl::string_view note,
                                           std::vector<audit::VerifierKey> keys) {
    ST_ASSIGN_OR_RETURN(std::string newest, ReadNewest(path, note, keys));
    return CosignedFile(std::move(path), std::move(newest), std::move(keys));
  }

  const std::string& path() const { return path_; }
  const std::string& note() const { return note_; }

  // Adds the cosignature that `witness` has under `cosigned`, the same checkpoint, to what
  // the file has by now. Errors of Open(). Unavailable: somebody else keeps it locked.
  absl::Status Add(AuditContext& context, absl::string_view cosigned,
                   const audit::WitnessKey& witness) {
    const auto on_wait = [this] {
      std::cerr << "waiting for another program that writes " << Printable(path_) << "\n";
    };
    ST_ASSIGN_OR_RETURN(const auto lock,
                        LockPatiently(Env::Posix(), JoinPath(DirName(path_), kCosignLockFile),
                                      kCosignedFilePatience, on_wait));
    ST_ASSIGN_OR_RETURN(note_, ReadNewest(path_, note_, keys_));
    const absl::string_view signatures = cosigned.substr(cosigned.rfind("\n\n") + 2);
    ST_ASSIGN_OR_RETURN(note_, audit::AddCosignature(note_, signatures, witness));
    return context.WriteOutput(path_, AsBytes(note_));
  }

 private:
  CosignedFile(std::string path, std::string note, std::vector<audit::VerifierKey> keys)
      : path_(std::move(path)), note_(std::move(note)), keys_(std::move(keys)) {}

  // `note`, with the cosignatures of the file if that is of the same checkpoint.
  static absl::StatusOr<std::string> ReadNewest(const std::string& path, absl::string_view note,
                                                absl::Span<const audit::VerifierKey> keys) {
    ST_ASSIGN_OR_RETURN(const audit::SignedCheckpoint verified,
                        audit::VerifyCheckpoint(note, keys));
    const audit::Checkpoint& checkpoint = verified.checkpoint;
    auto there = Env::Posix().ReadFile(path, audit::kMaxNoteBytes);
    if (absl::IsNotFound(there.status())) return std::string(note);
    const auto before = there.ok() ? audit::VerifyCheckpoint(*there, keys)
                                   : absl::StatusOr<audit::SignedCheckpoint>(there.status());
    if (!before.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Printable(path),
                       ": is there, and no checkpoint of this log: ", before.status().message()));
    }
    if (before->checkpoint.size > checkpoint.size) {
      return absl::FailedPreconditionError(absl::StrCat(
          Printable(path), ": has a later checkpoint, of size ", before->checkpoint.size));
    }
    if (before->checkpoint.size == checkpoint.size && before->checkpoint.root != checkpoint.root) {
      return absl::DataLossError(
          absl::StrCat(Printable(path), ": signs another history of this log"));
    }
    return before->checkpoint == checkpoint ? *std::move(there) : std::string(note);
  }

  std::string path_;
  std::string note_;
  std::vector<audit::VerifierKey> keys_;
};

absl::StatusOr<std::string> CosignOut(AuditContext& context, const CosignFlags& flags,
                                      std::uint64_t size) {
  if (!flags.out.empty()) return flags.out;
  ST_ASSIGN_OR_RETURN(const std::string directory, context.LogDirectory());
  return JoinPath(directory, audit::CosignedPath(size));
}

struct Asked {
  std::string name;
  audit::WitnessKey key;
  std::string url;
};

absl::StatusOr<audit::WitnessKey> NamedWitness(AuditContext& context, const CosignFlags& flags) {
  auto key = audit::ParseWitnessVkey(flags.witness);
  if (!key.ok()) {
    return context.UsageError(absl::StrCat("--witness: ", key.status().message()));
  }
  return key;
}

absl::StatusOr<std::vector<Asked>> WhomToAsk(AuditContext& context, const CosignFlags& flags,
                                             const std::optional<audit::TrustPolicy>& policy) {
  std::vector<Asked> asked;
  if (!flags.witness.empty()) {
    ST_ASSIGN_OR_RETURN(audit::WitnessKey key, NamedWitness(context, flags));
    asked.push_back({.name = key.name, .key = std::move(key), .url = flags.url});
  }
  if (policy) {
    for (const audit::TrustPolicy::Witness& witness : policy->witnesses()) {
      if (!witness.url.empty()) asked.push_back({witness.name, witness.key, witness.url});
    }
  }
  if (asked.empty()) {
    return context.UsageError(
        "no witness to ask: give --witness and --url, or a policy with URLs of witnesses");
  }
  return asked;
}

// All are asked about one checkpoint: a quorum is of that.
struct Round {
  CosignedFile file;
  std::vector<audit::VerifierKey> log_keys;
  std::vector<absl::Status> statuses;  // one for each who was asked

  // The worst: what somebody found is worse than that somebody could not be reached.
  absl::Status Worst() const {
    absl::Status worst;
    for (const absl::Status& status : statuses) {
      if (worst.ok() || (absl::IsDataLoss(status) && !absl::IsDataLoss(worst))) worst = status;
    }
    return worst;
  }
};

absl::StatusOr<Round> AskAll(AuditContext& context, const CosignFlags& flags,
                             const std::vector<Asked>& asked) {
  ST_ASSIGN_OR_RETURN(const auto log, context.OpenLog());
  ST_ASSIGN_OR_RETURN(std::string out, CosignOut(context, flags, log->checkpoint().size));
  ST_ASSIGN_OR_RETURN(CosignedFile file,
                      CosignedFile::Open(std::move(out), log->checkpoint_note(), log->keys()));
  Round round{.file = std::move(file), .log_keys = log->keys(), .statuses = {}};
  for (const Asked& witness : asked) {
    const absl::StatusOr<std::string> note = audit::AskForCosignature(
        *log, round.file.note(), witness.key,
        [&](const std::string& request) { return PostToWitness(witness.url, request); });
    // Kept at once: the next one may take its time.
    if (note.ok()) ST_RETURN_IF_ERROR(round.file.Add(context, *note, witness.key));
    round.statuses.push_back(note.status());
  }
  return round;
}

void PrintRound(const AuditContext& context, const std::vector<Asked>& asked, const Round& round,
                const std::optional<audit::TrustPolicy>& policy, bool enough) {
  nlohmann::ordered_json witnesses = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const std::string name = Printable(asked[i].name);
    const absl::Status& status = round.statuses[i];
    nlohmann::ordered_json object = {{"name", asked[i].name}, {"cosigned", status.ok()}};
    if (!status.ok()) object["error"] = std::string(status.message());
    witnesses.push_back(std::move(object));
    if (!status.ok()) {
      std::cerr << "sealtrain-audit: " << name << ": " << PrintableMessage(status.message())
                << "\n";
    } else if (!context.json()) {
      std::cout << name << "  cosigned\n";
    }
  }
  if (context.json()) {
    nlohmann::ordered_json object = {{"witnesses", std::move(witnesses)},
                                     {"file", round.file.path()}};
    if (policy) object["quorum"] = enough;
    PrintObject(object);
  } else if (policy) {
    std::cout << "quorum " << Printable(policy->quorum()) << (enough ? "" : " not") << " reached\n";
  }
}

absl::Status AskWitnesses(AuditContext& context, const CosignFlags& flags) {
  std::optional<audit::TrustPolicy> policy;
  if (!flags.policy.empty()) {
    ST_ASSIGN_OR_RETURN(policy, context.ReadTrustPolicy(flags.policy));
  }
  ST_ASSIGN_OR_RETURN(const std::vector<Asked> asked, WhomToAsk(context, flags, policy));
  absl::StatusOr<Round> round = AskAll(context, flags, asked);
  // The log may have grown, and been cosigned for another, between our look at it and
  // the witness's: then it only seems to be rolled back.
  if (round.ok() && absl::IsDataLoss(round->Worst())) round = AskAll(context, flags, asked);
  ST_RETURN_IF_ERROR(round.status());

  const absl::Status worst = round->Worst();
  bool enough = worst.ok();
  if (policy) {
    ST_ASSIGN_OR_RETURN(const auto judged, policy->Judge(round->file.note(), round->log_keys,
                                                         audit::TrustPolicy::UpTo(absl::Now())));
    enough = judged.quorum;
  }
  PrintRound(context, asked, *round, policy, enough);
  // With a quorum it does not matter who was away; who has seen a fork matters always.
  if (enough && !absl::IsDataLoss(worst)) return absl::OkStatus();
  context.exit_code = worst.ok() ? kCheckFailed : ExitCodeFor(worst);
  return absl::OkStatus();
}

absl::Status WriteRequest(AuditContext& context, const CosignFlags& flags) {
  ST_ASSIGN_OR_RETURN(const auto log, context.OpenLog());
  ST_ASSIGN_OR_RETURN(const std::string request, audit::MakeAddCheckpoint(*log, flags.old_size));
  return context.WriteOutput(flags.request_out, AsBytes(request));
}

absl::Status TakeAnswerFile(AuditContext& context, const CosignFlags& flags) {
  if (flags.witness.empty() || flags.request.empty()) {
    return context.UsageError("--answer goes with --request and --witness");
  }
  ST_ASSIGN_OR_RETURN(const audit::WitnessKey witness, NamedWitness(context, flags));
  ST_ASSIGN_OR_RETURN(const std::string request_text,
                      Env::Posix().ReadFile(flags.request, audit::kMaxWitnessBytes));
  ST_ASSIGN_OR_RETURN(const audit::AddCheckpointRequest request,
                      audit::ParseAddCheckpoint(request_text));
  ST_ASSIGN_OR_RETURN(const std::string answer_text,
                      Env::Posix().ReadFile(flags.answer, audit::kMaxWitnessBytes));
  ST_ASSIGN_OR_RETURN(const audit::WitnessAnswer answer, audit::ParseAnswer(answer_text));
  ST_ASSIGN_OR_RETURN(const auto log, context.OpenLog());
  ST_ASSIGN_OR_RETURN(const audit::SignedCheckpoint verified,
                      audit::VerifyCheckpoint(request.checkpoint_note, log->keys()));
  ST_ASSIGN_OR_RETURN(std::string out, CosignOut(context, flags, verified.checkpoint.size));
  ST_ASSIGN_OR_RETURN(CosignedFile file,
                      CosignedFile::Open(std::move(out), request.checkpoint_note, log->keys()));
  ST_ASSIGN_OR_RETURN(const std::string note, audit::TakeAnswer(file.note(), answer, witness));
  return file.Add(context, note, witness);
}

absl::Status RunCosign(AuditContext& context, const CosignFlags& flags) {
  if (!flags.request_out.empty()) return WriteRequest(context, flags);
  if (!flags.answer.empty()) return TakeAnswerFile(context, flags);
  if (!flags.request.empty()) return context.UsageError("--request goes with --answer");
  if (flags.witness.empty() != flags.url.empty()) {
    return context.UsageError("--witness and --url go together");
  }
  return AskWitnesses(context, flags);
}

}  // namespace

void AddWitnessCommands(CLI::App& app, AuditContext& context) {
  CLI::App& witness = *app.add_subcommand(
      "witness",
      "Remembers logs for others, and cosigns what is consistent with what it has seen of them.\n"
      "Answers one request (C2SP tlog-witness) from standard input, or serves HTTP.\n\n"
      "Examples:\n"
      "  sealtrain-audit witness --new-key witness.example/one --key W.key\n"
      "  sealtrain-audit witness --state DIR --key W.key --vkey \"$(cat log.vkey)\" <REQUEST\n"
      "  sealtrain-audit witness --state DIR --key W.key --policy logs.policy \\\n"
      "      --listen 127.0.0.1:7380");
  const auto flags = std::make_shared<WitnessFlags>();
  witness.add_option("--state", flags->state,
                     "The folder of what was cosigned; must outlive everything");
  witness.add_option("--key", flags->key, "The witness's own key file")->required();
  witness.add_option("--new-key", flags->new_key,
                     "Make a key of this name, write it to --key and print its verifier key");
  witness
      .add_option("--policy", flags->policy,
                  "Witness the logs of this trust policy; or one, given with --vkey")
      ->check(CLI::ExistingFile);
  witness.add_option("--listen", flags->listen,
                     "Serve HTTP on 127.0.0.1:PORT or [::1]:PORT until ended by a signal");
  witness.callback([&context, flags] {
    context.run = [&context, flags] { return RunWitness(context, *flags); };
  });

  CLI::App& cosign = *app.add_subcommand(
      "cosign",
      "Has witnesses cosign the newest checkpoint, and keeps that beside the log in\n"
      "checkpoints/SIZE.cosigned. Exits with 4 if a witness has seen another history.\n\n"
      "Examples:\n"
      "  sealtrain-audit --home H cosign --policy trust.policy\n"
      "  sealtrain-audit --log DIR cosign --witness VKEY --url http://127.0.0.1:7380\n"
      "  sealtrain-audit --log DIR cosign --request-out REQUEST --old 120\n"
      "  sealtrain-audit --log DIR cosign --request REQUEST --answer ANSWER --witness VKEY");
  const auto cosign_flags = std::make_shared<CosignFlags>();
  cosign
      .add_option("--policy", cosign_flags->policy,
                  "Ask the witnesses of this trust policy that have a URL; exits with 0 if they\n"
                  "reach its quorum")
      ->check(CLI::ExistingFile);
  cosign.add_option("--witness", cosign_flags->witness, "The verifier key of a witness");
  cosign.add_option("--url", cosign_flags->url, "Where it takes requests (http or https)");
  cosign.add_option("--request-out", cosign_flags->request_out,
                    "Write the request to this file, for somebody to carry to a witness");
  cosign
      .add_option("--old", cosign_flags->old_size,
                  "The size that the witness has cosigned, for --request-out")
      ->check(kIndex);
  cosign.add_option("--request", cosign_flags->request, "The request that --answer is to");
  cosign.add_option("--answer", cosign_flags->answer,
                    "What `witness` printed: takes the cosignature from it");
  cosign.add_option("--out", cosign_flags->out,
                    "Where the cosigned checkpoint goes instead; replaced if it is an older one");
  cosign.callback([&context, cosign_flags] {
    context.run = [&context, cosign_flags] { return RunCosign(context, *cosign_flags); };
  });
}

}  // namespace sealtrain::cli
