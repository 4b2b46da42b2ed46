#include "sealtrain/audit/model_receipt.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;
using ::testing::HasSubstr;
using ReceiptJson = nlohmann::ordered_json;

constexpr std::uint8_t kCustody = 0x21;  // seed of the key that signs receipts

// The four events of a run, as custody writes them.
struct RunEvents {
  Event policy;
  Event snapshot;
  Event access;
  Event model;
};

RunEvents TestRun(const std::string& model = "spam", std::uint64_t first = 1) {
  RunEvents run;
  PolicyRef policy;
  policy.set_id("mails");
  policy.set_version(2);
  policy.set_sha256(std::string(32, 'P'));

  run.policy = TestEvent(first);
  run.policy.set_type(POLICY_APPLIED);
  run.policy.set_phase(SUCCEEDED);
  run.policy.mutable_actor()->set_principal("user:eve");
  *run.policy.mutable_policy() = policy;

  Object data;
  data.set_dataset("mails/train");
  data.set_generation(3);
  data.set_manifest_sha256(std::string(32, 'M'));
  run.snapshot = TestEvent(first + 1);
  run.snapshot.set_type(SNAPSHOT_COMMITTED);
  run.snapshot.set_phase(SUCCEEDED);
  *run.snapshot.mutable_object() = data;
  run.snapshot.mutable_object()->set_review_sha256(std::string(32, 'R'));

  data.set_model(model);
  run.access = TestEvent(first + 2);
  run.access.set_request_uid(run.access.uid());
  run.access.mutable_actor()->set_principal("workload:abuse-train");
  run.access.mutable_actor()->set_executable_sha256(std::string(32, 'E'));
  run.access.mutable_actor()->set_trust("LOCKED");
  run.access.set_action("TRAIN");
  run.access.set_purpose("safety/abuse-detection");
  *run.access.mutable_object() = data;
  run.access.mutable_object()->add_column("body");
  run.access.mutable_object()->add_column("spam");
  run.access.mutable_object()->add_withheld_column("sender");
  *run.access.mutable_policy() = policy;
  run.access.mutable_policy()->add_rule("train-private");
  run.access.mutable_privacy()->set_epsilon(2.5);
  run.access.mutable_privacy()->set_delta(1e-5);

  run.model = TestEvent(first + 3);
  run.model.set_type(MODEL_SEALED);
  run.model.set_phase(SUCCEEDED);
  run.model.set_request_uid(run.access.uid());
  run.model.mutable_actor()->set_principal("workload:abuse-train");
  run.model.set_action("TRAIN");
  run.model.set_purpose("safety/abuse-detection");
  *run.model.mutable_object() = data;
  run.model.mutable_object()->set_artifact_sha256(std::string(32, 'A'));
  *run.model.mutable_policy() = policy;
  run.model.mutable_privacy()->set_epsilon(2.25);
  run.model.mutable_privacy()->set_delta(1e-5);
  run.model.mutable_privacy()->set_unit("RECORD");
  run.model.mutable_privacy()->set_ledger_epsilon(2.75);
  return run;
}

std::vector<Event> InTime(const RunEvents& run) {
  return {run.policy, run.snapshot, run.access, run.model};
}

// A log of these events, and proofs of all of them under its last checkpoint.
std::vector<ReceiptEntry> LogOf(const std::vector<Event>& events, std::uint8_t seed = 7) {
  testing::TempDir dir;
  const std::string path = dir.Join("audit");
  EXPECT_OK(AuditLog::Create(env, TestOptions(path), TestKey(seed)));
  {
    auto log = AuditLog::Open(env, TestOptions(path), TestKey(seed));
    EXPECT_OK(log);
    for (const Event& event : events) EXPECT_OK((*log)->Append(event));
  }
  auto reader = LogReader::Open(env, path);
  EXPECT_OK(reader);
  std::vector<ReceiptEntry> entries;
  EXPECT_OK((*reader)->ForEach(0, events.size(), [&](const Entry& entry) {
    entries.push_back({.bytes = entry.bytes, .proof = *(*reader)->Prove(entry.index)});
    return true;
  }));
  return entries;
}

