// Sealing: from the request of an ingestion job to the next generation.
#include <algorithm>
#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/custody/audit_events_internal.h"
#include "sealtrain/custody/embedded_custodian_internal.h"
#include "sealtrain/custody/manifest_check_internal.h"
#include "sealtrain/custody/permit_issuer_internal.h"
#include "sealtrain/policy/sealed_decision.h"

namespace sealtrain::custody {
namespace {

void AddDomains(const policy::Decision& decision, std::set<std::string>& domains) {
  for (const policy::ColumnPlan& plan : decision.columns) {
    if (plan.transform.kind() == policy::PSEUDONYMIZE) domains.insert(plan.transform.domain());
  }
}

}  // namespace

absl::StatusOr<IngestPermits> EmbeddedCustodian::RequestIngest(const IngestRequest& request) {
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const DatasetRecord dataset, catalog_.GetDataset(request.dataset));
  const auto rule = [&](policy::Action action) -> absl::StatusOr<Ruling> {
    mutex_.AssertHeld();
    ST_ASSIGN_OR_RETURN(policy::Request asked,
                        BuildRequest(request.principal, action, dataset, request.purpose, {}));
    return Rule(std::move(asked));
  };
  ST_ASSIGN_OR_RETURN(Ruling ingest, rule(policy::INGEST));
  ST_ASSIGN_OR_RETURN(Ruling seal, rule(policy::SEAL));
  // A snapshot inherits the deadline of the one before it: nobody could open what was
  // sealed later.
  absl::Time deadline = absl::InfiniteFuture();
  if (!dataset.manifest.empty()) {
    ST_ASSIGN_OR_RETURN(const Manifest newest, ParseManifest(dataset.manifest));
    deadline = DeadlineOf(newest);
  }
  RefusePast(deadline, request.dataset, ingest);
  RefusePast(deadline, request.dataset, seal);

  if (ingest.status.ok() && seal.status.ok()) {
    policy::TightenSealing(seal.decision, ingest.decision);
  }
  // One job: one permit id, one lease, the shorter of the two.
  ST_ASSIGN_OR_RETURN(Grant ingest_grant, DraftGrant(ingest, dataset, deadline));
  ST_ASSIGN_OR_RETURN(Grant seal_grant, DraftGrant(seal, dataset, deadline));
  seal_grant.permit_id = ingest_grant.permit_id;
  ingest_grant.expires_at = seal_grant.expires_at =
      std::min(ingest_grant.expires_at, seal_grant.expires_at);
  for (const auto& [ruling, grant] :
       {std::pair(&ingest, &ingest_grant), std::pair(&seal, &seal_grant)}) {
    if (ruling->status.ok()) continue;
    ST_RETURN_IF_ERROR(RecordDenied(*ruling, *grant, request.why));
    return ruling->status;
  }

  const audit::Event ingest_intent = AccessEvent(ingest.request, ingest.decision, ingest_grant);
  audit::Event seal_intent = AccessEvent(seal.request, seal.decision, seal_grant);
  seal_intent.clear_uid();  // the second event of the request gets its own
  ST_RETURN_IF_ERROR(
      Admit(seal_grant, policy::SEAL, {ingest_intent, seal_intent}, std::nullopt, request.why));
  Job& job = jobs_[seal_grant.permit_id];
  AddDomains(ingest.decision, job.domains);
  AddDomains(seal.decision, job.domains);
  return IngestPermits{PermitIssuer::Issue<policy::INGEST>(std::move(ingest_grant)),
                       PermitIssuer::Issue<policy::SEAL>(std::move(seal_grant))};
}

absl::StatusOr<crypto::MacKey> EmbeddedCustodian::ReleasePseudonymKey(
    const Permit<policy::INGEST>& permit, const std::string& domain) {
  const Grant& grant = permit.grant();
  MutexLock lock(&mutex_);
  ST_RETURN_IF_ERROR(leases_.CheckUsable(grant.permit_id, Now()));
  if (jobs_[grant.permit_id].domains.count(domain) == 0) {
    return absl::PermissionDeniedError("the policy asks for no pseudonyms of this domain");
  }
  // Destroying the subject class's key also makes all pseudonyms unlinkable.
  ST_ASSIGN_OR_RETURN(const crypto::ClassKey class_key,
                      keys_.GetClassKey(DatasetScope(grant.dataset), SUBJECT_KEY, grant.key_epoch));
  return crypto::KeyDerivation::PseudonymKey(class_key, domain);
}

