// The custodian in our own process. Its calls stand in files by what they
// are about: embedded_custodian.cc (data sets, policy, leases), deciding.cc,
// sealing.cc, resealing.cc, opening.cc, models.cc, exporting.cc, receipts.cc,
// sealed_entries.cc, rotation.cc.
//
// Invariants:
//   1. A permit or key leaves only after the event that tells of it is durable.
//   2. A reservation in the ledger is durable before that event is.
//   3. A change of the key store whose event is not yet in the log stands in
//      the outbox; Open() settles it before anything else is asked.
//   4. While a lease lives, the outbox owes its ABANDONED event.
// One mutex guards everything: custody is asked rarely and answers briefly.
#ifndef SEALTRAIN_CUSTODY_EMBEDDED_CUSTODIAN_INTERNAL_H_
#define SEALTRAIN_CUSTODY_EMBEDDED_CUSTODIAN_INTERNAL_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "sealtrain/audit/audit_log.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/base/mutex.h"
#include "sealtrain/custody/approved_access_internal.h"
#include "sealtrain/custody/catalog_internal.h"
#include "sealtrain/custody/custodian.h"
#include "sealtrain/custody/event_outbox_internal.h"
#include "sealtrain/custody/key_store_internal.h"
#include "sealtrain/custody/lease_store_internal.h"
#include "sealtrain/custody/log_session_internal.h"
#include "sealtrain/custody/manifest_check_internal.h"
#include "sealtrain/custody/policy_store_internal.h"
#include "sealtrain/custody/privacy_ledger_internal.h"

namespace sealtrain::custody {

class EmbeddedCustodian final : public Custodian {
 public:
  // All that Open() made ready, locked and checked.
  struct Parts {
    std::unique_ptr<FileLock> lock;
    std::unique_ptr<Database> db;
    std::unique_ptr<audit::AuditLog> log;
    KeyStore keys;  // over *db
    crypto::SigningKey manifest_key;
    crypto::SigningKey policy_key;
    std::string log_origin;
    std::vector<policy::LoadedPolicy> sets;  // ever in force, the newest last
  };
  EmbeddedCustodian(const CustodianOptions& options, Parts parts);

  absl::Status CreateDataset(const std::string& principal, const std::string& name,
                             std::shared_ptr<const policy::Schema> schema) override;
  absl::StatusOr<DatasetInfo> GetDataset(const std::string& name) override;
  absl::StatusOr<std::vector<DatasetInfo>> ListDatasets() override;

  absl::StatusOr<IngestPermits> RequestIngest(const IngestRequest& request) override;
  absl::StatusOr<crypto::MacKey> ReleasePseudonymKey(const Permit<policy::INGEST>& permit,
                                                     const std::string& domain) override;
  absl::StatusOr<ShardKeys> ReleaseNewShardKeys(const Permit<policy::SEAL>& permit) override;
  absl::StatusOr<SignedManifest> SignManifest(const Permit<policy::SEAL>& permit,
                                              const std::string& manifest,
                                              const crypto::PublicKey& writer_key,
                                              const crypto::Signature& writer_signature) override;
  absl::Status AdvanceGeneration(Permit<policy::SEAL> permit, const SignedManifest& manifest,
                                 std::uint64_t suppressed_rows) override;
  absl::Status FinishSeal(Permit<policy::SEAL> permit, Outcome outcome) override;

  absl::StatusOr<Permit<policy::CHANGE_POLICY>> RequestReseal(
      const ResealRequest& request) override;
  absl::StatusOr<SignedManifest> SignManifest(const Permit<policy::CHANGE_POLICY>& permit,
                                              const std::string& manifest,
                                              const crypto::PublicKey& writer_key,
                                              const crypto::Signature& writer_signature) override;
  absl::Status AdvanceGeneration(Permit<policy::CHANGE_POLICY> permit,
                                 const SignedManifest& manifest) override;
  absl::Status FinishReseal(Permit<policy::CHANGE_POLICY> permit) override;
  const crypto::PublicKey& manifest_public_key() const override {
    return manifest_key_.public_key();
  }

  absl::StatusOr<Permit<policy::TRAIN>> RequestTrain(const TrainRequest& request) override;
  absl::StatusOr<Permit<policy::EVALUATE>> RequestEvaluate(const EvaluateRequest& request) override;
  absl::StatusOr<ShardKeys> ReleaseShardKeys(const Permit<policy::TRAIN>& permit,
                                             const Shard& shard) override;
  absl::StatusOr<ShardKeys> ReleaseShardKeys(const Permit<policy::EVALUATE>& permit,
                                             const Shard& shard) override;

