// verify-model: how a model came to be, checked with the log's key alone.
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "sealtrain/audit/model_receipt.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/scan.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/epsilon.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/cli/hex.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::cli {
namespace {

using Json = nlohmann::ordered_json;

struct VerifyModelFlags {
  std::string receipt;
  std::string artifact;
  std::string exported;
  std::string export_entry;
  std::string export_proof;
  std::string key;
};

absl::StatusOr<Digest> Sha256OfFile(const std::string& path) {
  ST_ASSIGN_OR_RETURN(const auto file, Env::Posix().OpenForRead(path));
  crypto::Sha256Stream digest;
  Bytes buffer(1 << 20);
  for (std::uint64_t offset = 0; offset < file->size();) {
    const std::uint64_t length = std::min<std::uint64_t>(buffer.size(), file->size() - offset);
    const MutableByteSpan part = absl::MakeSpan(buffer).first(length);
    ST_RETURN_IF_ERROR(file->ReadAt(offset, part));
    digest.Append(part);
    offset += length;
  }
  return digest.Finish();
}

// That the file is what the model left as, by the log's entry of that.
absl::Status CheckExported(const audit::CheckedReceipt& checked, const VerifyModelFlags& flags,
                           const std::vector<std::string>& vkeys) {
  audit::ReceiptEntry entry;
  ST_ASSIGN_OR_RETURN(entry.bytes,
                      Env::Posix().ReadFile(flags.export_entry, audit::kMaxReceiptBytes));
  ST_ASSIGN_OR_RETURN(entry.proof,
                      Env::Posix().ReadFile(flags.export_proof, audit::kMaxReceiptBytes));
  const absl::StatusOr<Digest> left = audit::CheckExport(checked, entry, vkeys);
  if (!left.ok()) {
    return absl::Status(left.status().code(),
                        absl::StrCat(Printable(flags.export_entry), ": ", left.status().message()));
  }
  ST_ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(flags.exported));
  if (digest == *left) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      Printable(flags.exported), " is not the file that the model of the receipt left as"));
}

std::string Text(const Json& value) {
  return value.is_null() ? "-" : Printable(value.get<std::string>());
}

std::string List(const Json& values) {
  return absl::StrJoin(values, ", ",
                       [](std::string* out, const Json& value) { out->append(Text(value)); });
}

std::string PrivacyText(const Json& privacy) {
  if (privacy.is_null()) return "no differential privacy guarantee";
  return absl::StrFormat("epsilon at most %s at delta %g, %s",
                         FormatEpsilon(privacy["epsilon"].get<double>()),
                         privacy["delta"].get<double>(), Text(privacy["unit"]));
}

// What the receipt says, for people.
Rows Claims(const Json& statement) {
  const Json& subject = statement["subject"][0];
  const Json& predicate = statement["predicate"];
  const Json& dataset = predicate["dataset"];
  const Json& policy = predicate["policy"];
  const Json& trainer = predicate["trainer"];
  const Json& times = predicate["times"];
  return {{"model", Text(subject["name"])},
          {"artifact sha256", Text(subject["digest"]["sha256"])},
          {"data set", absl::StrCat(Text(dataset["name"]), ", generation ",
                                    dataset["generation"].get<std::uint64_t>())},
          {"manifest sha256", Text(dataset["manifest_sha256"])},
          {"review sha256", Text(dataset["review_sha256"])},
          {"committed", Text(times["snapshot_committed"])},
          {"policy",
           absl::StrCat(Text(policy["id"]), " version ", policy["version"].get<std::uint64_t>())},
          {"policy sha256", Text(policy["sha256"])},
          {"applied", Text(times["policy_applied"])},
          {"by rules", List(policy["rules"])},
          {"purpose", Text(predicate["purpose"])},
          {"principal", Text(predicate["principal"])},
          {"columns opened", List(predicate["columns"])},
          {"trainer sha256", Text(trainer["executable_sha256"])},
          {"trust", Text(trainer["trust"])},
          {"privacy", PrivacyText(predicate["privacy"])},
          {"access granted", Text(times["access_granted"])},
          {"model sealed", Text(times["model_sealed"])}};
}