absl::StatusOr<ShardKeys> EmbeddedCustodian::ReleaseNewShardKeys(
    const Permit<policy::SEAL>& permit) {
  const Grant& grant = permit.grant();
  MutexLock lock(&mutex_);
  ST_RETURN_IF_ERROR(leases_.CheckUsable(grant.permit_id, Now()));
  std::vector<const policy::Column*> stored;
  for (std::size_t i = 0; i < grant.decision.columns.size(); ++i) {
    if (grant.decision.columns[i].transform.kind() == policy::DROP) continue;
    stored.push_back(&grant.schema->columns()[i]);
  }
  ST_ASSIGN_OR_RETURN(const Id shard_id, crypto::RandomId());
  ST_ASSIGN_OR_RETURN(ShardKeys keys,
                      DeriveShardKeys(grant.dataset, grant.key_epoch, shard_id, stored));
  jobs_[grant.permit_id].shards.insert(shard_id);
  return keys;
}

absl::StatusOr<SignedManifest> EmbeddedCustodian::SignManifest(
    const Permit<policy::SEAL>& permit, const std::string& manifest,
    const crypto::PublicKey& writer_key, const crypto::Signature& writer_signature) {
  MutexLock lock(&mutex_);
  return SignChecked(permit.grant(), manifest, writer_key, writer_signature, CheckManifest);
}

absl::StatusOr<SignedManifest> EmbeddedCustodian::SignChecked(
    const Grant& grant, const std::string& manifest, const crypto::PublicKey& writer_key,
    const crypto::Signature& writer_signature, ManifestCheck check) {
  ST_RETURN_IF_ERROR(leases_.CheckUsable(grant.permit_id, Now()));
  ST_ASSIGN_OR_RETURN(const Manifest parsed, ParseManifest(manifest));
  if (!crypto::VerifySignature(writer_key, ManifestSignedBytes('W', manifest), writer_signature)
           .ok()) {
    return absl::InvalidArgumentError("manifest: the writer's signature does not verify");
  }
  ST_ASSIGN_OR_RETURN(const DatasetRecord dataset, catalog_.GetDataset(grant.dataset));
  ST_RETURN_IF_ERROR(check(parsed, {.grant = grant,
                                    .previous = dataset.manifest,
                                    .generation = dataset.info.generation,
                                    .granted_shards = jobs_[grant.permit_id].shards,
                                    .now = Now()}));
  SignedManifest result;
  result.set_manifest(manifest);
  result.set_writer_public_key(DigestField(writer_key));
  result.set_writer_signature(DigestField(writer_signature));
  result.set_custodian_signature(
      DigestField(manifest_key_.Sign(ManifestSignedBytes('C', manifest))));
  return result;
}

absl::Status EmbeddedCustodian::AdvanceGeneration(Permit<policy::SEAL> permit,
                                                  const SignedManifest& manifest,
                                                  std::uint64_t suppressed_rows) {
  const Grant& grant = permit.grant();
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const bool live, leases_.IsLive(grant.permit_id));
  if (!live) return absl::FailedPreconditionError("the job has ended");
  // An expired lease may still commit, up to the retention deadline: custody signed
  // while it lived, and what it adds is ciphertext. A revoked one may not.
  absl::Status status = leases_.CheckNotRevoked(grant.permit_id);
  if (status.ok()) status = CommitSnapshot(grant, manifest, suppressed_rows);
  ST_ASSIGN_OR_RETURN(const bool unfinished, leases_.IsLive(grant.permit_id));
  if (unfinished) {
    // The permit is gone with this call, so the job is over.
    EndJob(grant.permit_id, OutcomeEvent(grant, policy::SEAL, audit::SEAL_ACCESS, audit::FAILED))
        .IgnoreError();
  }
  return status;
}

absl::StatusOr<Manifest> EmbeddedCustodian::CheckSigned(const Grant& grant,
                                                        const SignedManifest& signed_manifest,
                                                        ManifestCheck check) {
  const std::string& bytes = signed_manifest.manifest();
  if (!crypto::VerifySignature(manifest_key_.public_key(), ManifestSignedBytes('C', bytes),
                               AsBytes(signed_manifest.custodian_signature()))
           .ok()) {
    return absl::InvalidArgumentError("manifest: not signed by this custodian");
  }
  ST_ASSIGN_OR_RETURN(const Manifest manifest, ParseManifest(bytes));
  ST_ASSIGN_OR_RETURN(const DatasetRecord dataset, catalog_.GetDataset(grant.dataset));
  // Signed under this permit, and still the next: the check of everything else
  // stands behind the signature, but the snapshot may have moved on since.
  ST_RETURN_IF_ERROR(check(manifest, {.grant = grant,
                                      .previous = dataset.manifest,
                                      .generation = dataset.info.generation,
                                      .granted_shards = jobs_[grant.permit_id].shards,
                                      .now = Now()}));
  return manifest;
}

