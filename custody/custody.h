// Custody as its users see it: the one place that decides, records and then
// releases keys. There are two shapes behind this interface, embedded
// (custodian.h) and, later, a served one; the same calls and tests hold for
// both.
//
// Every Request...() decides by the policy in force, makes the decision
// durable in the audit log, and only then returns a permit. Every Release...()
// hands out keys under a permit that has neither expired nor been revoked.
//
// Errors of all calls, beside the ones named:
//   PermissionDenied    the policy said no; the message is the decision's reason
//   ResourceExhausted   the privacy budget is spent
//   FailedPrecondition  key destroyed, permit expired or revoked
//   DataLoss            custody's own state fails its checks
//   Unavailable         state or log cannot be written: nothing was released
//   NotFound            no such data set or model
// Thread-safe.
#ifndef SEALTRAIN_CUSTODY_CUSTODY_H_
#define SEALTRAIN_CUSTODY_CUSTODY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/custody/manifest.pb.h"
#include "sealtrain/custody/permit.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/rdp_accountant.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::custody {

struct DatasetInfo {
  std::string name;
  std::shared_ptr<const policy::Schema> schema;
  std::uint64_t generation = 0;  // 0: nothing committed yet
  Digest manifest_sha256{};      // of that generation's Manifest bytes
  std::uint64_t rows = 0;
  absl::Time created;
  absl::Time last_commit;  // InfinitePast() before the first
};

// In all requests, `why` is the reason in the words of the one who asks, for auditors: at
// most audit::kMaxSealedTextBytes of UTF-8, "" for none. Custody keeps it sealed, and the
// log has a commitment to it. InvalidArgument: another text.
struct IngestRequest {
  std::string principal;
  std::string dataset;
  std::string purpose;
  std::string why = "";
};
struct ResealRequest {
  std::string principal;
  std::string dataset;
  std::string purpose;
  std::string why = "";
};
// One job, two stages: the review takes the first permit, the seal the second.
// Both are decided for all columns of the schema; both must be allowed. They
// share one permit id and one lease. What the SEAL grant obliges to is done.
struct IngestPermits {
  Permit<policy::INGEST> ingest;
  Permit<policy::SEAL> seal;
};

// What a private run will release, declared before it gets keys.
struct DpPlan {
  policy::PrivacyPhase phase;
  double delta = 0;
  policy::PrivacyUnit unit = policy::PRIVACY_UNIT_UNSPECIFIED;
};

struct TrainRequest {
  std::string principal;
  std::string dataset;
  std::string purpose;
  std::vector<std::string> columns;  // names; only what the run needs
  std::string model;                 // name of the model to be made
  std::optional<DpPlan> dp;          // unset: a run without privacy
  std::string why = "";
};

struct EvaluateRequest {
  std::string principal;
  std::string dataset;
  std::string purpose;
  std::vector<std::string> columns;
  std::string model;
  std::string why = "";
};

struct ExportRequest {
  std::string principal;
  std::string model;
  std::string purpose;
  std::uint64_t bytes = 0;  // of what is to leave; no more is written
  std::string why = "";
};

enum class Outcome { kSucceeded, kFailed };

// A model as custody knows it. The artifact itself lies in the data store.
struct ModelInfo {
  std::string name;
  Id object_id{};
  std::string dataset;
  std::uint64_t generation = 0;
  std::string purpose;
  std::string principal;
  Digest artifact_sha256{};
  Digest policy_sha256{};
  std::optional<DpPlan> dp;
  double epsilon = 0;  // upper bound at dp->delta; meaningless without dp
  std::uint32_t key_epoch = 0;
  absl::Time created;
  // Inherited from the columns and the snapshot that it learned from; the deadline may
  // be an earlier one that the policy set for it.
  std::vector<DataClass> classes;                // each once, ascending; never empty
  absl::Time deadline = absl::InfiniteFuture();  // it is not used from then on
  std::optional<policy::Release> release;        // under which alone it may leave
};