ReceiptEntries Four(const std::vector<ReceiptEntry>& log, std::size_t first = 0) {
  return {log[first], log[first + 1], log[first + 2], log[first + 3]};
}

absl::StatusOr<std::string> ReceiptOf(const RunEvents& run) {
  return SignModelReceipt(Four(LogOf(InTime(run))), TestKey(kCustody));
}

absl::StatusOr<CheckedReceipt> Check(const std::string& receipt) {
  return CheckModelReceipt(receipt, {FormatVkey(TestVerifier())});
}

std::string PayloadOf(const std::string& receipt) {
  return std::string(
      AsText(*DecodeBase64(ReceiptJson::parse(receipt)["payload"].get<std::string>())));
}

// An envelope as DSSE has it, made without the code that is tested.
std::string Envelope(const std::string& payload, std::uint8_t seed = kCustody,
                     const std::string& type = "application/vnd.in-toto+json") {
  const crypto::SigningKey key = TestKey(seed);
  const std::string pae =
      absl::StrCat("DSSEv1 ", type.size(), " ", type, " ", payload.size(), " ", payload);
  const std::string keyid = HexEncode(crypto::Sha256(key.public_key())).substr(0, 16);
  return absl::StrCat(R"({"payloadType":")", type, R"(","payload":")",
                      EncodeBase64(AsBytes(payload)), R"(","signatures":[{"keyid":")", keyid,
                      R"(","sig":")", EncodeBase64(key.Sign(AsBytes(pae))), "\"}]}\n");
}

TEST(ModelReceipt, SaysWhatTheEntriesSay) {
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(TestRun()));
  ASSERT_OK_AND_ASSIGN(const CheckedReceipt checked, Check(receipt));
  EXPECT_EQ(checked.signer, TestKey(kCustody).public_key());
  ASSERT_EQ(checked.entries.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(checked.entries[i].index, i);
  EXPECT_EQ(checked.entries[0].checkpoint.size, 4u);
  ReceiptJson statement = checked.statement;
  EXPECT_EQ(statement["predicate"]["log"]["entries"].size(), 4u);
  statement["predicate"].erase("log");
  const auto hex = [](char c) { return HexEncode(AsBytes(std::string(32, c))); };
  const ReceiptJson expected = {
      {"_type", "https://in-toto.io/Statement/v1"},
      {"subject", ReceiptJson::array({{{"name", "spam"}, {"digest", {{"sha256", hex('A')}}}}})},
      {"predicateType", "urn:sealtrain:model-receipt:1"},
      {"predicate",
       {{"dataset",
         {{"name", "mails/train"},
          {"generation", 3u},
          {"manifest_sha256", hex('M')},
          {"review_sha256", hex('R')}}},
        {"policy",
         {{"id", "mails"}, {"version", 2u}, {"sha256", hex('P')}, {"rules", {"train-private"}}}},
        {"purpose", "safety/abuse-detection"},
        {"principal", "workload:abuse-train"},
        {"columns", {"body", "spam"}},
        {"trainer", {{"executable_sha256", hex('E')}, {"trust", "LOCKED"}}},
        {"privacy", {{"epsilon", 2.25}, {"delta", 1e-5}, {"unit", "RECORD"}}},
        {"times",
         {{"policy_applied", "2023-11-14T22:13:20.000000001Z"},
          {"snapshot_committed", "2023-11-14T22:13:20.000000002Z"},
          {"access_granted", "2023-11-14T22:13:20.000000003Z"},
          {"model_sealed", "2023-11-14T22:13:20.000000004Z"}}},
        {"signer", {{"public_key", HexEncode(checked.signer)}}}}}};
  EXPECT_EQ(statement.dump(1), expected.dump(1));
}

TEST(ModelReceipt, IsADsseEnvelope) {
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(TestRun()));
  EXPECT_EQ(receipt, Envelope(PayloadOf(receipt)));
}

