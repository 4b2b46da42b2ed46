#include "sealtrain/custody/audit_events_internal.h"

#include <algorithm>
#include <optional>

#include "sealtrain/custody/process_internal.h"

namespace sealtrain::custody {
namespace {

bool Opens(const policy::Decision& decision, const std::string& column) {
  return decision.allow && std::any_of(decision.columns.begin(), decision.columns.end(),
                                       [&](const policy::ColumnPlan& plan) {
                                         return plan.name == column &&
                                                plan.transform.kind() != policy::DROP;
                                       });
}

void SetObject(const Grant& grant, audit::Object& object) {
  object.set_dataset(grant.dataset);
  object.set_generation(grant.generation);
  // Zero: there is none, or it is not known.
  if (grant.manifest_sha256 != Digest()) {
    object.set_manifest_sha256(DigestField(grant.manifest_sha256));
  }
  object.set_model(grant.model);
}

}  // namespace

std::string DigestField(ByteSpan digest) { return std::string(AsText(digest)); }

audit::EventType AccessType(policy::Action action) {
  switch (action) {
    case policy::INGEST:
    case policy::SEAL:
      return audit::SEAL_ACCESS;
    case policy::TRAIN:
      return audit::TRAIN_ACCESS;
    case policy::EVALUATE:
      return audit::EVALUATE_ACCESS;
    case policy::EXPORT_MODEL:
      return audit::MODEL_EXPORTED;
    case policy::CHANGE_POLICY:
      return audit::DATASET_RESEALED;
    case policy::READ_AUDIT:
      return audit::AUDIT_READ;
    case policy::ERASE:
      return audit::ENTRY_REDACTED;
    default:
      return audit::EVENT_TYPE_UNSPECIFIED;  // which the log refuses
  }
}

audit::Event AccessEvent(const policy::Request& request, const policy::Decision& decision,
                         const Grant& grant) {
  audit::Event event;
  event.set_type(AccessType(request.action));
  event.set_uid(DigestField(grant.permit_id));
  event.set_request_uid(DigestField(grant.permit_id));
  event.mutable_actor()->set_principal(request.principal);
  event.mutable_actor()->set_trust(policy::Trust_Name(request.trust));
  event.set_action(policy::Action_Name(request.action));
  event.set_purpose(request.purpose);
  if (!decision.allow) event.set_reason_code(decision.reason_code);

  audit::Object& object = *event.mutable_object();
  SetObject(grant, object);
  // No column is asked for where a model leaves, or of an entry of the log.
  if (request.action != policy::EXPORT_MODEL && request.entry_uid.empty()) {
    for (const policy::Column& column : grant.schema->columns()) {
      (Opens(decision, column.name) ? object.add_column() : object.add_withheld_column())
          ->assign(column.name);
    }
  }
  object.set_rows(request.rows.value_or(0));
  event.set_approvals(request.approvals.value_or(0));
  if (request.approved_sha256) {
    event.mutable_approval()->set_sha256(DigestField(*request.approved_sha256));
  }
  object.set_entry_uid(request.entry_uid);
  object.set_key_epoch(grant.key_epoch);

  audit::PolicyRef& policy = *event.mutable_policy();
  policy.set_id(decision.policy_id);
  policy.set_version(decision.policy_version);
  policy.set_sha256(DigestField(decision.policy_sha256));
  for (const policy::RuleRef& rule : decision.determining_rules) policy.add_rule(rule.id);
  return event;
}

audit::Event OutcomeEvent(const Grant& grant, policy::Action action, audit::EventType type,
                          audit::Phase phase) {
  audit::Event event;
  event.set_type(type);
  event.set_phase(phase);
  event.set_request_uid(DigestField(grant.permit_id));
  event.mutable_actor()->set_principal(grant.principal);
  event.set_action(policy::Action_Name(action));
  event.set_purpose(grant.purpose);
  SetObject(grant, *event.mutable_object());
  audit::PolicyRef& policy = *event.mutable_policy();
  policy.set_id(grant.decision.policy_id);
  policy.set_version(grant.decision.policy_version);
  policy.set_sha256(DigestField(grant.decision.policy_sha256));
  return event;
}

void StampActor(audit::Event& event) {
  audit::Actor& actor = *event.mutable_actor();
  actor.set_host(HostName());
  actor.set_pid(ProcessId());
  // What cannot be read stays empty; it is no reason to refuse.
  if (const std::optional<Digest> digest = ExecutableDigest(); digest.has_value()) {
    actor.set_executable_sha256(DigestField(*digest));
  }
  if (actor.trust().empty()) actor.set_trust(policy::Trust_Name(MeasureTrust()));
}

audit::PolicyRef PolicyRefOf(const policy::LoadedPolicy& policy) {
  audit::PolicyRef ref;
  ref.set_id(policy.proto().id());
  ref.set_version(policy.proto().version());
  ref.set_sha256(DigestField(policy.sha256()));
  return ref;
}

}  // namespace sealtrain::custody
