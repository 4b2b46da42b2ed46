// Opening: training and evaluation, from request to shard keys.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "sealtrain/base/number_text.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/custody/audit_events_internal.h"
#include "sealtrain/custody/embedded_custodian_internal.h"
#include "sealtrain/custody/manifest_check_internal.h"
#include "sealtrain/custody/names_internal.h"
#include "sealtrain/custody/permit_issuer_internal.h"

namespace sealtrain::custody {
absl::StatusOr<Permit<policy::TRAIN>> EmbeddedCustodian::RequestTrain(const TrainRequest& request) {
  MutexLock lock(&mutex_);
  ST_RETURN_IF_ERROR(CheckName("model", request.model));
  ST_ASSIGN_OR_RETURN(const bool taken, catalog_.HasModel(request.model));
  if (taken) return absl::AlreadyExistsError(absl::StrCat("model ", request.model, " exists"));
  ST_ASSIGN_OR_RETURN(Grant grant, AdmitOpening({.action = policy::TRAIN,
                                                 .principal = request.principal,
                                                 .dataset = request.dataset,
                                                 .purpose = request.purpose,
                                                 .columns = request.columns,
                                                 .model = request.model,
                                                 .dp = request.dp,
                                                 .why = request.why}));
  return PermitIssuer::Issue<policy::TRAIN>(std::move(grant));
}

absl::StatusOr<Permit<policy::EVALUATE>> EmbeddedCustodian::RequestEvaluate(
    const EvaluateRequest& request) {
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(Grant grant, AdmitOpening({.action = policy::EVALUATE,
                                                 .principal = request.principal,
                                                 .dataset = request.dataset,
                                                 .purpose = request.purpose,
                                                 .columns = request.columns,
                                                 .model = request.model,
                                                 .dp = std::nullopt,
                                                 .why = request.why}));
  return PermitIssuer::Issue<policy::EVALUATE>(std::move(grant));
}

absl::StatusOr<Grant> EmbeddedCustodian::AdmitOpening(const OpenRequest& request) {
  ST_ASSIGN_OR_RETURN(const DatasetRecord dataset, catalog_.GetDataset(request.dataset));
  if (dataset.info.generation == 0) {
    return absl::NotFoundError(absl::StrCat("data set ", request.dataset, " has no snapshot yet"));
  }
  if (request.columns.empty()) return absl::InvalidArgumentError("no columns are asked for");
  if (request.dp.has_value()) ST_RETURN_IF_ERROR(CheckPlan(*request.dp));
  absl::Time model_deadline = absl::InfiniteFuture();
  if (request.action == policy::EVALUATE) {
    ST_ASSIGN_OR_RETURN(const Catalog::ModelRecord model, catalog_.GetModel(request.model));
    model_deadline = model.info.deadline;
  }
  Job job;
  ST_ASSIGN_OR_RETURN(job.manifest, ParseManifest(dataset.manifest));
  for (int i = 0; i < job.manifest.shard_size(); ++i) {
    job.shard_index[job.manifest.shard(i).id()] = i;
  }

  ST_ASSIGN_OR_RETURN(policy::Request asked,
                      BuildRequest(request.principal, request.action, dataset, request.purpose,
                                   request.columns, request.model));
  ST_ASSIGN_OR_RETURN(Ruling ruling, Rule(std::move(asked)));
  RefusePast(model_deadline, absl::StrCat("model ", request.model), ruling);
  RefusePast(DeadlineOf(job.manifest), request.dataset, ruling);
  ST_ASSIGN_OR_RETURN(const std::optional<PrivacyCharge> charge, Charge(request, ruling));

  // What is derived outlives nothing that it derives from.
  absl::Time deadline = std::min(model_deadline, DeadlineOf(job.manifest));
  if (ruling.decision.retention) {
    deadline = std::min(deadline, ruling.request.now + *ruling.decision.retention);
  }
  ST_ASSIGN_OR_RETURN(Grant grant, DraftGrant(ruling, dataset, deadline));
  grant.model = request.model;
  if (!ruling.status.ok()) {
    ST_RETURN_IF_ERROR(RecordDenied(ruling, grant, request.why));
    return ruling.status;
  }
  audit::Event intent = AccessEvent(ruling.request, ruling.decision, grant);
  if (charge.has_value()) *intent.mutable_privacy() = charge->event;
  ST_RETURN_IF_ERROR(Admit(grant, request.action, {intent}, charge, request.why));
  jobs_[grant.permit_id] = std::move(job);
  return grant;
}

absl::StatusOr<std::optional<EmbeddedCustodian::PrivacyCharge>> EmbeddedCustodian::Charge(
    const OpenRequest& request, Ruling& ruling) const {
  if (!ruling.status.ok()) return std::nullopt;
  const std::optional<policy::DifferentialPrivacy>& obligation = ruling.decision.dp;
  if (!request.dp.has_value()) {
    if (obligation.has_value()) {
      Refuse(ruling, "cannot_honour",
             absl::PermissionDeniedError(
                 "the policy obliges to differential privacy, and the run plans none"));
    }
    return std::nullopt;
  }

  const DpPlan& plan = *request.dp;
  PrivacyCharge charge{.plan = plan, .event = {}};
  policy::PrivacyUnit unit = plan.unit;
  double delta = plan.delta;
  if (obligation.has_value()) {
    ST_ASSIGN_OR_RETURN(const std::optional<std::string> failure, PlanFailure(*obligation, plan));
    if (failure.has_value()) {
      Refuse(ruling, "cannot_honour", absl::PermissionDeniedError(*failure));
      return std::nullopt;
    }
    unit = obligation->unit();
    delta = obligation->delta_max();
  }
  ST_ASSIGN_OR_RETURN(const double epsilon, policy::RdpEpsilon({plan.phase}, delta));
  ST_ASSIGN_OR_RETURN(const double composed,
                      ledger_.ComposedEpsilon(request.dataset, unit, delta, &plan));
  // Written so that a NaN refuses.
  if (obligation.has_value() && !(composed <= obligation->ledger_epsilon())) {
    Refuse(ruling, "budget_exhausted",
           absl::ResourceExhaustedError(absl::StrFormat(
               "the privacy budget of %s is spent: with this run epsilon %s at delta %s, the "
               "policy allows %s",
               request.dataset, NumberText(composed), NumberText(delta),
               NumberText(obligation->ledger_epsilon()))));
    return std::nullopt;
  }
  charge.event.set_epsilon(epsilon);
  charge.event.set_delta(delta);
  charge.event.set_unit(policy::PrivacyUnit_Name(plan.unit));
  charge.event.set_ledger_epsilon(composed);
  return charge;
}

absl::StatusOr<ShardKeys> EmbeddedCustodian::ReleaseShardKeys(const Permit<policy::TRAIN>& permit,
                                                              const Shard& shard) {
  MutexLock lock(&mutex_);
  return OpenShard(permit.grant(), shard);
}

absl::StatusOr<ShardKeys> EmbeddedCustodian::ReleaseShardKeys(
    const Permit<policy::EVALUATE>& permit, const Shard& shard) {
  MutexLock lock(&mutex_);
  return OpenShard(permit.grant(), shard);
}

absl::StatusOr<ShardKeys> EmbeddedCustodian::OpenShard(const Grant& grant, const Shard& shard) {
  ST_RETURN_IF_ERROR(leases_.CheckUsable(grant.permit_id, Now()));
  const Job& job = jobs_[grant.permit_id];
  const auto known = job.shard_index.find(shard.id());
  if (known == job.shard_index.end() || !google::protobuf::util::MessageDifferencer::Equals(
                                            job.manifest.shard(known->second), shard)) {
    return absl::InvalidArgumentError(absl::StrCat("shard ", HexEncode(AsBytes(shard.id())),
                                                   " is not one of the permit's snapshot"));
  }
  const SealPlan& sealed = job.manifest.plan(static_cast<int>(shard.plan()));
  std::vector<const policy::Column*> opened;
  for (const policy::ColumnPlan& plan : grant.decision.columns) {
    if (plan.transform.kind() == policy::DROP) continue;  // withheld
    const policy::Column* column = grant.schema->FindColumn(plan.name);
    const bool stored = std::any_of(
        sealed.column().begin(), sealed.column().end(), [column](const SealedColumn& c) {
          return c.id() == column->id && c.applied().kind() != policy::DROP;
        });
    if (stored) opened.push_back(column);
  }
  Id shard_id;
  const ByteSpan id = AsBytes(shard.id());
  std::copy_n(id.begin(), shard_id.size(), shard_id.begin());
  return DeriveShardKeys(grant.dataset, shard.key_epoch(), shard_id, opened);
}

}  // namespace sealtrain::custody
