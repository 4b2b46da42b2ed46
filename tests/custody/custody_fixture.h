// A home with one data set "mails" and a policy in force, and the steps of an
// ingestion job, so that a test says only what it is about.
#ifndef SEALTRAIN_TESTS_CUSTODY_CUSTODY_FIXTURE_H_
#define SEALTRAIN_TESTS_CUSTODY_CUSTODY_FIXTURE_H_

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/custody/custodian.h"
#include "sealtrain/custody/manifest_check_internal.h"
#include "sealtrain/custody/policy_approval.h"
#include "sealtrain/tests/util/fault_env.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::testing {

// Syncing costs nothing on a RAM disk, and nobody pulls the plug on these tests.
inline const bool kUsesRamDisk =
    ::access("/dev/shm", W_OK) == 0 && ::setenv("TMPDIR", "/dev/shm", /*overwrite=*/0) == 0;

inline constexpr char kMailProto[] = R"(
syntax = "proto3";
import "sealtrain/data_class.proto";
message Mail {
  string message_id = 1 [(sealtrain.privacy).data_class = DIRECT_IDENTIFIER];
  string sender = 2 [(sealtrain.privacy).data_class = SUBJECT_KEY];
  string client_ip = 3 [(sealtrain.privacy).data_class = NETWORK_ID];
  string body = 4 [(sealtrain.privacy).data_class = FREE_TEXT];
  string note = 5 [(sealtrain.privacy) = { data_class: FREE_TEXT data_class: HEALTH }];
  bool spam = 6 [(sealtrain.privacy).data_class = LABEL];
}
)";

// @ADA@, @BOB@, @EVE@ stand for public keys.
inline constexpr char kMailPolicy[] = R"(
id: "mails" version: 1 author: "eve"
purpose: "abuse" purpose: "ads" purpose: "study" purpose: "plain"
approval {
  required: 2
  approver { name: "ada" public_key: "@ADA@" }
  approver { name: "bob" public_key: "@BOB@" }
  approver { name: "eve" public_key: "@EVE@" }
}
rule {
  id: "seal"
  permit {
    obligation { transform { on_class: DIRECT_IDENTIFIER kind: DROP } }
    obligation { transform { on_class: SUBJECT_KEY kind: PSEUDONYMIZE domain: "abuse" } }
    obligation { transform { on_class: NETWORK_ID kind: TRUNCATE_IP prefix_v4: 24 prefix_v6: 48 } }
    obligation { transform { on_class: FREE_TEXT on_class: HEALTH kind: KEEP } }
    obligation { lease { seconds: 600 } }
    obligation { retention { seconds: 864000 } }
  }
  scope {
    principal: "job" action: INGEST action: SEAL dataset: "mails" purpose: "abuse"
    data_class: DIRECT_IDENTIFIER data_class: SUBJECT_KEY data_class: NETWORK_ID
    data_class: FREE_TEXT data_class: HEALTH data_class: LABEL
  }
}
rule {
  id: "train-private"
  permit {
    obligation { transform { on_class: FREE_TEXT kind: KEEP } }
    obligation { transform { on_class: NETWORK_ID kind: TRUNCATE_IP prefix_v4: 24 prefix_v6: 48 } }
    obligation { dp { epsilon_max: 2 delta_max: 1e-5 unit: RECORD ledger_epsilon: 3 } }
  }
  scope {
    principal: "trainer" action: TRAIN dataset: "mails" purpose: "abuse"
    data_class: FREE_TEXT data_class: LABEL data_class: NETWORK_ID
  }
}
rule {
  id: "train-plain"
  permit {
    obligation { transform { on_class: FREE_TEXT kind: KEEP } }
    obligation { transform { on_class: HEALTH kind: DROP } }
    obligation { lease { seconds: 172800 } }
  }
  scope {
    principal: "trainer" action: TRAIN action: EVALUATE dataset: "mails" purpose: "plain"
    data_class: FREE_TEXT data_class: HEALTH data_class: LABEL
  }
}
rule {
  id: "train-locked"
  permit { obligation { transform { on_class: FREE_TEXT kind: KEEP } } }
  scope {
    principal: "trainer" action: TRAIN dataset: "mails" purpose: "study"
    data_class: FREE_TEXT data_class: LABEL
  }
  when { trust_at_least: LOCKED }
}
rule {
  id: "export-plain"
  permit {}
  scope {
    principal: "trainer" action: EXPORT_MODEL dataset: "mails" purpose: "plain"
    data_class: FREE_TEXT data_class: HEALTH data_class: LABEL
  }
}
test {
  name: "ads get nothing"
  request {
    principal: "trainer" action: TRAIN dataset: "mails" purpose: "ads"
    column { name: "spam" data_class: LABEL }
  }
  expect { allow: false }
}
)";

