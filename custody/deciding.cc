// Deciding and recording: what every request goes through.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/custody/applied_transform_internal.h"
#include "sealtrain/custody/audit_events_internal.h"
#include "sealtrain/custody/embedded_custodian_internal.h"
#include "sealtrain/custody/manifest_check_internal.h"
#include "sealtrain/custody/names_internal.h"
#include "sealtrain/custody/process_internal.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/duties.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/lease.h"
#include "sealtrain/policy/sealed_decision.h"

namespace sealtrain::custody {

absl::StatusOr<policy::Request> EmbeddedCustodian::BuildRequest(
    const std::string& principal, policy::Action action, const DatasetRecord& dataset,
    const std::string& purpose, const std::vector<std::string>& columns, const std::string& model,
    const std::string& entry_uid) const {
  ST_RETURN_IF_ERROR(CheckWord("principal", principal));
  ST_RETURN_IF_ERROR(CheckWord("purpose", purpose));
  policy::Request request;
  request.principal = principal;
  request.action = action;
  request.dataset = dataset.info.name;
  request.purpose = purpose;
  request.trust = MeasureTrust();
  if (action == policy::EXPORT_MODEL) request.model = model;
  request.entry_uid = entry_uid;
  request.now = Now();
  if (policy::ActionKnowsRows(action)) {
    request.rows = dataset.info.rows;
    // An age below zero is a clock that went back: unknown.
    if (dataset.info.generation > 0 && request.now >= dataset.info.last_commit) {
      request.dataset_age = request.now - dataset.info.last_commit;
    }
  }

  Manifest manifest;
  if (policy::ActionGivesOut(action) && !dataset.manifest.empty()) {
    absl::StatusOr<Manifest> parsed = ParseManifest(dataset.manifest);
    if (!parsed.ok()) {
      return absl::DataLossError(
          absl::StrCat("key store: the manifest of ", dataset.info.name, " is damaged"));
    }
    manifest = *std::move(parsed);
    ST_ASSIGN_OR_RETURN(request.sealed_under, SealedUnder(manifest));
  }
  if (!sets_.empty()) {
    // Who replaces the approvers loosens as well: those of each set must have signed.
    std::vector<const policy::Approval*> earlier;
    const std::vector<Digest>& under = request.sealed_under;
    for (const policy::LoadedPolicy& set : sets_) {
      if (std::find(under.begin(), under.end(), set.sha256()) != under.end()) {
        earlier.push_back(&set.proto().approval());
      }
    }
    ST_ASSIGN_OR_RETURN(
        const ApprovedAccess::Counted counted,
        approved_.Count(request, AccessPlaceNow(), sets_.back().proto().approval(), earlier));
    request.approvals = counted.approvals;
    request.approved_sha256 = counted.sha256;
  }
  const auto add = [&](const policy::Column& column) {
    policy::RequestedColumn& requested = request.columns.emplace_back();
    requested.name = column.name;
    requested.classes = column.classes;
    if (policy::ActionOpens(action)) requested.applied = AppliedToColumn(manifest, column.id);
  };
  if (columns.empty()) {
    for (const policy::Column& column : dataset.info.schema->columns()) add(column);
  }
  for (const std::string& name : columns) {
    const policy::Column* column = dataset.info.schema->FindColumn(name);
    if (column == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("data set ", dataset.info.name, " has no column ", name.substr(0, 128)));
    }
    if (std::count(columns.begin(), columns.end(), name) != 1) {
      return absl::InvalidArgumentError(absl::StrCat("column ", name, " is asked for twice"));
    }
    add(*column);
  }
  if (policy::ActionUsesModel(action) && !model.empty()) {
    // One may be evaluated on any data set, but leaves by the rules for its own.
    if (action == policy::EXPORT_MODEL) {
      ST_RETURN_IF_ERROR(CheckLearnedFrom(model, dataset.info.name));
    }
    ST_ASSIGN_OR_RETURN(Catalog::ModelRecord used, catalog_.GetModel(model));
    request.model_classes = std::move(used.info.classes);
  } else if (policy::ActionUsesModel(action)) {
    request.model_classes = policy::UnionOfClasses(request.columns);
  }
  if (!policy::ActionTakesColumns(action)) request.columns.clear();
  return request;
}

absl::Status EmbeddedCustodian::CheckLearnedFrom(const std::string& model,
                                                 const std::string& dataset) const {
  ST_ASSIGN_OR_RETURN(const Catalog::ModelRecord record, catalog_.GetModel(model));
  if (record.info.dataset == dataset) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("model ", model, " learned from data set ",
                                                 record.info.dataset, ", not from ", dataset));
}

