// The Open Cybersecurity Schema Framework, version 1.8 (schema.ocsf.io).
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/event_filter.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/export.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

using OcsfObject = nlohmann::ordered_json;

constexpr int kOther = 99;

struct OcsfClass {
  int category_uid;
  const char* category_name;
  int uid;
  const char* name;
};
constexpr OcsfClass kBaseEvent = {0, "Uncategorized", 0, "Base Event"};
constexpr OcsfClass kEventLog = {1, "System Activity", 1008, "Event Log Activity"};
constexpr OcsfClass kAuthorizeSession = {3, "Identity & Access Management", 3003,
                                         "Authorize Session"};
constexpr OcsfClass kEntityManagement = {3, "Identity & Access Management", 3004,
                                         "Entity Management"};
constexpr OcsfClass kApiActivity = {6, "Application Activity", 6003, "API Activity"};
constexpr OcsfClass kDatastore = {6, "Application Activity", 6005, "Datastore Activity"};

struct OcsfActivity {
  const OcsfClass& of;
  int id;
  const char* name;
};

// docs/audit-cli.md has this table.
OcsfActivity ActivityOf(const Event& event) {
  // Before keys are released nothing is sealed or opened: a job is given a right.
  const bool grants = event.phase() == INTENT;
  switch (event.type()) {
    case LOG_STARTED:
      return {kEventLog, 6, "Start"};
    case LOG_STOPPED:
      return {kEventLog, 7, "Stop"};
    case HEARTBEAT:
      return {kEventLog, kOther, "Heartbeat"};
    case CUSTODY_CREATED:
      return {kEntityManagement, 1, "Create"};
    case KEY_ROTATED:
    case POLICY_SIGNED:
      return {kEntityManagement, 3, "Update"};
    case KEY_DESTROYED:
      return {kEntityManagement, 4, "Delete"};
    case POLICY_APPLIED:
      return {kEntityManagement, 10, "Activate"};
    case LEASE_REVOKED:
      return {kEntityManagement, 11, "Deactivate"};
    case DATASET_CREATED:
      return {kDatastore, 6, "Create"};
    case SNAPSHOT_COMMITTED:
      return {kDatastore, 5, "Write"};
    case DATASET_RESEALED:
      return {kDatastore, 2, "Update"};
    case SEAL_ACCESS:
      if (grants) return {kAuthorizeSession, 1, "Assign Privileges"};
      return {kDatastore, 9, "Encrypt"};
    case TRAIN_ACCESS:
    case EVALUATE_ACCESS:
      if (grants) return {kAuthorizeSession, 1, "Assign Privileges"};
      return {kDatastore, 10, "Decrypt"};
    case MODEL_SEALED:
      return {kApiActivity, 1, "Create"};
    case MODEL_EXPORTED:
      if (grants) return {kAuthorizeSession, 1, "Assign Privileges"};
      return {kApiActivity, 2, "Read"};
    case AUDIT_READ:
      return {kApiActivity, 2, "Read"};
    case ENTRY_REDACTED:
      return {kApiActivity, 4, "Delete"};
    default:
      return {kBaseEvent, kOther, nullptr};
  }
}

std::string OrUnknown(const std::string& text) { return text.empty() ? "unknown" : text; }

std::string HexOf(const std::string& bytes) { return HexEncode(AsBytes(bytes)); }

OcsfObject UserOf(const Event& event) {
  const std::string name = OrUnknown(event.actor().principal());
  return {{"name", name}, {"uid", name}};
}

OcsfObject ActorOf(const Event& event) {
  OcsfObject actor = {{"user", UserOf(event)}};
  if (event.actor().pid() != 0) actor["process"] = {{"pid", event.actor().pid()}};
  return actor;
}

OcsfObject PolicyOf(const PolicyRef& policy) {
  return {{"name", OrUnknown(policy.id())},
          {"uid", HexOf(policy.sha256())},
          {"version", absl::StrCat(policy.version())}};
}