  absl::StatusOr<ModelKey> ReleaseNewModelKey(const Permit<policy::TRAIN>& permit) override;
  absl::StatusOr<ModelKey> ReleaseModelKey(const Permit<policy::EVALUATE>& permit) override;
  absl::StatusOr<ModelKey> ReleaseModelKey(const Permit<policy::EXPORT_MODEL>& permit) override;
  absl::Status FinishTrain(Permit<policy::TRAIN> permit, Outcome outcome, std::uint64_t steps_taken,
                           const Id& model_object_id, const Digest& artifact_sha256) override;
  absl::Status FinishEvaluate(Permit<policy::EVALUATE> permit, Outcome outcome) override;
  absl::StatusOr<Permit<policy::EXPORT_MODEL>> RequestExport(const ExportRequest& request) override;
  absl::Status FinishExport(Permit<policy::EXPORT_MODEL> permit, Outcome outcome,
                            const Digest& file_sha256) override;
  absl::StatusOr<ModelInfo> GetModel(const std::string& name) override;
  absl::StatusOr<std::vector<ModelInfo>> ListModels() override;

  absl::StatusOr<std::vector<Budget>> GetBudgets(const std::string& dataset) override;
  absl::StatusOr<std::vector<LeaseInfo>> ListLeases() override;
  absl::Status RevokeLease(const std::string& principal, const Id& permit_id) override;

  absl::Status ApplyPolicy(const std::string& principal, const std::string& text,
                           const std::string& file_name, const std::string& approvals) override;
  absl::StatusOr<std::vector<PolicyRecord>> PolicyHistory() override;
  absl::StatusOr<std::string> PolicyText(std::uint64_t version) override;
  absl::StatusOr<policy::Decision> Explain(const policy::Request& request) override;
  absl::StatusOr<policy::Request> RequestFor(const std::string& principal, policy::Action action,
                                             const std::string& dataset, const std::string& purpose,
                                             const std::vector<std::string>& columns,
                                             const std::string& model) override;
  absl::StatusOr<std::string> DraftAccess(AccessRequest request) override;
  absl::Status SubmitAccess(const std::string& principal, const std::string& text,
                            const std::string& file_name, const std::string& approvals) override;
  absl::StatusOr<RevealedEntry> RevealEntry(const EntryRequest& request) override;
  absl::Status RedactEntry(const EntryRequest& request) override;
  absl::StatusOr<std::string> ModelReceipt(const std::string& model) override;
  absl::StatusOr<KeyList> ListKeys() override;
  absl::Status RotateRootKey(const std::string& principal,
                             const crypto::SecretBytes& passphrase) override;
  absl::Status AddLogKey(const std::string& principal) override;
  absl::Status DropOldLogKey(const std::string& principal) override;
  absl::StatusOr<std::string> AuditCheckpoint() override;

 private:
  // What was asked and what came out, custody's own refusals included.
  struct Ruling {
    policy::Request request;
    policy::Decision decision;
    absl::Status status;  // what the caller gets: OK exactly if decision.allow
  };
  // What a live job was given, beyond its grant. Dies with it.
  struct Job {
    std::set<Id> shards;                     // SEAL: drawn for it
    std::set<std::string> domains;           // INGEST: of pseudonyms that it may make
    std::set<Id> model_objects;              // TRAIN: drawn for it
    Manifest manifest;                       // TRAIN, EVALUATE: the snapshot it may open
    std::map<std::string, int> shard_index;  // by shard id, into manifest.shard
  };
  // The cost of a private run, as its event tells it.
  struct PrivacyCharge {
    DpPlan plan;
    audit::Privacy event;
  };