absl::StatusOr<policy::Request> EmbeddedCustodian::RequestFor(
    const std::string& principal, policy::Action action, const std::string& dataset,
    const std::string& purpose, const std::vector<std::string>& columns, const std::string& model) {
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const DatasetRecord record, catalog_.GetDataset(dataset));
  return BuildRequest(principal, action, record, purpose, columns, model);
}

absl::StatusOr<policy::Decision> EmbeddedCustodian::Explain(const policy::Request& request) {
  MutexLock lock(&mutex_);
  Ruling ruling;
  if (request.action == policy::EXPORT_MODEL && !request.model.empty()) {
    ST_ASSIGN_OR_RETURN(const ModelInfo model, ReadModel(request.model));
    ST_ASSIGN_OR_RETURN(ruling, RuleExport(request, model));
  } else {
    ST_ASSIGN_OR_RETURN(ruling, Rule(request));
  }
  policy::TraceDuties(sets_, request, ruling.decision);
  return std::move(ruling.decision);
}

void EmbeddedCustodian::Refuse(Ruling& ruling, absl::string_view reason_code, absl::Status status) {
  // Of what the policy allowed nothing is left but whose word it was.
  policy::Decision denied;
  denied.reason_code = std::string(reason_code);
  denied.reason = std::string(status.message());
  denied.policy_id = std::move(ruling.decision.policy_id);
  denied.policy_version = ruling.decision.policy_version;
  denied.policy_sha256 = ruling.decision.policy_sha256;
  ruling.decision = std::move(denied);
  ruling.status = std::move(status);
}

absl::StatusOr<EmbeddedCustodian::Ruling> EmbeddedCustodian::Rule(policy::Request request) const {
  Ruling ruling;
  if (!sets_.empty()) ruling.decision = policy::DecideSealed(sets_, request);
  ruling.request = std::move(request);
  if (sets_.empty()) {
    Refuse(ruling, "no_policy",
           absl::PermissionDeniedError("no policy is in force, and none allows nothing"));
    return ruling;
  }
  if (!ruling.decision.allow) {
    ruling.status = absl::PermissionDeniedError(ruling.decision.reason);
    return ruling;
  }
  if (ruling.decision.max_opens) {
    const policy::Request& asked = ruling.request;
    // Leases are durable before their keys are released, and are never forgotten.
    ST_ASSIGN_OR_RETURN(const std::uint64_t opened, leases_.CountGranted(asked));
    if (opened >= *ruling.decision.max_opens) {
      policy::TraceDuties(sets_, asked, ruling.decision);
      const std::vector<policy::Duty>& duties = ruling.decision.duties;
      const auto limit = std::find_if(duties.begin(), duties.end(), [](const policy::Duty& duty) {
        return duty.name == policy::kMaxOpensDuty;
      });
      Refuse(ruling, "opens_exhausted",
             absl::PermissionDeniedError(
                 absl::StrCat(asked.dataset, " was opened ", opened, " times by ", asked.principal,
                              " for ", asked.purpose, "; allowed are ", limit->value, ", by ",
                              policy::DescribeSources(ruling.decision, *limit))));
    }
  }
  return ruling;
}

void EmbeddedCustodian::RefusePast(absl::Time deadline, absl::string_view what, Ruling& ruling) {
  if (ruling.status.ok() && ruling.request.now >= deadline) {
    Refuse(ruling, "expired", PastDeadline(what));
  }
}

absl::StatusOr<Grant> EmbeddedCustodian::DraftGrant(const Ruling& ruling,
                                                    const DatasetRecord& dataset,
                                                    absl::Time deadline) const {
  Grant grant;
  ST_ASSIGN_OR_RETURN(grant.permit_id, crypto::RandomId());
  grant.principal = ruling.request.principal;
  grant.dataset = dataset.info.name;
  grant.purpose = ruling.request.purpose;
  grant.generation = dataset.info.generation;
  grant.manifest_sha256 = dataset.info.manifest_sha256;
  grant.key_epoch = dataset.key_epoch;
  grant.decision = ruling.decision;
  grant.schema = dataset.info.schema;
  grant.expires_at =
      std::min(ruling.request.now + policy::LeaseOf(ruling.decision.lease), deadline);
  grant.deadline = deadline;
  return grant;
}

absl::Status EmbeddedCustodian::RecordDenied(const Ruling& ruling, const Grant& grant,
                                             const std::string& why) {
  audit::Event event = AccessEvent(ruling.request, ruling.decision, grant);
  event.set_phase(audit::DENIED);
  if (!why.empty()) {
    return ChangeAndRecord(grant.permit_id, std::move(event), [&](audit::Event& told) {
      mutex_.AssertHeld();
      return SealWhy(why, told);
    });
  }
  StampActor(event);
  return session_.Append(std::move(event));
}

