// The airlock: what may leave of a model.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sealtrain/base/number_text.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/custody/audit_events_internal.h"
#include "sealtrain/custody/embedded_custodian_internal.h"
#include "sealtrain/custody/permit_issuer_internal.h"
#include "sealtrain/policy/sealed_decision.h"

namespace sealtrain::custody {
namespace {

// Why a model may not leave under `release`, however small it is; empty: it may.
std::string ReleaseFailure(const policy::Release& release, const ModelInfo& model) {
  if (!model.dp.has_value()) {
    return absl::StrCat("model ", model.name,
                        " was trained without differential privacy, and its release asks for it");
  }
  // Written so that a NaN refuses.
  if (!(model.epsilon <= release.epsilon_max() && model.dp->delta <= release.delta_max())) {
    return absl::StrFormat("model %s has epsilon %s at delta %s; its release allows %s at delta %s",
                           model.name, NumberText(model.epsilon), NumberText(model.dp->delta),
                           NumberText(release.epsilon_max()), NumberText(release.delta_max()));
  }
  if (model.dp->unit < release.unit()) {
    return absl::StrCat("model ", model.name, " protects a ",
                        policy::PrivacyUnit_Name(model.dp->unit), "; its release asks for ",
                        policy::PrivacyUnit_Name(release.unit()));
  }
  return "";
}

}  // namespace

absl::StatusOr<EmbeddedCustodian::Ruling> EmbeddedCustodian::RuleExport(
    policy::Request request, const ModelInfo& model) const {
  ST_ASSIGN_OR_RETURN(Ruling ruling, Rule(std::move(request)));
  RefusePast(model.deadline, absl::StrCat("model ", model.name), ruling);
  if (ruling.status.ok()) {
    policy::TightenRelease(ruling.decision, model.release);
    if (ruling.decision.release) {
      const std::string failure = ReleaseFailure(*ruling.decision.release, model);
      if (!failure.empty()) Refuse(ruling, "cannot_honour", absl::PermissionDeniedError(failure));
    }
  }
  return ruling;
}

absl::StatusOr<Permit<policy::EXPORT_MODEL>> EmbeddedCustodian::RequestExport(
    const ExportRequest& request) {
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const ModelInfo model, ReadModel(request.model));
  ST_ASSIGN_OR_RETURN(const DatasetRecord dataset, catalog_.GetDataset(model.dataset));
  ST_ASSIGN_OR_RETURN(policy::Request asked,
                      BuildRequest(request.principal, policy::EXPORT_MODEL, dataset,
                                   request.purpose, {}, model.name));
  ST_ASSIGN_OR_RETURN(Ruling ruling, RuleExport(std::move(asked), model));
  if (ruling.status.ok() && ruling.decision.release &&
      request.bytes > ruling.decision.release->max_bytes()) {
    Refuse(ruling, "cannot_honour",
           absl::PermissionDeniedError(absl::StrCat("model ", model.name, " takes ", request.bytes,
                                                    " bytes; its release allows ",
                                                    ruling.decision.release->max_bytes())));
  }
  ST_ASSIGN_OR_RETURN(Grant grant, DraftGrant(ruling, dataset, model.deadline));
  grant.model = model.name;
  // What it was made of, and not what the data set holds by now.
  if (grant.generation != model.generation) {
    grant.generation = model.generation;
    grant.manifest_sha256 = Digest();
  }
  if (!ruling.status.ok()) {
    ST_RETURN_IF_ERROR(RecordDenied(ruling, grant, request.why));
    return ruling.status;
  }
  audit::Event intent = AccessEvent(ruling.request, ruling.decision, grant);
  if (model.dp.has_value()) {
    audit::Privacy& privacy = *intent.mutable_privacy();
    privacy.set_epsilon(model.epsilon);
    privacy.set_delta(model.dp->delta);
    privacy.set_unit(policy::PrivacyUnit_Name(model.dp->unit));
    ST_ASSIGN_OR_RETURN(
        const double composed,
        ledger_.ComposedEpsilon(model.dataset, model.dp->unit, model.dp->delta, nullptr));
    privacy.set_ledger_epsilon(composed);
  }
  ST_RETURN_IF_ERROR(Admit(grant, policy::EXPORT_MODEL, {intent}, std::nullopt, request.why));
  return PermitIssuer::Issue<policy::EXPORT_MODEL>(std::move(grant));
}

absl::StatusOr<Custody::ModelKey> EmbeddedCustodian::ReleaseModelKey(
    const Permit<policy::EXPORT_MODEL>& permit) {
  MutexLock lock(&mutex_);
  return OpenModel(permit.grant());
}

absl::Status EmbeddedCustodian::FinishExport(Permit<policy::EXPORT_MODEL> permit, Outcome outcome,
                                             const Digest& file_sha256) {
  const Grant& grant = permit.grant();
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const bool live, leases_.IsLive(grant.permit_id));
  if (!live) return absl::FailedPreconditionError("the export has ended");
  absl::Status refusal;
  if (outcome == Outcome::kSucceeded) refusal = leases_.CheckNotRevoked(grant.permit_id);
  const bool leaves = refusal.ok() && outcome == Outcome::kSucceeded;
  audit::Event event = OutcomeEvent(grant, policy::EXPORT_MODEL, audit::MODEL_EXPORTED,
                                    leaves ? audit::SUCCEEDED : audit::FAILED);
  if (leaves) event.mutable_object()->set_artifact_sha256(DigestField(file_sha256));
  ST_RETURN_IF_ERROR(EndJob(grant.permit_id, event));
  return refusal;
}

}  // namespace sealtrain::custody