// A clock that stands still until it is told.
struct FakeClock {
  absl::Time now = absl::FromUnixSeconds(1'900'000'000);
  std::function<absl::Time()> function() {
    return [this] { return now; };
  }
};

class CustodyTest : public ::testing::Test {
 protected:
  using Custodian = custody::Custodian;

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(schema_, MakeSchema(kMailProto));
    ASSERT_OK_AND_ASSIGN(passphrase_, crypto::SecretBytes::CopyFrom(AsBytes("open sesame")));
    for (const char* name : {"ada", "bob", "eve"}) {
      ASSERT_OK_AND_ASSIGN(crypto::SigningKey key, crypto::SigningKey::Generate());
      approver_keys_.emplace(name, std::move(key));
    }
    ASSERT_OK(Custodian::Create(options(), init(), passphrase_));
    Open();
  }

  custody::CustodianOptions options() {
    return {.home = home(), .env = &env_, .clock = clock_.function()};
  }
  static Custodian::InitOptions init() {
    return {.log_origin = "example.org/sealtrain/audit",
            .argon2 = {.memory_bytes = 8 << 10, .passes = 1}};
  }
  std::string home() const { return dir_.Join("home"); }

  absl::StatusOr<std::shared_ptr<const policy::Schema>> MakeSchema(const std::string& text) {
    const std::string path = dir_.Join("mail.proto");
    std::ofstream(path) << text;
    return policy::Schema::FromProtoFile(path, "Mail");
  }

  // Ends the custodian as a crash would: whatever was not durable is gone.
  void Reopen() {
    custodian_.reset();
    env_.Heal();
    Open();
  }
  void Open() { ASSERT_OK_AND_ASSIGN(custodian_, Custodian::Open(options(), passphrase_)); }

  // --- policy ---
  std::string WithKeys(const std::string& text) const {
    std::vector<std::pair<std::string, std::string>> keys;
    for (const auto& [name, key] : approver_keys_) {
      keys.emplace_back(absl::StrCat("@", absl::AsciiStrToUpper(name), "@"),
                        HexEncode(key.public_key()));
    }
    return absl::StrReplaceAll(text, keys);
  }
  // `text`, which is a first version, as a later one that follows `previous`.
  static std::string Next(const std::string& text, const std::string& previous,
                          const std::string& version = "2") {
    return absl::StrReplaceAll(
        text, {{"version: 1", absl::StrCat("version: ", version, " previous_sha256: \"",
                                           HexEncode(crypto::Sha256(AsBytes(previous))), "\"")}});
  }
  std::string Approve(const std::string& text, const std::vector<std::string>& names) const {
    std::string lines;
    for (const std::string& name : names) {
      lines += *custody::ApprovePolicy(text, name, approver_keys_.at(name));
    }
    return lines;
  }
  absl::Status ApplyText(const std::string& text) {
    return custodian_->ApplyPolicy("admin", text, "mails.textproto", Approve(text, {"ada", "bob"}));
  }
  // Data set and policy.
  void Furnish() {
    ASSERT_OK(custodian_->CreateDataset("admin", "mails", schema_));
    ASSERT_OK(ApplyText(WithKeys(kMailPolicy)));
  }

