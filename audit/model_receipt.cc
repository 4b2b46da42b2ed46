#include "sealtrain/audit/model_receipt.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/audit/event_time.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

using Json = nlohmann::ordered_json;
// What others wrote. An ordered_json copies its members as it grows, and of what is nested
// deeply that takes more stack than there is.
using ReadJson = nlohmann::json;

constexpr char kPayloadType[] = "application/vnd.in-toto+json";
constexpr char kStatementType[] = "https://in-toto.io/Statement/v1";
constexpr char kPredicateType[] = "urn:sealtrain:model-receipt:1";

absl::Status BadReceipt(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("model receipt: ", what));
}

// In the order in which they stand in a receipt.
template <typename Entries>
auto InOrder(Entries& entries) {
  return std::array{&entries.policy, &entries.snapshot, &entries.access, &entries.model};
}

// What the entries and their proofs say.
struct ReceiptEvents {
  Event policy;
  Event snapshot;
  Event access;
  Event model;
};

bool IsSha256(const std::string& bytes) { return bytes.size() == sizeof(Digest); }
bool IsSha256OrUnset(const std::string& bytes) { return bytes.empty() || IsSha256(bytes); }

// That each is of its type, and says all that a receipt is to tell of it.
absl::Status CheckEach(const ReceiptEvents& events) {
  const Event& access = events.access;
  const Event& model = events.model;
  if (events.policy.type() != POLICY_APPLIED || events.policy.phase() != SUCCEEDED) {
    return BadReceipt("its first entry tells of no policy that was applied");
  }
  const EventType snapshot = events.snapshot.type();
  if ((snapshot != SNAPSHOT_COMMITTED && snapshot != DATASET_RESEALED) ||
      events.snapshot.phase() != SUCCEEDED) {
    return BadReceipt("its second entry tells of no snapshot that was committed");
  }
  if (access.type() != TRAIN_ACCESS || access.phase() != INTENT) {
    return BadReceipt("its third entry tells of no access to train");
  }
  if (model.type() != MODEL_SEALED || model.phase() != SUCCEEDED) {
    return BadReceipt("its fourth entry tells of no model that was sealed");
  }
  if (access.object().column().empty() || access.policy().rule().empty()) {
    return BadReceipt("the access opened no column, or no rule permitted it");
  }
  if (model.object().model().empty() || !IsSha256(model.object().artifact_sha256()) ||
      !IsSha256(model.object().manifest_sha256()) || !IsSha256(model.policy().sha256()) ||
      !IsSha256OrUnset(events.snapshot.object().review_sha256()) ||
      !IsSha256OrUnset(access.actor().executable_sha256())) {
    return BadReceipt("an entry has no name, or no digest where one belongs");
  }
  const Privacy& privacy = model.privacy();
  if (!std::isfinite(privacy.epsilon()) || !std::isfinite(privacy.delta())) {
    return BadReceipt("the privacy of the model is no number");
  }
  return absl::OkStatus();
}

// That they tell of one run.
absl::Status CheckTogether(const ReceiptEvents& events) {
  const Event& access = events.access;
  const Event& model = events.model;
  const Object& opened = access.object();
  const std::pair<absl::string_view, bool> agreements[] = {
      {"request", !access.request_uid().empty() && access.request_uid() == access.uid() &&
                      model.request_uid() == access.uid()},
      {"principal", model.actor().principal() == access.actor().principal()},
      {"action", model.action() == access.action()},
      {"purpose", model.purpose() == access.purpose()},
      {"model", model.object().model() == opened.model()},
      {"privacy", model.has_privacy() == access.has_privacy()},
      {"data set", model.object().dataset() == opened.dataset() &&
                       events.snapshot.object().dataset() == opened.dataset()},
      {"generation", model.object().generation() == opened.generation() &&
                         events.snapshot.object().generation() == opened.generation()},
      {"manifest", model.object().manifest_sha256() == opened.manifest_sha256() &&
                       events.snapshot.object().manifest_sha256() == opened.manifest_sha256()},
  };
  for (const auto& [what, same] : agreements) {
    if (!same) return BadReceipt(absl::StrCat("its entries are not of one ", what));
  }
  for (const Event* event : {&events.policy, &model}) {
    const PolicyRef& policy = event->policy();
    if (policy.id() != access.policy().id() || policy.version() != access.policy().version() ||
        policy.sha256() != access.policy().sha256()) {
      return BadReceipt("its entries are not of one policy");
    }
  }
  return absl::OkStatus();
}