TEST(ModelReceipt, SaysNothingWhereTheLogSaysNothing) {
  RunEvents run = TestRun();
  run.access.clear_privacy();
  run.model.clear_privacy();
  run.access.mutable_actor()->clear_executable_sha256();
  run.snapshot.set_type(DATASET_RESEALED);
  run.snapshot.mutable_object()->clear_review_sha256();
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(run));
  ASSERT_OK_AND_ASSIGN(const CheckedReceipt checked, Check(receipt));
  const ReceiptJson& predicate = checked.statement["predicate"];
  EXPECT_TRUE(predicate["privacy"].is_null());
  EXPECT_TRUE(predicate["dataset"]["review_sha256"].is_null());
  EXPECT_TRUE(predicate["trainer"]["executable_sha256"].is_null());
}

TEST(ModelReceipt, HoldsInALongerLogUnderAnyOfItsKeys) {
  std::vector<Event> events = InTime(TestRun("first"));
  for (std::uint64_t n = 50; n < 60; ++n) events.push_back(TestEvent(n));
  for (const Event& event : InTime(TestRun("second", 100))) events.push_back(event);
  ASSERT_OK_AND_ASSIGN(const std::string receipt,
                       SignModelReceipt(Four(LogOf(events), 14), TestKey(kCustody)));
  ASSERT_OK_AND_ASSIGN(
      const CheckedReceipt checked,
      CheckModelReceipt(receipt, {FormatVkey(TestVerifier(8)), FormatVkey(TestVerifier())}));
  EXPECT_EQ(checked.statement["subject"][0]["name"], "second");
  EXPECT_EQ(checked.entries[3].index, 17u);
  EXPECT_EQ(checked.entries[0].key, TestVerifier());
}

// Signed anew after the change, as whoever has a key of their own can do.
TEST(ModelReceipt, RefusesEveryChangedClaim) {
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(TestRun()));
  const ReceiptJson statement = ReceiptJson::parse(PayloadOf(receipt));
  const ReceiptJson claims = statement.flatten();
  EXPECT_EQ(claims.size(), 39u);
  for (const auto& [place, value] : claims.items()) {
    ReceiptJson changed = statement;
    ReceiptJson& claim = changed[ReceiptJson::json_pointer(place)];
    if (value.is_string()) {
      claim = absl::StrCat(value.get<std::string>(), "0");
    } else if (value.is_number_float()) {
      claim = value.get<double>() / 2;
    } else {
      claim = value.get<std::uint64_t>() + 1;
    }
    const auto checked = Check(Envelope(OneLine(changed)));
    EXPECT_THAT(checked, StatusIs(kDataLoss)) << place;
    const bool readable = absl::StartsWith(place, "/predicate/") &&
                          !absl::StrContains(place, "/entries/") &&
                          !absl::StrContains(place, "/signer/");
    if (readable) {
      EXPECT_THAT(checked.status().message(), HasSubstr(place));
    }
    claim = nullptr;
    EXPECT_THAT(Check(Envelope(OneLine(changed))), StatusIs(kDataLoss)) << place;
    claim = ReceiptJson::object({{"x", value}});
    EXPECT_THAT(Check(Envelope(OneLine(changed))), StatusIs(kDataLoss)) << place;
  }
}

TEST(ModelReceipt, RefusesMissingAndAddedClaims) {
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(TestRun()));
  const std::string payload = PayloadOf(receipt);
  const ReceiptJson statement = ReceiptJson::parse(payload);
  for (const auto& [name, value] : statement["predicate"].items()) {
    ReceiptJson changed = statement;
    changed["predicate"].erase(name);
    EXPECT_THAT(Check(Envelope(OneLine(changed))), StatusIs(kDataLoss)) << name;
  }
  for (const char* place :
       {"/more", "/subject/1", "/subject/0/uri", "/predicate/more", "/predicate/columns/2",
        "/predicate/policy/rules/1", "/predicate/privacy/relation", "/predicate/log/entries/4"}) {
    ReceiptJson changed = statement;
    changed[ReceiptJson::json_pointer(place)] = statement["subject"][0];
    EXPECT_THAT(Check(Envelope(OneLine(changed))), StatusIs(kDataLoss)) << place;
  }
  // What another reader might take for the first or the last of two.
  const std::string twice =
      absl::StrReplaceAll(payload, {{R"("purpose":)", R"("purpose":"ads","purpose":)"}});
  EXPECT_THAT(Check(Envelope(twice)), StatusIs(kDataLoss));
  EXPECT_THAT(Check(Envelope(statement.dump(1))), StatusIs(kDataLoss));
  EXPECT_THAT(Check(Envelope(payload + " ")), StatusIs(kDataLoss));
  EXPECT_OK(Check(Envelope(payload)));
}