absl::Status EmbeddedCustodian::Admit(const Grant& grant, policy::Action action,
                                      std::vector<audit::Event> intents,
                                      const std::optional<PrivacyCharge>& charge,
                                      const std::string& why) {
  audit::Event abandoned = OutcomeEvent(grant, action, AccessType(action), audit::ABANDONED);
  StampActor(abandoned);
  for (audit::Event& intent : intents) {
    intent.set_phase(audit::INTENT);
    StampActor(intent);
  }
  // An opening must not outlive a crash without the entry that it is of.
  ST_ASSIGN_OR_RETURN(const Id sealing, crypto::RandomId());
  {
    ST_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
    ST_RETURN_IF_ERROR(leases_.Add(grant, action, grant.expires_at - Now()));
    if (charge.has_value()) {
      ST_RETURN_IF_ERROR(ledger_.Reserve(grant, charge->plan, Now()));
    } else if (action == policy::TRAIN) {
      ST_RETURN_IF_ERROR(catalog_.CountRunWithoutPrivacy(grant.dataset, 1));
    }
    if (!why.empty()) {
      ST_RETURN_IF_ERROR(SealWhy(why, intents.front()));
      ST_RETURN_IF_ERROR(outbox_.Owe(sealing, intents.front()));
    }
    ST_RETURN_IF_ERROR(outbox_.Owe(grant.permit_id, abandoned));
    ST_RETURN_IF_ERROR(transaction.Commit());
  }
  for (audit::Event& intent : intents) {
    absl::Status status = session_.Append(std::move(intent));
    if (!status.ok()) {
      // A full disk has taken nothing; after other errors that is not known.
      const bool is_unheard = IsDiskFull(status) && &intent == &intents.front() && why.empty();
      Withdraw(grant, action, is_unheard);
      return status;
    }
    // Now: if the next one is refused, later requests move the position past this one, and it
    // would be told again.
    if (!why.empty() && &intent == &intents.front()) outbox_.Forget(sealing).IgnoreError();
  }
  // What is told is told: without it only a log put back meanwhile is not noticed.
  outbox_.StorePosition().IgnoreError();
  return absl::OkStatus();
}

void EmbeddedCustodian::Withdraw(const Grant& grant, policy::Action action, bool is_unheard) {
  const auto withdraw = [&]() -> absl::Status {
    mutex_.AssertHeld();
    ST_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
    ST_ASSIGN_OR_RETURN(const std::optional<BudgetEntry> charged, ledger_.Find(grant.permit_id));
    if (charged.has_value()) {
      ST_RETURN_IF_ERROR(ledger_.Cancel(grant.permit_id));
    } else if (action == policy::TRAIN) {
      ST_RETURN_IF_ERROR(catalog_.CountRunWithoutPrivacy(grant.dataset, -1));
    }
    if (is_unheard) {  // then it does not count as an opening either
      ST_RETURN_IF_ERROR(leases_.Remove(grant.permit_id));
      ST_RETURN_IF_ERROR(outbox_.Remove(grant.permit_id));
    } else {
      // The ABANDONED event stays owed, and closes what may have reached the log when custody
      // is opened again.
      ST_RETURN_IF_ERROR(leases_.End(grant.permit_id));
    }
    return transaction.Commit();
  };
  // If this fails too, the reservation stays spent: dear, but safe.
  withdraw().IgnoreError();
}

absl::Status EmbeddedCustodian::ChangeAndRecord(const Id& key, audit::Event event,
                                                const Change& change) {
  StampActor(event);
  {
    ST_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
    ST_RETURN_IF_ERROR(change(event));
    ST_RETURN_IF_ERROR(outbox_.Owe(key, event));
    ST_RETURN_IF_ERROR(transaction.Commit());
  }
  ST_RETURN_IF_ERROR(session_.Append(std::move(event)));
  // Owed twice is harmless: the uid tells that it is the same event.
  outbox_.Forget(key).IgnoreError();
  return absl::OkStatus();
}

absl::Status EmbeddedCustodian::EndJob(const Id& permit_id, audit::Event outcome,
                                       const Change& change) {
  return ChangeAndRecord(permit_id, std::move(outcome), [&](audit::Event& event) -> absl::Status {
    mutex_.AssertHeld();
    if (change != nullptr) ST_RETURN_IF_ERROR(change(event));
    jobs_.erase(permit_id);
    return leases_.End(permit_id);
  });
}

}  // namespace sealtrain::custody