Json Hex(const std::string& bytes) { return HexEncode(AsBytes(bytes)); }
Json HexOrNull(const std::string& bytes) { return bytes.empty() ? Json(nullptr) : Hex(bytes); }

Json PrivacyOf(const Event& model) {
  if (!model.has_privacy()) return nullptr;
  const Privacy& privacy = model.privacy();
  return {{"epsilon", privacy.epsilon()}, {"delta", privacy.delta()}, {"unit", privacy.unit()}};
}

// The one way from entries to what a receipt says: for who writes it and who checks it.
absl::StatusOr<Json> StatementOf(const ReceiptEntries& entries, const crypto::PublicKey& signer) {
  ReceiptEvents events;
  std::vector<TlogProof> proofs;
  Json listed = Json::array();
  const auto decoded = InOrder(events);
  const auto given = InOrder(entries);
  for (std::size_t i = 0; i < given.size(); ++i) {
    ST_RETURN_IF_ERROR(DecodeEvent(given[i]->bytes, *decoded[i]));
    ST_ASSIGN_OR_RETURN(proofs.emplace_back(), ParseTlogProof(given[i]->proof));
    if (!proofs[i].extra.empty()) return BadReceipt("a proof has extra data");
    if (proofs[i].checkpoint_note != proofs[0].checkpoint_note) {
      return BadReceipt("its proofs are not under one checkpoint");
    }
    listed.push_back({{"index", proofs[i].index},
                      {"entry", EncodeBase64(AsBytes(given[i]->bytes))},
                      {"proof", given[i]->proof}});
  }
  ST_RETURN_IF_ERROR(CheckEach(events));
  ST_RETURN_IF_ERROR(CheckTogether(events));
  const std::uint64_t access_index = proofs[2].index;
  if (std::max(proofs[0].index, proofs[1].index) >= access_index ||
      access_index >= proofs[3].index) {
    return BadReceipt("its entries were not written in this order");
  }
  ST_ASSIGN_OR_RETURN(const Note note, ParseNote(proofs[0].checkpoint_note));
  ST_ASSIGN_OR_RETURN(const Checkpoint checkpoint, ParseCheckpoint(note.text));

  const Event& access = events.access;
  const Object& made = events.model.object();
  const PolicyRef& policy = access.policy();
  const auto time = [](const Event& event) { return FormatNanos(event.wall_time_ns()); };
  return Json{{"_type", kStatementType},
              {"subject", Json::array({{{"name", made.model()},
                                        {"digest", {{"sha256", Hex(made.artifact_sha256())}}}}})},
              {"predicateType", kPredicateType},
              {"predicate",
               {{"dataset",
                 {{"name", made.dataset()},
                  {"generation", made.generation()},
                  {"manifest_sha256", Hex(made.manifest_sha256())},
                  {"review_sha256", HexOrNull(events.snapshot.object().review_sha256())}}},
                {"policy",
                 {{"id", policy.id()},
                  {"version", policy.version()},
                  {"sha256", Hex(policy.sha256())},
                  {"rules", std::vector<std::string>(policy.rule().begin(), policy.rule().end())}}},
                {"purpose", access.purpose()},
                {"principal", access.actor().principal()},
                {"columns", std::vector<std::string>(access.object().column().begin(),
                                                     access.object().column().end())},
                {"trainer",
                 {{"executable_sha256", HexOrNull(access.actor().executable_sha256())},
                  {"trust", access.actor().trust()}}},
                {"privacy", PrivacyOf(events.model)},
                {"times",
                 {{"policy_applied", time(events.policy)},
                  {"snapshot_committed", time(events.snapshot)},
                  {"access_granted", time(access)},
                  {"model_sealed", time(events.model)}}},
                {"signer", {{"public_key", HexEncode(signer)}}},
                {"log", {{"origin", checkpoint.origin}, {"entries", std::move(listed)}}}}}};
}