TEST(ModelReceipt, RefusesChangedBytes) {
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(TestRun()));
  for (std::size_t i = 0; i < receipt.size(); i += 13) {
    std::string changed = receipt;
    changed[i] ^= 1;
    ASSERT_THAT(Check(changed), StatusIs(kDataLoss)) << i;
  }
  for (std::size_t i = 0; i < receipt.size(); i += 97) {
    ASSERT_THAT(Check(receipt.substr(0, i)), StatusIs(kDataLoss)) << i;
  }
  EXPECT_THAT(Check(receipt + "\n"), StatusIs(kDataLoss));
}

TEST(ModelReceipt, RefusesEntriesThatDoNotBelongTogether) {
  std::vector<Event> events = InTime(TestRun("spam"));
  for (const Event& event : InTime(TestRun("ham", 100))) events.push_back(event);
  const std::vector<ReceiptEntry> log = LogOf(events);
  const auto sign = [&](std::size_t policy, std::size_t snapshot, std::size_t access,
                        std::size_t model) {
    return SignModelReceipt({log[policy], log[snapshot], log[access], log[model]},
                            TestKey(kCustody));
  };
  EXPECT_OK(sign(0, 1, 2, 3));
  EXPECT_OK(sign(4, 5, 6, 7));
  // Of the same policy and data, as two runs may share them.
  EXPECT_OK(sign(0, 1, 6, 7));
  EXPECT_THAT(sign(0, 1, 2, 7), StatusIs(kDataLoss));  // another run's model
  EXPECT_THAT(sign(0, 1, 6, 3), StatusIs(kDataLoss));
  EXPECT_THAT(sign(4, 1, 2, 3), StatusIs(kDataLoss));  // after the access
  EXPECT_THAT(sign(0, 5, 2, 3), StatusIs(kDataLoss));
  EXPECT_THAT(sign(1, 0, 2, 3), StatusIs(kDataLoss));
  EXPECT_THAT(sign(0, 1, 3, 2), StatusIs(kDataLoss));
  EXPECT_THAT(sign(0, 0, 2, 3), StatusIs(kDataLoss));
  EXPECT_THAT(sign(0, 1, 2, 2), StatusIs(kDataLoss));
  EXPECT_THAT(sign(0, 1, 3, 3), StatusIs(kDataLoss));
}

// The checker's own word for the same: what it lists is not what it tells of.
TEST(ModelReceipt, RefusesOtherEntriesThanItTellsOf) {
  std::vector<Event> events = InTime(TestRun("spam"));
  for (const Event& event : InTime(TestRun("ham", 100))) events.push_back(event);
  const std::vector<ReceiptEntry> log = LogOf(events);
  ASSERT_OK_AND_ASSIGN(const std::string spam, SignModelReceipt(Four(log), TestKey(kCustody)));
  ASSERT_OK_AND_ASSIGN(const std::string ham, SignModelReceipt(Four(log, 4), TestKey(kCustody)));
  const ReceiptJson statement = ReceiptJson::parse(PayloadOf(spam));
  const ReceiptJson other = ReceiptJson::parse(PayloadOf(ham))["predicate"]["log"]["entries"];
  const ReceiptJson::json_pointer entries("/predicate/log/entries");
  const auto refuses = [&](const ReceiptJson& listed) {
    ReceiptJson changed = statement;
    changed[entries] = listed;
    EXPECT_THAT(Check(Envelope(OneLine(changed))), StatusIs(kDataLoss)) << listed;
  };
  refuses(other);
  const ReceiptJson own = statement[entries];
  for (std::size_t i = 0; i < 4; ++i) {
    ReceiptJson listed = own;
    listed[i] = other[i];
    refuses(listed);
    for (std::size_t j = 0; j < i; ++j) {
      listed = own;
      std::swap(listed[i], listed[j]);
      refuses(listed);
      listed = own;
      listed[i] = own[j];
      refuses(listed);
      // The bytes of one under the proof of another.
      listed = own;
      std::swap(listed[i]["entry"], listed[j]["entry"]);
      refuses(listed);
    }
    listed = own;
    listed.erase(i);
    refuses(listed);
    listed = own;
    listed.push_back(own[i]);
    refuses(listed);
  }
}