  // --- deciding ---
  // All columns of the schema if `columns` is empty. `model`: that is used; if empty, one
  // that learned from these columns; of no account for other actions. `entry_uid`: whose
  // sealed text is to be opened or destroyed.
  // NotFound: no such model. InvalidArgument: it is to be exported, and learned from
  // another data set.
  absl::StatusOr<policy::Request> BuildRequest(const std::string& principal, policy::Action action,
                                               const DatasetRecord& dataset,
                                               const std::string& purpose,
                                               const std::vector<std::string>& columns,
                                               const std::string& model = "",
                                               const std::string& entry_uid = "") const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // NotFound: no such model. InvalidArgument: it learned from another data set.
  absl::Status CheckLearnedFrom(const std::string& model, const std::string& dataset) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Requires a policy in force.
  AccessPlace AccessPlaceNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What DraftAccess() and SubmitAccess() refuse of what is well-formed.
  absl::Status CheckAccess(const AccessRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Ruling> Rule(policy::Request request) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same for EXPORT_MODEL of `model`, with what it inherited. Not asked is how large
  // it is: that is known of what leaves.
  absl::StatusOr<Ruling> RuleExport(policy::Request request, const ModelInfo& model) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Refuse(Ruling& ruling, absl::string_view reason_code, absl::Status status);
  // Refuses what is allowed if the retention deadline of `what` has come.
  static void RefusePast(absl::Time deadline, absl::string_view what, Ruling& ruling);
  // A grant for this ruling, with a fresh permit id and everything but a model. Its
  // lease ends at the deadline.
  absl::StatusOr<Grant> DraftGrant(const Ruling& ruling, const DatasetRecord& dataset,
                                   absl::Time deadline) const;

  // --- recording ---
  absl::Status RecordDenied(const Ruling& ruling, const Grant& grant, const std::string& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes lease, reservation and then the INTENT events durable, in this
  // order; the first of these seals `why`. An error leaves nothing spent and nothing that a
  // permit could use.
  absl::Status Admit(const Grant& grant, policy::Action action, std::vector<audit::Event> intents,
                     const std::optional<PrivacyCharge>& charge, const std::string& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Undoes what Admit() did before its intent could not be logged. `is_unheard`: and surely was
  // not.
  void Withdraw(const Grant& grant, policy::Action action, bool is_unheard)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A change of the key store. It may add to the event what it found out.
  using Change = std::function<absl::Status(audit::Event& event)>;
  // Makes `change` and owes the event that tells of it, in one transaction,
  // then appends the event. If only the append fails, the change was made.
  absl::Status ChangeAndRecord(const Id& key, audit::Event event, const Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same for the end of a job: its lease ends in the transaction.
  absl::Status EndJob(const Id& permit_id, audit::Event outcome, const Change& change = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The log as it is now, published.
  absl::StatusOr<std::unique_ptr<audit::LogReader>> ReadLog();

  // --- what the log seals ---
  // Keeps the opening for the event, which gets a uid if it has none. In the transaction
  // that owes the event, so that there is no opening that no entry tells of.
  absl::Status SealWhy(const std::string& why, audit::Event& event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // An act on an entry that was decided and is allowed.
  struct EntryAct {
    audit::Entry entry;
    audit::Event event;  // that tells of it, but for the phase
    Id request_id{};
    bool redacted = false;  // before
  };
  absl::StatusOr<EntryAct> DecideOnEntry(policy::Action action, const EntryRequest& request,
                                         audit::LogReader& log)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- sealing and resealing ---
  // Signs what `check` finds nothing wrong with.
  using ManifestCheck = absl::Status (*)(const Manifest& manifest, const ManifestContext& context);
  absl::StatusOr<SignedManifest> SignChecked(const Grant& grant, const std::string& manifest,
                                             const crypto::PublicKey& writer_key,
                                             const crypto::Signature& writer_signature,
                                             ManifestCheck check)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same check for a manifest that comes back signed, when it is to be the newest.
  absl::StatusOr<Manifest> CheckSigned(const Grant& grant, const SignedManifest& signed_manifest,
                                       ManifestCheck check) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CommitSnapshot(const Grant& grant, const SignedManifest& signed_manifest,
                              std::uint64_t suppressed_rows) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- opening ---
  struct OpenRequest {
    policy::Action action;
    const std::string& principal;
    const std::string& dataset;
    const std::string& purpose;
    const std::vector<std::string>& columns;
    const std::string& model;
    std::optional<DpPlan> dp;
    const std::string& why;
  };
  absl::StatusOr<Grant> AdmitOpening(const OpenRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What the run will cost, or a refusal in `ruling`.
  absl::StatusOr<std::optional<PrivacyCharge>> Charge(const OpenRequest& request,
                                                      Ruling& ruling) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<ShardKeys> OpenShard(const Grant& grant, const Shard& shard)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- keys ---
  // Keys of the named columns and of the index, derived from the data set's
  // class keys.
  absl::StatusOr<ShardKeys> DeriveShardKeys(const std::string& dataset, std::uint32_t key_epoch,
                                            const Id& shard_id,
                                            const std::vector<const policy::Column*>& columns) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<ModelKey> DeriveModelKey(const std::string& model, const Id& object_id,
                                          std::uint32_t key_epoch) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The key of a registered model, under a permit that lives.
  absl::StatusOr<ModelKey> OpenModel(const Grant& grant) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<ModelInfo> ReadModel(const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The clock, which never goes back while we live.
  absl::Time Now() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CustodianOptions options_;
  const std::unique_ptr<FileLock> lock_;
  const crypto::SigningKey manifest_key_;
  const crypto::SigningKey policy_key_;

  const std::string approvers_name_;  // what access requests call this home

  mutable Mutex mutex_;
  // In this order: the stores use the database.
  const std::unique_ptr<Database> db_ ABSL_PT_GUARDED_BY(mutex_);
  const std::unique_ptr<audit::AuditLog> log_;
  LogSession session_;
  KeyStore keys_ ABSL_GUARDED_BY(mutex_);
  Catalog catalog_ ABSL_GUARDED_BY(mutex_);
  LeaseStore leases_ ABSL_GUARDED_BY(mutex_);
  PrivacyLedger ledger_ ABSL_GUARDED_BY(mutex_);
  PolicyStore policies_ ABSL_GUARDED_BY(mutex_);
  ApprovedAccess approved_ ABSL_GUARDED_BY(mutex_);
  EventOutbox outbox_ ABSL_GUARDED_BY(mutex_);
  // Every policy set that was in force; the last one is.
  std::vector<policy::LoadedPolicy> sets_ ABSL_GUARDED_BY(mutex_);
  std::map<Id, Job> jobs_ ABSL_GUARDED_BY(mutex_);
  mutable absl::Time latest_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_EMBEDDED_CUSTODIAN_INTERNAL_H_