// What is signed: PAE of the DSSE protocol.
Bytes PreAuthentication(absl::string_view payload) {
  const std::string text = absl::StrCat("DSSEv1 ", absl::string_view(kPayloadType).size(), " ",
                                        kPayloadType, " ", payload.size(), " ", payload);
  return Bytes(AsBytes(text).begin(), AsBytes(text).end());
}

std::string FormatEnvelope(absl::string_view payload, const crypto::PublicKey& signer,
                           ByteSpan signature) {
  const Digest key_digest = crypto::Sha256(signer);
  return absl::StrCat(
      OneLine({{"payloadType", kPayloadType},
               {"payload", EncodeBase64(AsBytes(payload))},
               {"signatures", Json::array({{{"keyid", HexEncode(ByteSpan(key_digest).first(8))},
                                            {"sig", EncodeBase64(signature)}}})}}),
      "\n");
}

// The text at that place; null: there is none.
const std::string* TextAt(const ReadJson& json, const char* place) {
  const ReadJson::json_pointer pointer(place);
  return json.contains(pointer) ? json.at(pointer).get_ptr<const std::string*>() : nullptr;
}
std::optional<Bytes> BytesAt(const ReadJson& json, const char* place) {
  const std::string* text = TextAt(json, place);
  return text == nullptr ? std::nullopt : DecodeBase64(*text);
}

std::optional<crypto::PublicKey> SignerIn(const ReadJson& statement) {
  const std::string* hex = TextAt(statement, "/predicate/signer/public_key");
  crypto::PublicKey key;
  if (hex == nullptr || hex->size() != 2 * key.size()) return std::nullopt;
  const std::string bytes = absl::HexStringToBytes(*hex);
  std::copy(bytes.begin(), bytes.end(), key.begin());
  if (HexEncode(key) != *hex) return std::nullopt;
  return key;
}

absl::StatusOr<ReceiptEntries> EntriesIn(const ReadJson& statement) {
  ReceiptEntries entries;
  const auto wanted = InOrder(entries);
  const ReadJson::json_pointer place("/predicate/log/entries");
  if (!statement.contains(place) || !statement.at(place).is_array() ||
      statement.at(place).size() != wanted.size()) {
    return BadReceipt("it does not have four entries");
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const ReadJson& listed = statement.at(place)[i];
    const std::optional<Bytes> bytes = BytesAt(listed, "/entry");
    const std::string* proof = TextAt(listed, "/proof");
    if (!bytes || proof == nullptr) {
      return BadReceipt(absl::StrCat("/predicate/log/entries/", i, " has no entry or no proof"));
    }
    *wanted[i] = {.bytes = std::string(AsText(*bytes)), .proof = *proof};
  }
  return entries;
}