TEST(ModelReceipt, RefusesEventsThatDisagree) {
  const std::vector<std::pair<const char*, std::function<void(RunEvents&)>>> changes = {
      {"policy type", [](RunEvents& run) { run.policy.set_type(POLICY_SIGNED); }},
      {"policy phase", [](RunEvents& run) { run.policy.set_phase(FAILED); }},
      {"policy digest",
       [](RunEvents& run) { run.policy.mutable_policy()->set_sha256(std::string(32, 'p')); }},
      {"policy version", [](RunEvents& run) { run.policy.mutable_policy()->set_version(3); }},
      {"policy id", [](RunEvents& run) { run.policy.mutable_policy()->set_id("mail"); }},
      {"snapshot type", [](RunEvents& run) { run.snapshot.set_type(SEAL_ACCESS); }},
      {"snapshot phase", [](RunEvents& run) { run.snapshot.set_phase(INTENT); }},
      {"snapshot data set",
       [](RunEvents& run) { run.snapshot.mutable_object()->set_dataset("m"); }},
      {"snapshot generation",
       [](RunEvents& run) { run.snapshot.mutable_object()->set_generation(4); }},
      {"snapshot manifest",
       [](RunEvents& run) {
         run.snapshot.mutable_object()->set_manifest_sha256(std::string(32, 'm'));
       }},
      {"review", [](RunEvents& run) { run.snapshot.mutable_object()->set_review_sha256("R"); }},
      {"access type", [](RunEvents& run) { run.access.set_type(EVALUATE_ACCESS); }},
      {"access phase", [](RunEvents& run) { run.access.set_phase(DENIED); }},
      {"no column", [](RunEvents& run) { run.access.mutable_object()->clear_column(); }},
      {"no rule", [](RunEvents& run) { run.access.mutable_policy()->clear_rule(); }},
      {"executable",
       [](RunEvents& run) { run.access.mutable_actor()->set_executable_sha256("E"); }},
      {"access privacy", [](RunEvents& run) { run.access.clear_privacy(); }},
      {"access model", [](RunEvents& run) { run.access.mutable_object()->set_model("ham"); }},
      {"access uid", [](RunEvents& run) { run.access.set_uid("0123456789abcdef"); }},
      {"access request", [](RunEvents& run) { run.access.clear_request_uid(); }},
      {"model type", [](RunEvents& run) { run.model.set_type(MODEL_EXPORTED); }},
      {"model phase", [](RunEvents& run) { run.model.set_phase(FAILED); }},
      {"model request", [](RunEvents& run) { run.model.set_request_uid("0123456789abcdef"); }},
      {"model principal",
       [](RunEvents& run) { run.model.mutable_actor()->set_principal("user:eve"); }},
      {"model action", [](RunEvents& run) { run.model.set_action("EVALUATE"); }},
      {"model purpose", [](RunEvents& run) { run.model.set_purpose("ads"); }},
      {"model data set", [](RunEvents& run) { run.model.mutable_object()->set_dataset("m"); }},
      {"model generation", [](RunEvents& run) { run.model.mutable_object()->set_generation(4); }},
      {"model manifest",
       [](RunEvents& run) {
         run.model.mutable_object()->set_manifest_sha256(std::string(32, 'm'));
       }},
      {"model policy",
       [](RunEvents& run) { run.model.mutable_policy()->set_sha256(std::string(32, 'p')); }},
      {"model artifact",
       [](RunEvents& run) { run.model.mutable_object()->set_artifact_sha256("A"); }},
      {"model privacy", [](RunEvents& run) { run.model.clear_privacy(); }},
      {"no name",
       [](RunEvents& run) {
         run.access.mutable_object()->clear_model();
         run.model.mutable_object()->clear_model();
       }},
      {"no number",
       [](RunEvents& run) {
         run.model.mutable_privacy()->set_epsilon(std::numeric_limits<double>::quiet_NaN());
       }},
      {"no bound",
       [](RunEvents& run) {
         run.model.mutable_privacy()->set_epsilon(std::numeric_limits<double>::infinity());
       }},
  };
  for (const auto& [what, change] : changes) {
    RunEvents run = TestRun();
    change(run);
    EXPECT_THAT(ReceiptOf(run), StatusIs(kDataLoss)) << what;
  }
  // A manifest that all of them lack is none.
  RunEvents run = TestRun();
  for (Event* event : {&run.snapshot, &run.access, &run.model}) {
    event->mutable_object()->clear_manifest_sha256();
  }
  EXPECT_THAT(ReceiptOf(run), StatusIs(kDataLoss));
  for (Event* event : {&run.policy, &run.access, &run.model}) {
    event->mutable_policy()->clear_sha256();
  }
  EXPECT_THAT(ReceiptOf(run), StatusIs(kDataLoss));
}