absl::Status EmbeddedCustodian::CommitSnapshot(const Grant& grant,
                                               const SignedManifest& signed_manifest,
                                               std::uint64_t suppressed_rows) {
  const std::string& bytes = signed_manifest.manifest();
  ST_ASSIGN_OR_RETURN(const Manifest manifest, CheckSigned(grant, signed_manifest, CheckManifest));
  if (Now() >= DeadlineOf(manifest)) return PastDeadline(grant.dataset);
  const SealPlan& plan = manifest.plan(manifest.plan_size() - 1);
  std::uint64_t new_rows = 0;
  std::uint64_t new_shards = 0;
  for (const Shard& shard : manifest.shard()) {
    if (shard.plan() + 1 != static_cast<std::uint32_t>(manifest.plan_size())) continue;
    new_rows += shard.rows();
    ++new_shards;
  }
  audit::Event event = OutcomeEvent(grant, policy::SEAL, audit::SNAPSHOT_COMMITTED, audit::INTENT);
  audit::Object& object = *event.mutable_object();
  object.set_generation(manifest.generation());
  object.set_manifest_sha256(DigestField(crypto::Sha256(AsBytes(bytes))));
  object.set_rows(new_rows);
  object.set_shards(new_shards);
  object.set_suppressed_rows(suppressed_rows);
  object.set_key_epoch(grant.key_epoch);
  object.set_review_sha256(plan.review_sha256());
  StampActor(event);
  ST_RETURN_IF_ERROR(session_.Append(event));

  event.set_phase(audit::SUCCEEDED);
  return EndJob(grant.permit_id, std::move(event), [&](audit::Event&) -> absl::Status {
    mutex_.AssertHeld();
    return catalog_.Advance(grant.dataset, bytes, manifest, Now());
  });
}

absl::Status EmbeddedCustodian::FinishSeal(Permit<policy::SEAL> permit, Outcome outcome) {
  const Grant& grant = permit.grant();
  MutexLock lock(&mutex_);
  // Also of a revoked lease: a job may always end.
  ST_ASSIGN_OR_RETURN(const bool live, leases_.IsLive(grant.permit_id));
  if (!live) return absl::FailedPreconditionError("the job has ended");
  return EndJob(grant.permit_id,
                OutcomeEvent(grant, policy::SEAL, audit::SEAL_ACCESS,
                             outcome == Outcome::kSucceeded ? audit::SUCCEEDED : audit::FAILED));
}

absl::StatusOr<ShardKeys> EmbeddedCustodian::DeriveShardKeys(
    const std::string& dataset, std::uint32_t key_epoch, const Id& shard_id,
    const std::vector<const policy::Column*>& columns) const {
  const std::string scope = DatasetScope(dataset);
  std::map<int, crypto::ClassKey> class_keys;
  const auto class_key = [&](int data_class) -> absl::StatusOr<const crypto::ClassKey*> {
    mutex_.AssertHeld();
    auto found = class_keys.find(data_class);
    if (found == class_keys.end()) {
      ST_ASSIGN_OR_RETURN(crypto::ClassKey key, keys_.GetClassKey(scope, data_class, key_epoch));
      found = class_keys.emplace(data_class, std::move(key)).first;
    }
    return &found->second;
  };

  ST_ASSIGN_OR_RETURN(const crypto::ClassKey* structure, class_key(kStructureClass));
  ST_ASSIGN_OR_RETURN(
      crypto::Dek index,
      crypto::KeyDerivation::ColumnDek(absl::MakeConstSpan(&structure, 1), shard_id, "index"));
  ShardKeys keys{
      .shard_id = shard_id, .key_epoch = key_epoch, .columns = {}, .index = std::move(index)};
  for (const policy::Column* column : columns) {
    // Ascending, as the schema keeps them: the order is part of the derivation.
    std::vector<const crypto::ClassKey*> inputs;
    for (const DataClass data_class : column->classes) {
      ST_ASSIGN_OR_RETURN(inputs.emplace_back(), class_key(data_class));
    }
    ST_ASSIGN_OR_RETURN(crypto::Dek dek,
                        crypto::KeyDerivation::ColumnDek(inputs, shard_id, column->id));
    keys.columns.push_back({column->id, std::move(dek)});
  }
  return keys;
}

}  // namespace sealtrain::custody