// That the statement says what follows from its entries, and nothing else.
absl::Status CheckClaims(absl::string_view payload, const ReadJson& claimed, const Json& known) {
  const ReadJson claims = known.flatten();
  for (const auto& [place, value] : claims.items()) {
    const ReadJson::json_pointer pointer(place);
    if (!claimed.contains(pointer) || claimed.at(pointer) != value) {
      return BadReceipt(absl::StrCat(place, " is not what the log's entries say"));
    }
  }
  if (payload != OneLine(known)) {
    return BadReceipt("the statement says more than the log's entries, or in other words");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> SignModelReceipt(const ReceiptEntries& entries,
                                             const crypto::SigningKey& key) {
  ST_ASSIGN_OR_RETURN(const Json statement, StatementOf(entries, key.public_key()));
  const std::string payload = OneLine(statement);
  return FormatEnvelope(payload, key.public_key(), key.Sign(PreAuthentication(payload)));
}

absl::StatusOr<CheckedReceipt> CheckModelReceipt(absl::string_view receipt,
                                                 const std::vector<std::string>& vkeys) {
  ST_RETURN_IF_ERROR(ParseVkeys(vkeys).status());
  if (receipt.size() > kMaxReceiptBytes) return BadReceipt("longer than 1 MiB");
  const ReadJson envelope = ReadJson::parse(receipt, nullptr, /*allow_exceptions=*/false);
  const std::string* type = TextAt(envelope, "/payloadType");
  if (type == nullptr || *type != kPayloadType) {
    return BadReceipt(absl::StrCat("not a DSSE envelope of the type ", kPayloadType));
  }
  const std::optional<Bytes> payload_bytes = BytesAt(envelope, "/payload");
  const std::optional<Bytes> signature = BytesAt(envelope, "/signatures/0/sig");
  if (!payload_bytes || !signature) return BadReceipt("the envelope has no payload or signature");
  const absl::string_view payload = AsText(*payload_bytes);
  const ReadJson claimed = ReadJson::parse(payload, nullptr, /*allow_exceptions=*/false);
  const std::string* predicate = TextAt(claimed, "/predicateType");
  if (predicate == nullptr || *predicate != kPredicateType) {
    return BadReceipt(absl::StrCat("not a statement of the predicate type ", kPredicateType));
  }
  const std::optional<crypto::PublicKey> signer = SignerIn(claimed);
  if (!signer || !crypto::VerifySignature(*signer, PreAuthentication(payload), *signature).ok()) {
    return BadReceipt("not signed by the key that it names");
  }
  if (receipt != FormatEnvelope(payload, *signer, *signature)) {
    return BadReceipt("the envelope is not exactly as it was written");
  }

  ST_ASSIGN_OR_RETURN(const ReceiptEntries entries, EntriesIn(claimed));
  CheckedReceipt checked{.statement = {}, .entries = {}, .signer = *signer};
  for (const ReceiptEntry* entry : InOrder(entries)) {
    const auto proven = CheckProof(entry->proof, AsBytes(entry->bytes), vkeys);
    if (!proven.ok()) {
      return BadReceipt(absl::StrCat("its entry ", checked.entries.size() + 1,
                                     " of 4: ", proven.status().message()));
    }
    checked.entries.push_back(*proven);
  }
  ST_ASSIGN_OR_RETURN(checked.statement, StatementOf(entries, *signer));
  ST_RETURN_IF_ERROR(CheckClaims(payload, claimed, checked.statement));
  return checked;
}

absl::StatusOr<Digest> CheckExport(const CheckedReceipt& receipt, const ReceiptEntry& exported,
                                   const std::vector<std::string>& vkeys) {
  ST_ASSIGN_OR_RETURN(const ProvenEntry proven,
                      CheckProof(exported.proof, AsBytes(exported.bytes), vkeys));
  ST_ASSIGN_OR_RETURN(const Event event, DecodeEvent(exported.bytes));
  const Object& object = event.object();
  if (event.type() != MODEL_EXPORTED || event.phase() != SUCCEEDED ||
      !IsSha256(object.artifact_sha256())) {
    return absl::DataLossError("the entry tells of no model that was exported");
  }
  // Custody gives a name to one model only.
  const Json& dataset = receipt.statement["predicate"]["dataset"];
  const ProvenEntry& sealed = receipt.entries.back();
  if (object.model() != receipt.statement["subject"][0]["name"] ||
      object.dataset() != dataset["name"] || object.generation() != dataset["generation"] ||
      proven.checkpoint.origin != sealed.checkpoint.origin || proven.index <= sealed.index) {
    return absl::DataLossError("the entry tells of another model than the receipt");
  }
  Digest digest;
  std::copy_n(AsBytes(object.artifact_sha256()).begin(), digest.size(), digest.begin());
  return digest;
}

}  // namespace sealtrain::audit
