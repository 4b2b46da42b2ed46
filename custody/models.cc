// Models: their keys, and how runs end.
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/custody/audit_events_internal.h"
#include "sealtrain/custody/embedded_custodian_internal.h"

namespace sealtrain::custody {

absl::StatusOr<Custody::ModelKey> EmbeddedCustodian::ReleaseNewModelKey(
    const Permit<policy::TRAIN>& permit) {
  const Grant& grant = permit.grant();
  MutexLock lock(&mutex_);
  ST_RETURN_IF_ERROR(leases_.CheckUsable(grant.permit_id, Now()));
  const std::string scope = ModelScope(grant.model);
  // A failed run may have left the key of this name; its models have other ids.
  ST_ASSIGN_OR_RETURN(const bool made, keys_.HasClassKey(scope, kStructureClass, kFirstKeyEpoch));
  if (!made) ST_RETURN_IF_ERROR(keys_.AddClassKey(scope, kStructureClass, kFirstKeyEpoch));
  ST_ASSIGN_OR_RETURN(const Id object_id, crypto::RandomId());
  ST_ASSIGN_OR_RETURN(ModelKey key, DeriveModelKey(grant.model, object_id, kFirstKeyEpoch));
  jobs_[grant.permit_id].model_objects.insert(object_id);
  return key;
}

absl::StatusOr<Custody::ModelKey> EmbeddedCustodian::ReleaseModelKey(
    const Permit<policy::EVALUATE>& permit) {
  MutexLock lock(&mutex_);
  return OpenModel(permit.grant());
}

absl::StatusOr<Custody::ModelKey> EmbeddedCustodian::OpenModel(const Grant& grant) {
  ST_RETURN_IF_ERROR(leases_.CheckUsable(grant.permit_id, Now()));
  ST_ASSIGN_OR_RETURN(const Catalog::ModelRecord model, catalog_.GetModel(grant.model));
  return DeriveModelKey(grant.model, model.info.object_id, model.info.key_epoch);
}

absl::StatusOr<Custody::ModelKey> EmbeddedCustodian::DeriveModelKey(const std::string& model,
                                                                    const Id& object_id,
                                                                    std::uint32_t key_epoch) const {
  ST_ASSIGN_OR_RETURN(const crypto::ClassKey class_key,
                      keys_.GetClassKey(ModelScope(model), kStructureClass, key_epoch));
  ST_ASSIGN_OR_RETURN(crypto::Dek dek,
                      crypto::KeyDerivation::ObjectDek(class_key, object_id, "model"));
  return ModelKey{.object_id = object_id, .key_epoch = key_epoch, .dek = std::move(dek)};
}

absl::Status EmbeddedCustodian::FinishTrain(Permit<policy::TRAIN> permit, Outcome outcome,
                                            std::uint64_t steps_taken, const Id& model_object_id,
                                            const Digest& artifact_sha256) {
  const Grant& grant = permit.grant();
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const bool live, leases_.IsLive(grant.permit_id));
  if (!live) return absl::FailedPreconditionError("the run has ended");
  ST_ASSIGN_OR_RETURN(std::optional<BudgetEntry> charged, ledger_.Find(grant.permit_id));
  ST_ASSIGN_OR_RETURN(const bool taken, catalog_.HasModel(grant.model));

  // What keeps a run that says it succeeded from leaving a model. Its cost is
  // booked in any case: the steps were taken.
  absl::Status refusal;
  if (outcome == Outcome::kSucceeded) {
    refusal = leases_.CheckNotRevoked(grant.permit_id);
    if (!refusal.ok()) {
      // revoked: its model is not wanted any more
    } else if (charged.has_value() && steps_taken != charged->plan.phase.steps) {
      // A model of fewer steps is not what was planned, and its claim to have
      // cost less is one that custody cannot check.
      refusal = absl::InvalidArgumentError(absl::StrCat(
          "the run took ", steps_taken, " steps and had reserved ", charged->plan.phase.steps));
    } else if (jobs_[grant.permit_id].model_objects.count(model_object_id) == 0) {
      refusal = absl::InvalidArgumentError("the model's id was not drawn for this run");
    } else if (taken) {
      refusal = absl::AlreadyExistsError(absl::StrCat("model ", grant.model, " exists"));
    }
  }
  const bool registers = refusal.ok() && outcome == Outcome::kSucceeded;

