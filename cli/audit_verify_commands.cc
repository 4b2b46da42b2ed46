// verify, prove, check: what can be believed.
#include <algorithm>
#include <iostream>
#include <iterator>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/audit/event_time.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/opening.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/audit/scan.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/audit/trust_policy.h"
#include "sealtrain/audit/witness_client.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/exit_code.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/command_line.h"

namespace sealtrain::cli {
namespace {

constexpr std::uint64_t kMaxEntryFileBytes = 0xFFFF;

struct VerifyFlags {
  std::vector<std::string> old;
  std::string policy;
  std::string max_age;
};

// Which cosignatures count.
absl::StatusOr<audit::TrustPolicy::Times> AllowedTimes(AuditContext& context,
                                                       const VerifyFlags& flags) {
  const absl::Time now = absl::Now();
  audit::TrustPolicy::Times times = audit::TrustPolicy::UpTo(now);
  if (flags.max_age.empty()) return times;
  if (flags.policy.empty()) return context.UsageError("--max-age goes with --policy");
  const absl::StatusOr<absl::Time> since = audit::ParseTime(flags.max_age, now);
  if (!since.ok()) return context.UsageError(since.status().message());
  times.not_before = *since;
  return times;
}

std::string TimeText(std::uint64_t time_s) {
  constexpr std::uint64_t kNanos = 1'000'000'000;
  return audit::FormatSeconds(std::min(time_s, std::numeric_limits<std::uint64_t>::max() / kNanos) *
                              kNanos);
}

nlohmann::ordered_json WitnessedJson(const audit::TrustPolicy& policy,
                                     const audit::WitnessedCheckpoint& witnessed) {
  nlohmann::ordered_json witnesses = nlohmann::ordered_json::array();
  for (const auto& witness : witnessed.witnesses) {
    nlohmann::ordered_json object = {{"name", witness.name}, {"counted", witness.counted}};
    if (witness.time_s) object["time"] = TimeText(*witness.time_s);
    witnesses.push_back(std::move(object));
  }
  return {{"quorum", policy.quorum()},         {"reached", witnessed.quorum},
          {"size", witnessed.checkpoint.size}, {"counted", witnessed.counted()},
          {"of", witnessed.witnesses.size()},  {"witnesses", std::move(witnesses)}};
}

std::string WitnessedText(const audit::TrustPolicy& policy,
                          const audit::WitnessedCheckpoint& witnessed) {
  std::string text = absl::StrCat(
      "witnesses           ", witnessed.counted(), " of ", witnessed.witnesses.size(), " for size ",
      witnessed.checkpoint.size, witnessed.quorum ? ", reaching" : ", short of", " the quorum ",
      Printable(policy.quorum()), "\n");
  for (const auto& witness : witnessed.witnesses) {
    absl::StrAppend(&text, "  ", Printable(witness.name), "  ",
                    witness.time_s ? TimeText(*witness.time_s) : "no cosignature",
                    witness.time_s && !witness.counted ? " (too old, or in the future)" : "", "\n");
  }
  return text;
}

// What `verify` knows in the end.
struct Verdict {
  audit::VerifyReport report;
  std::string vkey;
  bool key_trusted = false;
  std::string whose_key;
  std::size_t old = 0;
  std::uint64_t old_size = 0;  // the most entries that one of them signs
  std::size_t cosigned = 0;
  std::optional<audit::TrustPolicy> policy;
  std::optional<audit::WitnessedCheckpoint> witnessed;  // if there is a policy