  // --- ingestion ---
  absl::StatusOr<custody::IngestPermits> RequestIngest() {
    return custodian_->RequestIngest({.principal = "job", .dataset = "mails", .purpose = "abuse"});
  }

  // The manifest that an honest job writes after sealing one shard of
  // `rows` rows for each of `shards`.
  custody::Manifest NextManifest(const custody::Grant& grant, const std::vector<Id>& shards,
                                 std::uint64_t rows) const {
    custody::Manifest manifest = newest_;
    manifest.set_format(1);
    manifest.set_dataset(grant.dataset);
    manifest.set_generation(grant.generation + 1);
    if (grant.generation > 0) manifest.set_previous_sha256(Text(grant.manifest_sha256));
    manifest.set_message_name(grant.schema->message_name());
    manifest.set_schema_sha256(Text(grant.schema->digest()));
    const auto now = static_cast<std::uint64_t>(absl::ToUnixNanos(clock_.now));
    manifest.set_retention_unix_ns(
        custody::RetentionDeadlineNs(newest_.retention_unix_ns(), now, grant.decision.retention));
    manifest.set_committed_unix_ns(now);
    custody::SealPlan& plan = *manifest.add_plan();
    plan.set_permit_id(Text(grant.permit_id));
    plan.set_policy_id(grant.decision.policy_id);
    plan.set_policy_version(grant.decision.policy_version);
    plan.set_policy_sha256(Text(grant.decision.policy_sha256));
    plan.set_review_sha256(std::string(32, 'r'));
    for (std::size_t i = 0; i < grant.schema->columns().size(); ++i) {
      const policy::Column& column = grant.schema->columns()[i];
      custody::SealedColumn& sealed = *plan.add_column();
      sealed.set_id(column.id);
      sealed.set_name(column.name);
      for (const DataClass c : column.classes) sealed.add_data_class(c);
      *sealed.mutable_applied() = grant.decision.columns[i].transform;
    }
    for (const Id& id : shards) {
      custody::Shard& shard = *manifest.add_shard();
      shard.set_id(Text(id));
      shard.set_plan(static_cast<std::uint32_t>(manifest.plan_size() - 1));
      shard.set_rows(rows);
      shard.set_file_bytes(1000);
      shard.set_header_sha256(std::string(32, 'h'));
      shard.set_segments(7);
      shard.set_segments_root(std::string(32, 't'));
      shard.set_key_epoch(grant.key_epoch);
      manifest.set_rows(manifest.rows() + rows);
    }
    return manifest;
  }

  absl::StatusOr<custody::SignedManifest> Sign(const custody::Permit<policy::SEAL>& permit,
                                               const std::string& bytes) const {
    return custodian_->SignManifest(permit, bytes, writer_.public_key(),
                                    writer_.Sign(custody::ManifestSignedBytes('W', bytes)));
  }
  absl::StatusOr<custody::SignedManifest> Sign(const custody::Permit<policy::SEAL>& permit,
                                               const custody::Manifest& manifest) const {
    return Sign(permit, manifest.SerializeAsString());
  }

  // A whole ingestion of one shard; returns its keys as the job had them.
  absl::StatusOr<custody::ShardKeys> IngestOneShard(std::uint64_t rows = 100) {
    absl::StatusOr<custody::IngestPermits> permits = RequestIngest();
    if (!permits.ok()) return permits.status();
    absl::StatusOr<custody::ShardKeys> keys = custodian_->ReleaseNewShardKeys(permits->seal);
    if (!keys.ok()) return keys.status();
    const custody::Manifest manifest = NextManifest(permits->seal.grant(), {keys->shard_id}, rows);
    absl::StatusOr<custody::SignedManifest> signed_manifest = Sign(permits->seal, manifest);
    if (!signed_manifest.ok()) return signed_manifest.status();
    absl::Status status =
        custodian_->AdvanceGeneration(std::move(permits->seal), *signed_manifest, 0);
    if (!status.ok()) return status;
    newest_ = manifest;
    return keys;
  }