struct BudgetEntry {
  Id permit_id{};
  std::string principal;
  std::string model;
  DpPlan plan;
  double epsilon = 0;    // of this run alone, at plan.delta
  bool settled = false;  // false: reserved, or lost in a crash and so spent
  absl::Time reserved_at;
};
struct Budget {
  std::string dataset;
  policy::PrivacyUnit unit = policy::PRIVACY_UNIT_UNSPECIFIED;
  double delta = 0;          // at which epsilon is stated
  double epsilon_spent = 0;  // of all entries together
  std::vector<BudgetEntry> entries;
  std::uint64_t runs_without_privacy = 0;
};

struct LeaseInfo {
  Id permit_id{};
  policy::Action action = policy::ACTION_UNSPECIFIED;
  std::string principal;
  std::string dataset;
  std::string purpose;
  absl::Time expires_at;
  bool revoked = false;
};

class Custody {
 public:
  virtual ~Custody() = default;

  // --- data sets -----------------------------------------------------------
  // A name is 1 to 8 segments of [a-z0-9_-]+ joined by '/', at most 128 bytes;
  // no segment is manifests, models, reviews or shards, which the store has for its own.
  // AlreadyExists; InvalidArgument: not a name.
  virtual absl::Status CreateDataset(const std::string& principal, const std::string& name,
                                     std::shared_ptr<const policy::Schema> schema) = 0;
  virtual absl::StatusOr<DatasetInfo> GetDataset(const std::string& name) = 0;
  virtual absl::StatusOr<std::vector<DatasetInfo>> ListDatasets() = 0;

  // --- sealing -------------------------------------------------------------
  virtual absl::StatusOr<IngestPermits> RequestIngest(const IngestRequest& request) = 0;
  // The key for pseudonyms of one domain in this data set. PermissionDenied: no
  // PSEUDONYMIZE of either decision names the domain.
  virtual absl::StatusOr<crypto::MacKey> ReleasePseudonymKey(const Permit<policy::INGEST>& permit,
                                                             const std::string& domain) = 0;
  // Keys for a new shard; custody draws its id.
  virtual absl::StatusOr<ShardKeys> ReleaseNewShardKeys(const Permit<policy::SEAL>& permit) = 0;
  // Checks a manifest that extends the newest snapshot by this permit's shards
  // and adds the custodian's signature. Aborted: another job committed first;
  // rebuild the manifest on the new snapshot. InvalidArgument: it does not say
  // what the permit allows.
  virtual absl::StatusOr<SignedManifest> SignManifest(
      const Permit<policy::SEAL>& permit, const std::string& manifest,
      const crypto::PublicKey& writer_key, const crypto::Signature& writer_signature) = 0;
  // To be called once shards and the signed manifest are durable in the store:
  // logs the commit and makes it the newest generation. `suppressed_rows` goes
  // into the log. Not refused for a lease that expired after SignManifest; the
  // job is over, whatever is returned. Aborted: as above.
  virtual absl::Status AdvanceGeneration(Permit<policy::SEAL> permit,
                                         const SignedManifest& manifest,
                                         std::uint64_t suppressed_rows) = 0;
  // Ends a job that commits nothing: it failed, or there was nothing to commit.
  virtual absl::Status FinishSeal(Permit<policy::SEAL> permit, Outcome outcome) = 0;

  // --- resealing -----------------------------------------------------------
  // Sealed data stand under the policy set that they were sealed under: a later one
  // opens nothing of them that it did not. A reseal puts them under the set in force,
  // if that permits CHANGE_POLICY on the data set. The log names both.
  // AlreadyExists: they stand under it.
  virtual absl::StatusOr<Permit<policy::CHANGE_POLICY>> RequestReseal(
      const ResealRequest& request) = 0;
  // As for sealing, of a manifest that is the newest one with the reseal added.
  virtual absl::StatusOr<SignedManifest> SignManifest(
      const Permit<policy::CHANGE_POLICY>& permit, const std::string& manifest,
      const crypto::PublicKey& writer_key, const crypto::Signature& writer_signature) = 0;
  // As for sealing; refused once the lease expired.
  virtual absl::Status AdvanceGeneration(Permit<policy::CHANGE_POLICY> permit,
                                         const SignedManifest& manifest) = 0;
  // Ends one that failed before that.
  virtual absl::Status FinishReseal(Permit<policy::CHANGE_POLICY> permit) = 0;