TEST(ModelReceipt, RefusesProofsOfAnotherLog) {
  const std::vector<Event> events = InTime(TestRun());
  const std::vector<ReceiptEntry> ours = LogOf(events);
  const std::vector<ReceiptEntry> theirs = LogOf(events, 8);
  ASSERT_OK_AND_ASSIGN(const std::string receipt,
                       SignModelReceipt(Four(theirs), TestKey(kCustody)));
  EXPECT_THAT(Check(receipt), StatusIs(kDataLoss));
  EXPECT_OK(CheckModelReceipt(receipt, {FormatVkey(TestVerifier(8))}));
  for (std::size_t i = 0; i < 4; ++i) {
    std::vector<ReceiptEntry> mixed = ours;
    mixed[i] = theirs[i];
    EXPECT_THAT(SignModelReceipt(Four(mixed), TestKey(kCustody)), StatusIs(kDataLoss)) << i;
  }
}

TEST(ModelReceipt, RefusesProofsUnderTwoCheckpoints) {
  std::vector<Event> events = InTime(TestRun());
  const std::vector<ReceiptEntry> early = LogOf(events);
  events.push_back(TestEvent(50));
  std::vector<ReceiptEntry> late = LogOf(events);
  EXPECT_OK(SignModelReceipt(Four(late), TestKey(kCustody)));
  late[0] = early[0];
  EXPECT_THAT(SignModelReceipt(Four(late), TestKey(kCustody)), StatusIs(kDataLoss));
}

TEST(ModelReceipt, RefusesExtraDataOfAProof) {
  std::vector<ReceiptEntry> log = LogOf(InTime(TestRun()));
  ASSERT_OK_AND_ASSIGN(TlogProof proof, ParseTlogProof(log[2].proof));
  proof.extra = {1, 2, 3};
  log[2].proof = FormatTlogProof(proof);
  EXPECT_THAT(SignModelReceipt(Four(log), TestKey(kCustody)), StatusIs(kDataLoss));
}