OcsfObject EntityOf(const Event& event, const std::string& origin) {
  switch (event.type()) {
    case POLICY_APPLIED:
    case POLICY_SIGNED:
      return {{"type_id", 5}, {"type", "Policy"}, {"policy", PolicyOf(event.policy())}};
    case LEASE_REVOKED:
      return {{"type_id", kOther}, {"type", "Lease"}, {"uid", OrUnknown(event.object().key_id())}};
    case CUSTODY_CREATED:
      return {{"type_id", kOther}, {"type", "Custody"}, {"name", OrUnknown(origin)}};
    default:
      return {{"type_id", kOther},
              {"type", "Encryption Key"},
              {"uid", OrUnknown(event.object().key_id())},
              {"version", absl::StrCat(event.object().key_epoch())}};
  }
}

void AddDatastore(const Event& event, OcsfObject& record) {
  record["type_id"] = 2;
  record["type"] = "Databucket";
  record["databucket"] = {{"name", OrUnknown(event.object().dataset())},
                          {"type_id", kOther},
                          {"type", "Sealed data set"},
                          {"version", absl::StrCat(event.object().generation())},
                          {"is_encrypted", true},
                          {"encryption_details",
                           {{"algorithm", "AES-256-GCM"},
                            {"algorithm_id", 3},
                            {"key_uid", absl::StrCat("epoch ", event.object().key_epoch())}}}};
}

void AddApi(const Event& event, const std::string& origin, OcsfObject& record) {
  if (event.type() == MODEL_SEALED || event.type() == MODEL_EXPORTED) {
    record["api"] = {{"operation", event.type() == MODEL_SEALED ? "SealModel" : "ExportModel"}};
    OcsfObject model = {{"type", "model"}, {"name", OrUnknown(event.object().model())}};
    if (!event.object().artifact_sha256().empty()) {
      model["uid"] = HexOf(event.object().artifact_sha256());
    }
    record["resources"] = OcsfObject::array({std::move(model)});
  } else {
    record["api"] = {
        {"operation", event.type() == ENTRY_REDACTED ? "RedactAuditEntry" : "ReadAuditLog"}};
    OcsfObject log = {{"type", "audit log"}, {"name", OrUnknown(origin)}};
    if (!event.object().entry_uid().empty()) log["uid"] = HexOf(event.object().entry_uid());
    record["resources"] = OcsfObject::array({std::move(log)});
  }
}

void AddSession(const Event& event, OcsfObject& record) {
  const Object& object = event.object();
  record["user"] = UserOf(event);
  OcsfObject privileges = OcsfObject::array();
  for (const std::string& column : object.column()) {
    privileges.push_back(
        absl::StrCat(event.action(), " ", object.dataset(), "@", object.generation(), " ", column));
  }
  if (privileges.empty()) {
    privileges.push_back(absl::StrCat(event.action(), " ", object.dataset()));
  }
  record["privileges"] = std::move(privileges);
  record["session"] = {{"uid", HexOf(event.request_uid())}};
}

// The fields of the class that records of other classes do not have.
void AddClassFields(const Event& event, const OcsfClass& of, const std::string& origin,
                    OcsfObject& record) {
  const OcsfObject endpoint = {{"hostname", OrUnknown(event.actor().host())}};
  if (of.uid == kEventLog.uid) {
    record["device"] = {{"hostname", OrUnknown(event.actor().host())}, {"type_id", 0}};
    record["log_name"] = origin;
  } else if (of.uid == kEntityManagement.uid) {
    record["entity"] = EntityOf(event, origin);
  } else if (of.uid == kAuthorizeSession.uid) {
    AddSession(event, record);
  } else if (of.uid == kApiActivity.uid) {
    record["src_endpoint"] = endpoint;
    AddApi(event, origin, record);
  } else if (of.uid == kDatastore.uid) {
    record["src_endpoint"] = endpoint;
    AddDatastore(event, record);
  }
}

struct NamedId {
  int id;
  const char* name;
};

