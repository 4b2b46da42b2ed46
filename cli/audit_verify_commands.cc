// verify, prove, check: what can be believed.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/audit/scan.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/command_line.h"

namespace sealtrain::cli {
namespace {

constexpr std::uint64_t kMaxEntryFileBytes = 0xFFFF;

absl::Status RunVerify(AuditContext& context, const std::vector<std::string>& old_files) {
  ST_ASSIGN_OR_RETURN(const auto old, context.ReadOldCheckpoints(old_files));
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
  ST_ASSIGN_OR_RETURN(const audit::VerifyReport report, reader->Verify(old));
  const audit::Checkpoint& checkpoint = report.checkpoint;
  const std::string root = audit::EncodeBase64(checkpoint.root);
  const std::uint64_t kept = report.older_checkpoints - old.size();
  if (context.json()) {
    std::cout << nlohmann::ordered_json{{"verified", true},
                                        {"origin", checkpoint.origin},
                                        {"size", checkpoint.size},
                                        {"root", root},
                                        {"entries", report.entries},
                                        {"tiles", report.tiles},
                                        {"kept_checkpoints", kept},
                                        {"old_checkpoints", old.size()},
                                        {"key", reader->vkey()},
                                        {"key_trusted", context.key_trusted()}}
                     .dump(2)
              << "\n";
    return absl::OkStatus();
  }
  std::cout << "OK\n"
            << "origin              " << Printable(checkpoint.origin) << "\n"
            << "size                " << checkpoint.size << "\n"
            << "root                " << root << "\n"
            << "entries rehashed    " << report.entries << "\n"
            << "tiles compared      " << report.tiles << "\n"
            << "kept checkpoints    " << kept << "\n"
            << "old checkpoints     " << old.size() << "\n"
            << "against             " << audit::WhoseKey(context.key_trusted()) << "\n";
  if (context.vkey().empty()) {
    std::cerr << "note: who can replace the whole folder can replace its key too; give --vkey.\n";
  }
  if (old.empty()) {
    std::cerr
        << "note: who holds the log's key can rewrite it, and a backup can bring an old state\n"
           "back. Only a checkpoint kept elsewhere shows that: give it with --old.\n";
  }
  return absl::OkStatus();
}

struct ProveFlags {
  std::uint64_t index = 0;
  std::string out;
  std::string entry;
};

absl::Status RunProve(AuditContext& context, const ProveFlags& flags) {
  ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
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
    std::cout << object.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace)
              << "\n";
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
  std::string vkey = context.vkey();
  if (vkey.empty()) {
    if (!context.names_log()) {
      return context.UsageError("no key: give --vkey, or the log whose key it is");
    }
    ST_ASSIGN_OR_RETURN(const auto reader, context.OpenLog());
    vkey = reader->vkey();
  }
  if (const auto key = audit::ParseVkey(vkey); !key.ok()) {
    return context.UsageError(key.status().message());
  }
  ST_ASSIGN_OR_RETURN(const std::string proof,
                      Env::Posix().ReadFile(flags.proof, audit::kMaxNoteBytes));
  ST_ASSIGN_OR_RETURN(const std::string entry,
                      Env::Posix().ReadFile(flags.entry, kMaxEntryFileBytes));
  ST_ASSIGN_OR_RETURN(const audit::ProvenEntry proven,
                      audit::CheckProof(proof, AsBytes(entry), vkey));
  const audit::Checkpoint& checkpoint = proven.checkpoint;
  const std::string root = audit::EncodeBase64(checkpoint.root);
  if (context.json()) {
    std::cout << nlohmann::ordered_json{{"verified", true},
                                        {"index", proven.index},
                                        {"origin", checkpoint.origin},
                                        {"size", checkpoint.size},
                                        {"root", root},
                                        {"key", vkey},
                                        {"key_trusted", context.key_trusted()}}
                     .dump(2)
              << "\n";
    return absl::OkStatus();
  }
  std::cout << "OK\n"
            << "entry               " << proven.index << "\n"
            << "origin              " << Printable(checkpoint.origin) << "\n"
            << "size                " << checkpoint.size << "\n"
            << "root                " << root << "\n"
            << "against             " << audit::WhoseKey(context.key_trusted()) << "\n";
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
      "  sealtrain-audit verify --old checkpoint-of-last-week --old checkpoint-of-yesterday");
  const auto old_files = std::make_shared<std::vector<std::string>>();
  AddOldOption(verify, *old_files);
  verify.callback([&context, old_files] {
    context.run = [&context, old_files] { return RunVerify(context, *old_files); };
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
      "Checks a proof of `prove` offline: needs the proof, the entry and the key only.\n\n"
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