TEST(ModelReceipt, RefusesWhatIsNoEntry) {
  for (const std::string& bytes : {std::string(), std::string("x"), std::string(20'000, 'x')}) {
    std::vector<ReceiptEntry> log = LogOf(InTime(TestRun()));
    log[1].bytes = bytes;
    EXPECT_THAT(SignModelReceipt(Four(log), TestKey(kCustody)), StatusIs(kDataLoss));
  }
  std::vector<ReceiptEntry> log = LogOf(InTime(TestRun()));
  log[1].proof.clear();
  EXPECT_THAT(SignModelReceipt(Four(log), TestKey(kCustody)), StatusIs(kDataLoss));
}

TEST(ModelReceipt, IsSignedByTheKeyThatItNames) {
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(TestRun()));
  const std::string payload = PayloadOf(receipt);
  EXPECT_THAT(Check(Envelope(payload, 0x22)), StatusIs(kDataLoss));
  // Anybody can say the same under a key of their own: it is as true, and says who.
  const std::string theirs = HexEncode(TestKey(0x22).public_key());
  const std::string renamed =
      absl::StrReplaceAll(payload, {{HexEncode(TestKey(kCustody).public_key()), theirs}});
  EXPECT_THAT(Check(Envelope(renamed)), StatusIs(kDataLoss));
  ASSERT_OK_AND_ASSIGN(const CheckedReceipt checked, Check(Envelope(renamed, 0x22)));
  EXPECT_EQ(HexEncode(checked.signer), theirs);
}

TEST(ModelReceipt, RefusesOtherEnvelopes) {
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(TestRun()));
  const ReceiptJson envelope = ReceiptJson::parse(receipt);
  EXPECT_THAT(Check(Envelope(PayloadOf(receipt), kCustody, "application/json")),
              StatusIs(kDataLoss, HasSubstr("vnd.in-toto+json")));
  const auto refuses = [](const ReceiptJson& changed) {
    EXPECT_THAT(Check(OneLine(changed) + "\n"), StatusIs(kDataLoss)) << changed;
  };
  for (const char* place :
       {"/payload", "/payloadType", "/signatures", "/signatures/0/keyid", "/signatures/0/sig"}) {
    ReceiptJson changed = envelope;
    for (const ReceiptJson& value : {ReceiptJson(), ReceiptJson("0000"), ReceiptJson(1),
                                     ReceiptJson::array(), ReceiptJson::object()}) {
      changed[ReceiptJson::json_pointer(place)] = value;
      refuses(changed);
    }
  }
  ReceiptJson changed = envelope;
  changed["signatures"].push_back(envelope["signatures"][0]);
  refuses(changed);
  changed = envelope;
  changed["more"] = 1;
  refuses(changed);
  EXPECT_THAT(Check(envelope.dump(1)), StatusIs(kDataLoss));
}

TEST(ModelReceipt, RefusesWhatIsNoReceipt) {
  for (const std::string& text :
       {std::string(), std::string("x"), std::string("null"), std::string("[]"), std::string("{}"),
        std::string(R"({"payloadType":1})")}) {
    EXPECT_THAT(Check(text), StatusIs(kDataLoss)) << text.substr(0, 20);
  }
  for (const std::string& payload :
       {std::string(), std::string("x"), std::string("{}"), std::string("\xFF"),
        std::string(R"({"predicateType":"urn:sealtrain:model-receipt:2"})"),
        std::string(R"({"predicateType":"urn:sealtrain:model-receipt:1"})")}) {
    EXPECT_THAT(Check(Envelope(payload)), StatusIs(kDataLoss)) << payload.substr(0, 20);
  }
  EXPECT_THAT(Check(std::string(kMaxReceiptBytes + 1, ' ')),
              StatusIs(kDataLoss, HasSubstr("longer")));
  EXPECT_THAT(Check(Envelope(R"({"predicateType":"urn:sealtrain:model-receipt:2"})")),
              StatusIs(kDataLoss, HasSubstr("predicate type urn:sealtrain:model-receipt:1")));
}

// As deep as a receipt's size allows, which no stack would bear.
TEST(ModelReceipt, RefusesDeepNestingWithoutHarm) {
  const auto nested = [](const std::string& open, const std::string& close, std::size_t bytes) {
    std::string text;
    const std::size_t depth = bytes / (open.size() + close.size());
    for (std::size_t i = 0; i < depth; ++i) text += open;
    if (!close.empty()) text += "0";
    for (std::size_t i = 0; i < depth; ++i) text += close;
    return text;
  };
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(TestRun()));
  const std::string payload = PayloadOf(receipt);
  for (const auto& [open, close] : {std::pair("[", ""), std::pair("[", "]"),
                                    std::pair(R"({"":)", ""), std::pair(R"({"":)", "}")}) {
    const std::string envelope = nested(open, close, 1'000'000);
    ASSERT_LE(envelope.size(), kMaxReceiptBytes);
    EXPECT_THAT(Check(envelope), StatusIs(kDataLoss)) << open << close;
    // In the payload, and of that where a claim belongs.
    const std::string deep = nested(open, close, 750'000);
    const std::string claim = absl::StrReplaceAll(payload, {{R"("safety/abuse-detection")", deep}});
    for (const std::string& text : {deep, claim}) {
      ASSERT_LE(Envelope(text).size(), kMaxReceiptBytes);
      EXPECT_THAT(Check(Envelope(text)), StatusIs(kDataLoss)) << open << close;
    }
  }
}