absl::Status RunVerifyModel(AuditContext& context, const VerifyModelFlags& flags) {
  std::optional<crypto::PublicKey> signer;
  if (!flags.key.empty() && !ReadHex(flags.key, absl::MakeSpan(signer.emplace()))) {
    return context.UsageError("--key: not 64 lower-case hexadecimal digits");
  }
  const bool exported = !flags.exported.empty();
  if (exported != !flags.export_entry.empty() || exported != !flags.export_proof.empty()) {
    return context.UsageError("--exported, --export-entry and --export-proof go together");
  }
  ST_ASSIGN_OR_RETURN(const std::vector<std::string> vkeys, context.ProofKeys());
  const absl::StatusOr<std::string> receipt =
      Env::Posix().ReadFile(flags.receipt, audit::kMaxReceiptBytes);
  // No receipt is so long.
  if (absl::IsOutOfRange(receipt.status())) return absl::DataLossError(receipt.status().message());
  ST_RETURN_IF_ERROR(receipt.status());
  ST_ASSIGN_OR_RETURN(audit::CheckedReceipt checked, audit::CheckModelReceipt(*receipt, vkeys));
  if (signer && checked.signer != *signer) {
    return absl::DataLossError("model receipt: signed by another key than --key");
  }
  Json& statement = checked.statement;
  if (!flags.artifact.empty()) {
    ST_ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(flags.artifact));
    if (statement["subject"][0]["digest"]["sha256"] != HexEncode(digest)) {
      return absl::DataLossError(
          absl::StrCat(Printable(flags.artifact), " is not the model of the receipt"));
    }
  }
  if (exported) ST_RETURN_IF_ERROR(CheckExported(checked, flags, vkeys));

  const audit::Checkpoint& checkpoint = checked.entries[0].checkpoint;
  const std::string root = audit::EncodeBase64(checkpoint.root);
  Json indices = Json::array();
  for (const audit::ProvenEntry& entry : checked.entries) indices.push_back(entry.index);
  if (context.json()) {
    statement["predicate"].erase("log");
    PrintObject({{"verified", true},
                 {"subject", statement["subject"][0]},
                 {"predicate", statement["predicate"]},
                 {"entries", std::move(indices)},
                 {"origin", checkpoint.origin},
                 {"size", checkpoint.size},
                 {"root", root},
                 {"key", audit::FormatVkey(checked.entries[0].key)},
                 {"key_trusted", context.key_trusted()},
                 {"signer_trusted", signer.has_value()},
                 {"artifact_checked", !flags.artifact.empty()},
                 {"exported_checked", exported}});
    return absl::OkStatus();
  }
  Rows rows = Claims(statement);
  rows.insert(
      rows.end(),
      {{"entries", absl::StrJoin(indices, ", ",
                                 [](std::string* out, const Json& index) {
                                   absl::StrAppend(out, index.get<std::uint64_t>());
                                 })},
       {"origin", Printable(checkpoint.origin)},
       {"size", absl::StrCat(checkpoint.size)},
       {"root", root},
       {"against", audit::WhoseKey(context.key_trusted())},
       {"signed by",
        absl::StrCat(HexEncode(checked.signer), signer ? ", as given" : ", by its own word")},
       {"artifact", flags.artifact.empty() ? "not compared; give --artifact"
                                           : absl::StrCat(Printable(flags.artifact), " is it")},
       {"exported file", exported ? absl::StrCat(Printable(flags.exported), " is it")
                                  : "not compared; give --exported"}});
  std::cout << "OK\n" << Table(rows);
  return absl::OkStatus();
}

}  // namespace

void AddModelCommand(CLI::App& app, AuditContext& context) {
  CLI::App& command = *app.add_subcommand(
      "verify-model",
      "Checks a model receipt (`sealtrain model receipt`) offline: that the log has its entries,\n"
      "and that all it says of the model follows from them. Exits with 4 if anything does not\n"
      "fit.\n\n"
      "Examples:\n"
      "  sealtrain-audit verify-model spam.receipt --vkey \"$(cat log.vkey)\"\n"
      "  sealtrain-audit verify-model spam.receipt --vkey K --artifact spam.seal\n"
      "  sealtrain-audit verify-model spam.receipt --vkey K --exported spam.safetensors \\\n"
      "      --export-entry 17.entry --export-proof 17.tlog-proof");
  const auto flags = std::make_shared<VerifyModelFlags>();
  command.add_option("RECEIPT", flags->receipt, "The receipt's file")->required();
  command.add_option("--artifact", flags->artifact,
                     "The sealed model's file, which must be the one that the receipt is of");
  command.add_option("--exported", flags->exported,
                     "The file of `sealtrain model export`, which must be what that model left as");
  command.add_option("--export-entry", flags->export_entry,
                     "The log's entry model-exported of that, and");
  command.add_option("--export-proof", flags->export_proof, "its proof, both made by `prove`");
  command.add_option("--key", flags->key,
                     "The custody's public key, which must have signed the receipt (hex)");
  command.callback([&context, flags] {
    context.run = [&context, flags] { return RunVerifyModel(context, *flags); };
  });
}

}  // namespace sealtrain::cli