  // --- resealing ---
  // The manifest that an honest reseal of `newest_` writes.
  custody::Manifest ResealedManifest(const custody::Grant& grant) const {
    custody::Manifest manifest = newest_;
    manifest.set_generation(newest_.generation() + 1);
    manifest.set_previous_sha256(Text(grant.manifest_sha256));
    custody::Reseal& reseal = *manifest.add_reseal();
    reseal.set_permit_id(Text(grant.permit_id));
    reseal.set_policy_id(grant.decision.policy_id);
    reseal.set_policy_version(grant.decision.policy_version);
    reseal.set_policy_sha256(Text(grant.decision.policy_sha256));
    reseal.set_plans(static_cast<std::uint32_t>(newest_.plan_size()));
    return manifest;
  }

  // --- opening ---
  static custody::DpPlan PlanOf(std::uint64_t steps, double noise_multiplier = 2.0) {
    return {.phase = {.sampling_rate = 0.01, .noise_multiplier = noise_multiplier, .steps = steps},
            .delta = 1e-5,
            .unit = policy::RECORD};
  }
  custody::TrainRequest PrivateRun(const std::string& model, std::uint64_t steps = 100) const {
    return {.principal = "trainer",
            .dataset = "mails",
            .purpose = "abuse",
            .columns = {"body", "spam"},
            .model = model,
            .dp = PlanOf(steps)};
  }
  custody::TrainRequest PlainRun(const std::string& model) const {
    return {.principal = "trainer",
            .dataset = "mails",
            .purpose = "plain",
            .columns = {"body", "note", "spam"},
            .model = model,
            .dp = std::nullopt};
  }

  // --- the log ---
  // The verifier keys in log.vkey.
  static std::vector<std::string> LogVkeys(const std::string& home) {
    return absl::StrSplit(*Env::Posix().ReadFile(JoinPath(home, "audit/log.vkey"), 1 << 16), '\n',
                          absl::SkipEmpty());
  }
  std::vector<audit::Event> Events() {
    std::vector<audit::Event> events;
    // Published, if the log can still be written.
    if (custodian_ != nullptr) custodian_->AuditCheckpoint().status().IgnoreError();
    auto reader = audit::LogReader::Open(Env::Posix(), JoinPath(home(), "audit"));
    EXPECT_OK(reader);
    if (!reader.ok()) return events;
    EXPECT_OK((*reader)->ForEach(0, (*reader)->checkpoint().size, [&](const audit::Entry& entry) {
      events.push_back(entry.event);
      return true;
    }));
    return events;
  }
  // The newest that tells of more than that a process is there.
  audit::Event LastEvent() {
    std::vector<audit::Event> events = Events();
    while (!events.empty() && IsOfSession(events.back())) events.pop_back();
    return events.empty() ? audit::Event() : events.back();
  }
  static bool IsOfSession(const audit::Event& event) {
    return event.type() == audit::LOG_STARTED || event.type() == audit::LOG_STOPPED ||
           event.type() == audit::HEARTBEAT;
  }

  template <typename Array>
  static std::string Text(const Array& bytes) {
    return std::string(AsText(bytes));
  }

  TempDir dir_;
  FaultEnv env_;
  FakeClock clock_;
  crypto::SecretBytes passphrase_;
  crypto::SigningKey writer_ = *crypto::SigningKey::Generate();
  std::map<std::string, crypto::SigningKey> approver_keys_;
  std::shared_ptr<const policy::Schema> schema_;
  custody::Manifest newest_;
  std::unique_ptr<Custodian> custodian_;
};

// The same with data set, policy and one shard of 100 rows.
class FurnishedCustodyTest : public CustodyTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(CustodyTest::SetUp());
    ASSERT_NO_FATAL_FAILURE(Furnish());
  }
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_CUSTODY_CUSTODY_FIXTURE_H_