  audit::Event event =
      OutcomeEvent(grant, policy::TRAIN, registers ? audit::MODEL_SEALED : audit::TRAIN_ACCESS,
                   registers ? audit::SUCCEEDED : audit::FAILED);
  if (registers) {
    event.mutable_object()->set_artifact_sha256(DigestField(artifact_sha256));
    event.mutable_object()->set_key_epoch(kFirstKeyEpoch);
  }
  const absl::Status recorded =
      EndJob(grant.permit_id, event, [&](audit::Event& told) -> absl::Status {
        mutex_.AssertHeld();
        if (charged.has_value()) {
          ST_RETURN_IF_ERROR(ledger_.Settle(grant.permit_id, steps_taken));
          ST_ASSIGN_OR_RETURN(charged, ledger_.Find(grant.permit_id));
          const DpPlan& plan = charged->plan;
          audit::Privacy& privacy = *told.mutable_privacy();
          privacy.set_epsilon(charged->epsilon);
          privacy.set_delta(plan.delta);
          privacy.set_unit(policy::PrivacyUnit_Name(plan.unit));
          ST_ASSIGN_OR_RETURN(
              const double composed,
              ledger_.ComposedEpsilon(grant.dataset, plan.unit, plan.delta, nullptr));
          privacy.set_ledger_epsilon(composed);
        }
        if (!registers) return absl::OkStatus();
        const ModelInfo model{.name = grant.model,
                              .object_id = model_object_id,
                              .dataset = grant.dataset,
                              .generation = grant.generation,
                              .purpose = grant.purpose,
                              .principal = grant.principal,
                              .artifact_sha256 = artifact_sha256,
                              .policy_sha256 = grant.decision.policy_sha256,
                              .dp = std::nullopt,  // stands in the ledger
                              .key_epoch = kFirstKeyEpoch,
                              .created = Now(),
                              .classes = OpenedClasses(grant.decision),
                              .deadline = grant.deadline,
                              .release = grant.decision.release};
        return catalog_.AddModel(
            model, charged.has_value() ? std::optional<Id>(grant.permit_id) : std::nullopt);
      });
  ST_RETURN_IF_ERROR(recorded);
  return refusal;
}

absl::Status EmbeddedCustodian::FinishEvaluate(Permit<policy::EVALUATE> permit, Outcome outcome) {
  const Grant& grant = permit.grant();
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const bool live, leases_.IsLive(grant.permit_id));
  if (!live) return absl::FailedPreconditionError("the evaluation has ended");
  const bool succeeded = outcome == Outcome::kSucceeded;
  return EndJob(grant.permit_id, OutcomeEvent(grant, policy::EVALUATE, audit::EVALUATE_ACCESS,
                                              succeeded ? audit::SUCCEEDED : audit::FAILED));
}

absl::StatusOr<ModelInfo> EmbeddedCustodian::ReadModel(const std::string& name) {
  ST_ASSIGN_OR_RETURN(Catalog::ModelRecord record, catalog_.GetModel(name));
  if (record.ledger_entry.has_value()) {
    ST_ASSIGN_OR_RETURN(const std::optional<BudgetEntry> entry, ledger_.Find(*record.ledger_entry));
    if (!entry.has_value()) {
      return absl::DataLossError(absl::StrCat("key store: model ", name, " lost its ledger entry"));
    }
    record.info.dp = entry->plan;
    record.info.epsilon = entry->epsilon;
  }
  return std::move(record.info);
}

absl::StatusOr<ModelInfo> EmbeddedCustodian::GetModel(const std::string& name) {
  MutexLock lock(&mutex_);
  return ReadModel(name);
}

absl::StatusOr<std::vector<ModelInfo>> EmbeddedCustodian::ListModels() {
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const std::vector<std::string> names, catalog_.ModelNames());
  std::vector<ModelInfo> models;
  for (const std::string& name : names) {
    ST_ASSIGN_OR_RETURN(ModelInfo model, ReadModel(name));
    models.push_back(std::move(model));
  }
  return models;
}

}  // namespace sealtrain::custody