NamedId StatusOf(Phase phase) {
  switch (phase) {
    case SUCCEEDED:
      return {1, "Success"};
    case DENIED:
    case FAILED:
    case ABANDONED:
      return {2, "Failure"};
    default:
      return {kOther, "Intent"};
  }
}

NamedId OcsfSeverity(Phase phase) {
  switch (phase) {
    case DENIED:
      return {3, "Medium"};
    case FAILED:
    case ABANDONED:
      return {2, "Low"};
    default:
      return {1, "Informational"};
  }
}

class Ocsf final : public EntryFormatter {
 public:
  explicit Ocsf(ExportSource source) : source_(std::move(source)) {}

  std::string Format(const Entry& entry) const override {
    const Event& event = entry.event;
    const std::string& origin = source_.checkpoint.origin;
    const OcsfActivity activity = ActivityOf(event);
    const std::string activity_name =
        activity.name != nullptr ? activity.name : TypeName(event.type());
    const NamedId status = StatusOf(event.phase());
    const NamedId severity = OcsfSeverity(event.phase());
    // A decision of the policy was made for these.
    const bool is_decision =
        (event.phase() == INTENT || event.phase() == DENIED) && !event.policy().sha256().empty();
    OcsfObject record = {
        {"class_uid", activity.of.uid},
        {"class_name", activity.of.name},
        {"category_uid", activity.of.category_uid},
        {"category_name", activity.of.category_name},
        {"activity_id", activity.id},
        {"activity_name", activity_name},
        {"type_uid", activity.of.uid * 100 + activity.id},
        {"type_name", absl::StrCat(activity.of.name, ": ", activity_name)},
        {"time", event.wall_time_ns() / 1'000'000},
        {"severity_id", severity.id},
        {"severity", severity.name},
        {"status_id", status.id},
        {"status", status.name},
        {"message", absl::StrCat(TypeName(event.type()), " ", VerdictName(event.phase()))},
        {"metadata", MetadataOf(entry, is_decision)},
        {"actor", ActorOf(event)}};
    if (!event.reason_code().empty()) record["status_code"] = event.reason_code();
    if (is_decision) {
      const bool allowed = event.phase() == INTENT;
      record["action_id"] = allowed ? 1 : 2;
      record["action"] = allowed ? "Allowed" : "Denied";
      record["disposition_id"] = allowed ? 1 : 2;
      record["disposition"] = allowed ? "Allowed" : "Blocked";
      record["policy"] = PolicyOf(event.policy());
    }
    AddClassFields(event, activity.of, origin, record);
    // Not of the leaf: its hash has a byte in front, and stands below.
    record["raw_data_hash"] = {{"algorithm", "SHA-256"},
                               {"algorithm_id", 3},
                               {"value", HexEncode(crypto::Sha256(AsBytes(entry.bytes)))}};
    record["unmapped"] = {{"tlog",
                           {{"origin", origin},
                            {"index", entry.index},
                            {"size", source_.checkpoint.size},
                            {"root", EncodeBase64(source_.checkpoint.root)}}},
                          {"sealtrain", ToJson(entry)}};
    return absl::StrCat(OneLine(record), "\n");
  }

 private:
  OcsfObject MetadataOf(const Entry& entry, bool is_decision) const {
    const Event& event = entry.event;
    OcsfObject metadata = {{"version", "1.8.0"},
                           {"product",
                            {{"name", "Sealtrain"},
                             {"vendor_name", "Sealtrain"},
                             {"version", source_.product_version}}},
                           {"log_name", source_.checkpoint.origin},
                           {"event_code", TypeName(event.type())},
                           {"sequence", entry.index},
                           {"original_event_uid", HexOf(event.uid())}};
    if (!event.request_uid().empty()) metadata["correlation_uid"] = HexOf(event.request_uid());
    if (is_decision) metadata["profiles"] = OcsfObject::array({"security_control"});
    return metadata;
  }

  const ExportSource source_;
};

}  // namespace

std::unique_ptr<EntryFormatter> OcsfFormatter(ExportSource source) {
  return std::make_unique<Ocsf>(std::move(source));
}

}  // namespace sealtrain::audit