  // The key under which SignManifest signs.
  virtual const crypto::PublicKey& manifest_public_key() const = 0;

  // --- opening -------------------------------------------------------------
  // Reserves the planned privacy cost in the ledger before it records and
  // releases. A dp obligation without a plan is denied.
  virtual absl::StatusOr<Permit<policy::TRAIN>> RequestTrain(const TrainRequest& request) = 0;
  // Decided for what the model learned from as well, and refused once its deadline
  // has passed.
  virtual absl::StatusOr<Permit<policy::EVALUATE>> RequestEvaluate(
      const EvaluateRequest& request) = 0;
  // `shard` as it stands in the verified manifest of the permit's generation.
  virtual absl::StatusOr<ShardKeys> ReleaseShardKeys(const Permit<policy::TRAIN>& permit,
                                                     const Shard& shard) = 0;
  virtual absl::StatusOr<ShardKeys> ReleaseShardKeys(const Permit<policy::EVALUATE>& permit,
                                                     const Shard& shard) = 0;

  // --- models --------------------------------------------------------------
  struct ModelKey {
    Id object_id{};
    std::uint32_t key_epoch = 0;
    crypto::Dek dek;
  };
  // To seal the model that the run made; custody draws its id.
  virtual absl::StatusOr<ModelKey> ReleaseNewModelKey(const Permit<policy::TRAIN>& permit) = 0;
  virtual absl::StatusOr<ModelKey> ReleaseModelKey(const Permit<policy::EVALUATE>& permit) = 0;
  virtual absl::StatusOr<ModelKey> ReleaseModelKey(const Permit<policy::EXPORT_MODEL>& permit) = 0;
  // Ends a run: settles its budget by the steps really taken, registers the
  // model if it succeeded (`artifact_sha256`), and logs the outcome. An expired
  // lease is no obstacle: what was spent must be booked. After any of these
  // errors it is booked, and no model is registered:
  // AlreadyExists: a model of that name (checked in RequestTrain as well).
  // InvalidArgument: another number of steps than reserved, or a model id of another run.
  // FailedPrecondition: the lease was revoked.
  virtual absl::Status FinishTrain(Permit<policy::TRAIN> permit, Outcome outcome,
                                   std::uint64_t steps_taken, const Id& model_object_id,
                                   const Digest& artifact_sha256) = 0;
  virtual absl::Status FinishEvaluate(Permit<policy::EVALUATE> permit, Outcome outcome) = 0;
  // The airlock. Decided for the data set and for what the model learned from; refused
  // past the model's deadline, and if it does not meet the release conditions of the
  // run that made it and of this decision.
  virtual absl::StatusOr<Permit<policy::EXPORT_MODEL>> RequestExport(
      const ExportRequest& request) = 0;
  // Before the file has its name. `file_sha256`: of what leaves, for the log.
  // FailedPrecondition: the lease was revoked, and nothing may leave.
  virtual absl::Status FinishExport(Permit<policy::EXPORT_MODEL> permit, Outcome outcome,
                                    const Digest& file_sha256) = 0;
  virtual absl::StatusOr<ModelInfo> GetModel(const std::string& name) = 0;
  virtual absl::StatusOr<std::vector<ModelInfo>> ListModels() = 0;

  // --- ledger and leases ---------------------------------------------------
  // One for each privacy unit that was ever charged. Where only runs without
  // privacy were made, one without a unit, which counts them.
  virtual absl::StatusOr<std::vector<Budget>> GetBudgets(const std::string& dataset) = 0;
  virtual absl::StatusOr<std::vector<LeaseInfo>> ListLeases() = 0;
  virtual absl::Status RevokeLease(const std::string& principal, const Id& permit_id) = 0;
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_CUSTODY_H_