TEST(ModelReceipt, LeadsToTheFileThatLeft) {
  const RunEvents run = TestRun();
  Event exported = TestEvent(9);
  exported.set_type(MODEL_EXPORTED);
  exported.set_phase(SUCCEEDED);
  exported.mutable_object()->set_dataset("mails/train");
  exported.mutable_object()->set_generation(3);
  exported.mutable_object()->set_model("spam");
  exported.mutable_object()->set_artifact_sha256(std::string(32, 'X'));
  const std::vector<std::string> vkeys = {FormatVkey(TestVerifier())};
  // What CheckExport() says of that event, which stands behind the run or before it.
  const auto check = [&](const Event& event, bool before = false) -> absl::StatusOr<Digest> {
    std::vector<Event> events = InTime(run);
    events.insert(before ? events.begin() : events.end(), event);
    std::vector<ReceiptEntry> log = LogOf(events);
    const std::size_t at = before ? 0 : 4;
    const ReceiptEntry left = log[at];
    log.erase(log.begin() + static_cast<std::ptrdiff_t>(at));
    const auto receipt =
        SignModelReceipt({.policy = log[0], .snapshot = log[1], .access = log[2], .model = log[3]},
                         TestKey(kCustody));
    EXPECT_OK(receipt.status());
    const auto checked = CheckModelReceipt(*receipt, vkeys);
    EXPECT_OK(checked.status());
    return CheckExport(*checked, left, vkeys);
  };
  ASSERT_OK_AND_ASSIGN(const Digest digest, check(exported));
  EXPECT_EQ(AsText(digest), std::string(32, 'X'));

  const auto another = StatusIs(kDataLoss, HasSubstr("another model"));
  EXPECT_THAT(check(exported, /*before=*/true), another);
  Event changed = exported;
  changed.mutable_object()->set_model("ham");
  EXPECT_THAT(check(changed), another);
  changed = exported;
  changed.mutable_object()->set_dataset("mails");
  EXPECT_THAT(check(changed), another);
  changed = exported;
  changed.mutable_object()->set_generation(4);
  EXPECT_THAT(check(changed), another);
  const auto none = StatusIs(kDataLoss, HasSubstr("no model that was exported"));
  changed = exported;
  changed.set_phase(FAILED);
  EXPECT_THAT(check(changed), none);
  changed = exported;
  changed.set_type(MODEL_SEALED);
  EXPECT_THAT(check(changed), none);
  changed = exported;
  changed.mutable_object()->clear_artifact_sha256();
  EXPECT_THAT(check(changed), none);

  // The entry of another log, however alike.
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(run));
  ASSERT_OK_AND_ASSIGN(const CheckedReceipt checked, CheckModelReceipt(receipt, vkeys));
  EXPECT_THAT(CheckExport(checked, LogOf({exported}, /*seed=*/8)[0], vkeys), StatusIs(kDataLoss));
}

TEST(ModelReceipt, TakesVerifierKeysOnly) {
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(TestRun()));
  EXPECT_THAT(CheckModelReceipt(receipt, {"x"}), StatusIs(kInvalid));
  EXPECT_THAT(CheckModelReceipt(receipt, {}), StatusIs(kDataLoss));
}

TEST(ModelReceipt, IsTheOneOfTheDocument) {
  ASSERT_OK_AND_ASSIGN(const std::string receipt, ReceiptOf(TestRun()));
  EXPECT_EQ(receipt,
            ReadText(SEALTRAIN_SOURCE_DIR "/tests/fuzz/corpus/model_receipt_fuzzer/receipt"));
  EXPECT_EQ(absl::StrCat(FormatVkey(TestVerifier()), "\n"),
            DocumentExample("model-receipt.md", "vkey"));
  ReceiptJson statement = ReceiptJson::parse(PayloadOf(receipt));
  for (ReceiptJson& entry : statement["predicate"]["log"]["entries"]) {
    entry["entry"] = "...";
    entry["proof"] = "...";
  }
  EXPECT_EQ(statement.dump(2) + "\n", DocumentExample("model-receipt.md", "statement"));
}

}  // namespace
}  // namespace sealtrain::audit