  bool good() const { return !witnessed || witnessed->quorum; }
  std::uint64_t kept() const { return report.older_checkpoints - old - cosigned; }
};

absl::StatusOr<Verdict> Verify(AuditContext& context, const VerifyFlags& flags) {
  Verdict verdict;
  ST_ASSIGN_OR_RETURN(const audit::TrustPolicy::Times times, AllowedTimes(context, flags));
  ST_ASSIGN_OR_RETURN(std::vector<audit::KeptCheckpoint> older,
                      context.ReadOldCheckpoints(flags.old));
  verdict.old = older.size();
  if (!flags.policy.empty()) {
    ST_ASSIGN_OR_RETURN(verdict.policy, context.ReadTrustPolicy(flags.policy));
  }
  // Before the log: what somebody adds meanwhile may be of a newer checkpoint.
  ST_ASSIGN_OR_RETURN(const std::string directory, context.LogDirectory());
  ST_ASSIGN_OR_RETURN(std::vector<audit::KeptCheckpoint> cosigned,
                      audit::ReadCosigned(Env::Posix(), directory));
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  for (const audit::KeptCheckpoint& kept : older) {
    const std::uint64_t size = audit::SignedSize(kept, reader->keys());
    if (context.at() && size > *context.at()) {
      return context.UsageError(
          absl::StrCat("--old: ", kept.name, " is of more entries than --at"));
    }
    verdict.old_size = std::max(verdict.old_size, size);
  }
  if (context.at()) {
    // What witnesses saw of the log later says nothing about it as it was then.
    cosigned.erase(std::remove_if(cosigned.begin(), cosigned.end(),
                                  [&](const audit::KeptCheckpoint& kept) {
                                    const auto later =
                                        audit::VerifyCheckpoint(kept.note, reader->keys());
                                    return later.ok() && later->checkpoint.size > *context.at();
                                  }),
                   cosigned.end());
  }
  verdict.cosigned = cosigned.size();
  std::move(cosigned.begin(), cosigned.end(), std::back_inserter(older));
  verdict.vkey = reader->vkey();
  verdict.key_trusted = context.key_trusted();
  verdict.whose_key = audit::WhoseKey(context.key_trusted());
  if (verdict.policy) {
    if (!verdict.policy->logs().empty()) {
      std::vector<audit::VerifierKey> logs;
      for (const audit::TrustPolicy::Log& log : verdict.policy->logs()) logs.push_back(log.key);
      // While keys change two have signed, and the policy may name either.
      const auto signed_by = audit::VerifyCheckpoint(reader->checkpoint_note(), logs);
      if (!signed_by.ok()) {
        return absl::DataLossError(absl::StrCat("the log is none of the logs of the policy: ",
                                                signed_by.status().message()));
      }
      verdict.vkey = audit::FormatVkey(signed_by->key);
      verdict.key_trusted = true;
      verdict.whose_key = "the key of the policy";
    }
    std::vector<audit::KeptCheckpoint> candidates = older;
    candidates.push_back({.name = "checkpoint", .note = reader->checkpoint_note()});
    ST_ASSIGN_OR_RETURN(verdict.witnessed,
                        verdict.policy->JudgeBest(candidates, reader->keys(), times));
  }
  ST_ASSIGN_OR_RETURN(verdict.report, reader->Verify(older));
  return verdict;
}

void PrintJson(const Verdict& verdict) {
  const audit::Checkpoint& checkpoint = verdict.report.checkpoint;
  nlohmann::ordered_json object = {{"verified", verdict.good()},
                                   {"origin", checkpoint.origin},
                                   {"size", checkpoint.size},
                                   {"root", audit::EncodeBase64(checkpoint.root)},
                                   {"entries", verdict.report.entries},
                                   {"tiles", verdict.report.tiles},
                                   {"kept_checkpoints", verdict.kept()},
                                   {"old_checkpoints", verdict.old},
                                   {"old_size", verdict.old_size},
                                   {"cosigned_checkpoints", verdict.cosigned},
                                   {"key", verdict.vkey},
                                   {"key_trusted", verdict.key_trusted}};
  if (verdict.witnessed) object["witnessed"] = WitnessedJson(*verdict.policy, *verdict.witnessed);
  PrintObject(object);
}

std::string OldText(const Verdict& verdict) {
  if (verdict.old == 0) return "0";
  return absl::StrCat(verdict.old, ", of size ", verdict.old_size,
                      verdict.old == 1 ? "" : " at the most");
}

void PrintText(const Verdict& verdict) {
  const audit::Checkpoint& checkpoint = verdict.report.checkpoint;
  std::cout << (verdict.good() ? "OK" : "NO QUORUM") << "\n"
            << "origin              " << Printable(checkpoint.origin) << "\n"
            << "size                " << checkpoint.size << "\n"
            << "root                " << audit::EncodeBase64(checkpoint.root) << "\n"
            << "entries rehashed    " << verdict.report.entries << "\n"
            << "tiles compared      " << verdict.report.tiles << "\n"
            << "kept checkpoints    " << verdict.kept() << "\n"
            << "old checkpoints     " << OldText(verdict) << "\n"
            << "against             " << verdict.whose_key << "\n";
  if (verdict.witnessed) std::cout << WitnessedText(*verdict.policy, *verdict.witnessed);
}

// Says what the verdict does not say.
void PrintNotes(const Verdict& verdict) {
  if (!verdict.key_trusted) {
    std::cerr << "note: who can replace the whole folder can replace its key too; give --vkey.\n";
  }
  if (!verdict.good()) {
    std::cerr << "note: the log is what its key signed, but too few witnesses have seen it so.\n";
    return;
  }
  const std::uint64_t size = verdict.report.checkpoint.size;
  const bool witnessed = verdict.witnessed && verdict.witnessed->counted() > 0;
  const std::uint64_t seen = witnessed ? verdict.witnessed->checkpoint.size : 0;
  const std::uint64_t known = std::max(seen, verdict.old_size);
  if (known > 0 && known < size) {
    std::cerr << "note: no " << (verdict.old_size > 0 ? "old checkpoint signs" : "")
              << (verdict.old_size > 0 && witnessed ? ", and no " : "")
              << (witnessed ? "quorum has seen" : "") << " entries " << known << " to " << size - 1
              << "; for these there is the log's key alone.\n";
  }
  if (known == 0) {
    std::cerr
        << "note: who holds the log's key can rewrite it, and a backup can bring an old state\n"
           "back. Only a checkpoint kept elsewhere shows that: give it with --old, or have\n"
           "witnesses cosign (sealtrain-audit cosign) and give --policy.\n";
  }
}

absl::Status RunVerify(AuditContext& context, const VerifyFlags& flags) {
  ST_ASSIGN_OR_RETURN(const Verdict verdict, Verify(context, flags));
  if (!verdict.good()) context.exit_code = kCheckFailed;
  if (context.json()) {
    PrintJson(verdict);
    return absl::OkStatus();
  }
  PrintText(verdict);
  PrintNotes(verdict);
  return absl::OkStatus();
}

struct ProveFlags {
  std::uint64_t index = 0;
  std::string out;
  std::string entry;
};

absl::Status RunProve(AuditContext& context, const ProveFlags& flags) {
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  ST_RETURN_IF_ERROR(context.CheckHasEntry(*reader, flags.index));
  ST_ASSIGN_OR_RETURN(const std::string proof, reader->Prove(flags.index));
  if (!flags.entry.empty()) {
    std::string bytes;
    ST_RETURN_IF_ERROR(
        reader->ForEach(flags.index, flags.index + 1, [&](const audit::Entry& entry) {
          bytes = entry.bytes;
          return true;
        }));
    ST_RETURN_IF_ERROR(context.WriteOutput(flags.entry, AsBytes(bytes)));
  }
  if (!flags.out.empty()) ST_RETURN_IF_ERROR(context.WriteOutput(flags.out, AsBytes(proof)));
  if (context.json()) {
    nlohmann::ordered_json object = {{"index", flags.index}, {"proof", proof}};
    if (!flags.out.empty()) object["proof_file"] = flags.out;
    if (!flags.entry.empty()) object["entry_file"] = flags.entry;
    PrintObject(object);
  } else if (flags.out.empty()) {
    std::cout << proof;
  }
  return absl::OkStatus();
}

struct CheckFlags {
  std::string proof;
  std::string entry;
};

absl::Status RunCheck(AuditContext& context, const CheckFlags& flags) {
  ST_ASSIGN_OR_RETURN(const std::vector<std::string> vkeys, context.ProofKeys());
  ST_ASSIGN_OR_RETURN(const std::string proof,
                      Env::Posix().ReadFile(flags.proof, audit::kMaxNoteBytes));
  ST_ASSIGN_OR_RETURN(const std::string entry,
                      Env::Posix().ReadFile(flags.entry, kMaxEntryFileBytes));
  ST_ASSIGN_OR_RETURN(const audit::ProvenEntry proven,
                      audit::CheckProof(proof, AsBytes(entry), vkeys));
  std::optional<audit::OpenedText> opened;
  if (const absl::string_view extra = AsText(proven.extra); audit::IsOpening(extra)) {
    ST_ASSIGN_OR_RETURN(const audit::Event event, audit::DecodeEvent(entry));
    ST_ASSIGN_OR_RETURN(opened, audit::CheckOpening(extra, event));
  }
  const audit::Checkpoint& checkpoint = proven.checkpoint;
  const std::string root = audit::EncodeBase64(checkpoint.root);
  if (context.json()) {
    nlohmann::ordered_json object = {{"verified", true},
                                     {"index", proven.index},
                                     {"origin", checkpoint.origin},
                                     {"size", checkpoint.size},
                                     {"root", root},
                                     {"key", audit::FormatVkey(proven.key)},
                                     {"key_trusted", context.key_trusted()}};
    if (opened) object["opened"] = {{opened->field, opened->text}};
    PrintObject(object);
    return absl::OkStatus();
  }
  std::cout << "OK\n"
            << "entry               " << proven.index << "\n"
            << "origin              " << Printable(checkpoint.origin) << "\n"
            << "size                " << checkpoint.size << "\n"
            << "root                " << root << "\n"
            << "against             " << audit::WhoseKey(context.key_trusted()) << "\n";
  if (opened) std::cout << Padded(opened->field, 18) << "  " << Printable(opened->text) << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddVerifyCommands(CLI::App& app, AuditContext& context) {
  CLI::App& verify = *app.add_subcommand(
      "verify",
      "Rehashes every entry and compares every tile and kept checkpoint with the signed root.\n"
      "Exits with 4 and names the first bad entry or file if anything was changed.\n\n"
      "Examples:\n"
      "  sealtrain-audit verify --vkey \"$(cat log.vkey)\"\n"
      "  sealtrain-audit verify --old checkpoint-of-last-week --old checkpoint-of-yesterday\n"
      "  sealtrain-audit verify --policy trust.policy --max-age 2d");
  const auto verify_flags = std::make_shared<VerifyFlags>();
  AddOldOption(verify, verify_flags->old);
  verify
      .add_option("--policy", verify_flags->policy,
                  "A trust policy (C2SP tlog-policy): exits with 1 unless a quorum of its\n"
                  "witnesses has cosigned the log")
      ->check(CLI::ExistingFile);
  verify.add_option("--max-age", verify_flags->max_age,
                    "Older cosignatures do not count: an age (2d) or a time");
  verify.callback([&context, verify_flags] {
    context.run = [&context, verify_flags] { return RunVerify(context, *verify_flags); };
  });

  CLI::App& prove = *app.add_subcommand(
      "prove",
      "Proves to somebody without the log that it has an entry (a C2SP tlog-proof).\n\n"
      "Examples:\n"
      "  sealtrain-audit prove 17 --out 17.tlog-proof --entry 17.entry\n"
      "  sealtrain-audit check 17.tlog-proof --entry 17.entry --vkey \"$(cat log.vkey)\"");
  const auto prove_flags = std::make_shared<ProveFlags>();
  prove.add_option("N", prove_flags->index, "The entry's index")->required()->check(kIndex);
  prove.add_option("--out", prove_flags->out, "Where the proof goes (default: standard output)");
  prove.add_option("--entry", prove_flags->entry, "Where the entry's bytes go, to check against");
  prove.callback([&context, prove_flags] {
    context.run = [&context, prove_flags] { return RunProve(context, *prove_flags); };
  });

  CLI::App& check = *app.add_subcommand(
      "check",
      "Checks a proof of `prove` offline: needs the proof, the entry and the key only. Where\n"
      "it discloses what the entry seals (`sealtrain audit reveal`), shows that.\n\n"
      "Example:\n"
      "  sealtrain-audit check 17.tlog-proof --entry 17.entry --vkey \"$(cat log.vkey)\"");
  const auto check_flags = std::make_shared<CheckFlags>();
  check.add_option("PROOF", check_flags->proof, "The proof's file")->required();
  check.add_option("--entry", check_flags->entry, "The file with the entry's bytes")->required();
  check.callback([&context, check_flags] {
    context.run = [&context, check_flags] { return RunCheck(context, *check_flags); };
  });
}

}  // namespace sealtrain::cli
