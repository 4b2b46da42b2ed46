// Resealing: putting a data set under the policy set in force.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/custody/audit_events_internal.h"
#include "sealtrain/custody/embedded_custodian_internal.h"
#include "sealtrain/custody/manifest_check_internal.h"
#include "sealtrain/custody/permit_issuer_internal.h"

namespace sealtrain::custody {
namespace {

// Names, in a reseal's event, the sets that the data stood under before.
absl::Status AddReplaced(absl::string_view manifest, const Digest& in_force, audit::Event& event) {
  ST_ASSIGN_OR_RETURN(const Manifest parsed, ParseManifest(manifest));
  ST_ASSIGN_OR_RETURN(const std::vector<Digest> sets, SealedUnder(parsed));
  for (const Digest& set : sets) {
    if (set != in_force) event.mutable_policy()->add_replaced_sha256(DigestField(set));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Permit<policy::CHANGE_POLICY>> EmbeddedCustodian::RequestReseal(
    const ResealRequest& request) {
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const DatasetRecord dataset, catalog_.GetDataset(request.dataset));
  if (dataset.info.generation == 0) {
    return absl::NotFoundError(absl::StrCat("data set ", request.dataset, " has no snapshot yet"));
  }
  ST_ASSIGN_OR_RETURN(policy::Request asked, BuildRequest(request.principal, policy::CHANGE_POLICY,
                                                          dataset, request.purpose, {}));
  ST_ASSIGN_OR_RETURN(const Ruling ruling, Rule(std::move(asked)));
  ST_ASSIGN_OR_RETURN(Grant grant, DraftGrant(ruling, dataset, absl::InfiniteFuture()));
  if (!ruling.status.ok()) {
    ST_RETURN_IF_ERROR(RecordDenied(ruling, grant, request.why));
    return ruling.status;
  }
  audit::Event intent = AccessEvent(ruling.request, ruling.decision, grant);
  ST_RETURN_IF_ERROR(AddReplaced(dataset.manifest, ruling.decision.policy_sha256, intent));
  if (intent.policy().replaced_sha256().empty()) {
    return absl::AlreadyExistsError(
        absl::StrCat("all of ", request.dataset, " stands under the policy in force"));
  }
  ST_RETURN_IF_ERROR(Admit(grant, policy::CHANGE_POLICY, {intent}, std::nullopt, request.why));
  return PermitIssuer::Issue<policy::CHANGE_POLICY>(std::move(grant));
}

absl::StatusOr<SignedManifest> EmbeddedCustodian::SignManifest(
    const Permit<policy::CHANGE_POLICY>& permit, const std::string& manifest,
    const crypto::PublicKey& writer_key, const crypto::Signature& writer_signature) {
  MutexLock lock(&mutex_);
  return SignChecked(permit.grant(), manifest, writer_key, writer_signature, CheckReseal);
}

absl::Status EmbeddedCustodian::AdvanceGeneration(Permit<policy::CHANGE_POLICY> permit,
                                                  const SignedManifest& signed_manifest) {
  const Grant& grant = permit.grant();
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const bool live, leases_.IsLive(grant.permit_id));
  if (!live) return absl::FailedPreconditionError("the job has ended");
  audit::Event outcome =
      OutcomeEvent(grant, policy::CHANGE_POLICY, audit::DATASET_RESEALED, audit::SUCCEEDED);
  const auto advance = [&]() -> absl::Status {
    mutex_.AssertHeld();
    // Unlike a commit of ciphertext, a reseal opens something: not after its time.
    ST_RETURN_IF_ERROR(leases_.CheckUsable(grant.permit_id, Now()));
    if (sets_.back().sha256() != grant.decision.policy_sha256) {
      return absl::FailedPreconditionError("another policy set was applied in the meantime");
    }
    const std::string& bytes = signed_manifest.manifest();
    ST_ASSIGN_OR_RETURN(const Manifest manifest, CheckSigned(grant, signed_manifest, CheckReseal));
    ST_ASSIGN_OR_RETURN(const DatasetRecord dataset, catalog_.GetDataset(grant.dataset));
    ST_RETURN_IF_ERROR(AddReplaced(dataset.manifest, grant.decision.policy_sha256, outcome));
    outcome.mutable_object()->set_generation(manifest.generation());
    outcome.mutable_object()->set_manifest_sha256(DigestField(crypto::Sha256(AsBytes(bytes))));
    return EndJob(grant.permit_id, outcome, [&](audit::Event&) -> absl::Status {
      mutex_.AssertHeld();
      // Nothing was added, so the data are as old as they were.
      return catalog_.Advance(grant.dataset, bytes, manifest, dataset.info.last_commit);
    });
  };
  absl::Status status = advance();
  ST_ASSIGN_OR_RETURN(const bool unfinished, leases_.IsLive(grant.permit_id));
  if (unfinished) {
    // The permit is gone with this call, so the job is over.
    outcome.set_phase(audit::FAILED);
    EndJob(grant.permit_id, std::move(outcome)).IgnoreError();
  }
  return status;
}

absl::Status EmbeddedCustodian::FinishReseal(Permit<policy::CHANGE_POLICY> permit) {
  const Grant& grant = permit.grant();
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const bool live, leases_.IsLive(grant.permit_id));
  if (!live) return absl::FailedPreconditionError("the job has ended");
  return EndJob(grant.permit_id,
                OutcomeEvent(grant, policy::CHANGE_POLICY, audit::DATASET_RESEALED, audit::FAILED));
}

}  // namespace sealtrain::custody
