// Data sets, policy, budgets, leases.
#include "sealtrain/custody/embedded_custodian_internal.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/custody/audit_events_internal.h"
#include "sealtrain/custody/home_config_internal.h"
#include "sealtrain/custody/names_internal.h"

namespace sealtrain::custody {

namespace {

// A log's name is chosen, and may be that of another home's; the key is of this one.
std::string NameForApprovers(const std::string& log_origin, const crypto::PublicKey& policy_key) {
  const Digest key = crypto::Sha256(policy_key);
  return absl::StrCat(log_origin, "+", HexEncode(ByteSpan(key).first(8)));
}

}  // namespace

EmbeddedCustodian::EmbeddedCustodian(const CustodianOptions& options, Parts parts)
    : options_(options),
      lock_(std::move(parts.lock)),
      manifest_key_(std::move(parts.manifest_key)),
      policy_key_(std::move(parts.policy_key)),
      approvers_name_(NameForApprovers(parts.log_origin, policy_key_.public_key())),
      db_(std::move(parts.db)),
      log_(std::move(parts.log)),
      session_(*log_, options.heartbeat),
      keys_(std::move(parts.keys)),
      catalog_(*db_),
      leases_(*db_),
      ledger_(*db_),
      policies_(*options_.env, *db_, policy_key_, PolicyDirectory(options_.home)),
      approved_(*db_),
      outbox_(*db_, *log_),
      sets_(std::move(parts.sets)) {}

absl::Time EmbeddedCustodian::Now() const {
  latest_ = std::max(latest_, options_.clock());
  return latest_;
}

namespace {

// Of an entry's bytes, what the names of all columns may take: each access is
// logged with them, and what cannot be logged cannot be allowed.
constexpr std::size_t kMaxColumnNamesBytes = audit::kMaxEntryBytes / 2;

absl::Status CheckColumnNamesFitTheLog(const policy::Schema& schema) {
  std::size_t bytes = 0;
  for (const policy::Column& column : schema.columns()) bytes += column.name.size() + 4;
  if (bytes <= kMaxColumnNamesBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the names of the columns of ", schema.message_name(), " take ", bytes,
                   " bytes in every entry of the audit log, more than ", kMaxColumnNamesBytes));
}

}  // namespace

absl::Status EmbeddedCustodian::CreateDataset(const std::string& principal, const std::string& name,
                                              std::shared_ptr<const policy::Schema> schema) {
  ST_RETURN_IF_ERROR(CheckWord("principal", principal));
  ST_RETURN_IF_ERROR(CheckName("data set", name));
  ST_RETURN_IF_ERROR(CheckColumnNamesFitTheLog(*schema));
  MutexLock lock(&mutex_);
  if (const absl::Status status = catalog_.GetDataset(name).status(); !absl::IsNotFound(status)) {
    ST_RETURN_IF_ERROR(status);
    return absl::AlreadyExistsError(absl::StrCat("data set ", name, " exists"));
  }
  std::set<int> classes = {kStructureClass};
  for (const policy::Column& column : schema->columns()) {
    classes.insert(column.classes.begin(), column.classes.end());
  }

  audit::Event event;
  event.set_type(audit::DATASET_CREATED);
  event.set_phase(audit::SUCCEEDED);
  event.mutable_actor()->set_principal(principal);
  event.mutable_object()->set_dataset(name);
  event.mutable_object()->set_key_epoch(kFirstKeyEpoch);
  ST_ASSIGN_OR_RETURN(const Id change, crypto::RandomId());
  return ChangeAndRecord(change, std::move(event), [&](audit::Event&) -> absl::Status {
    mutex_.AssertHeld();
    ST_RETURN_IF_ERROR(catalog_.AddDataset(name, *schema, kFirstKeyEpoch, Now()));
    for (const int data_class : classes) {
      ST_RETURN_IF_ERROR(keys_.AddClassKey(DatasetScope(name), data_class, kFirstKeyEpoch));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<DatasetInfo> EmbeddedCustodian::GetDataset(const std::string& name) {
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(DatasetRecord record, catalog_.GetDataset(name));
  return std::move(record.info);
}

absl::StatusOr<std::vector<DatasetInfo>> EmbeddedCustodian::ListDatasets() {
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const std::vector<std::string> names, catalog_.DatasetNames());
  std::vector<DatasetInfo> datasets;
  for (const std::string& name : names) {
    ST_ASSIGN_OR_RETURN(DatasetRecord record, catalog_.GetDataset(name));
    datasets.push_back(std::move(record.info));
  }
  return datasets;
}

absl::Status EmbeddedCustodian::ApplyPolicy(const std::string& principal, const std::string& text,
                                            const std::string& file_name,
                                            const std::string& approvals) {
  ST_RETURN_IF_ERROR(CheckWord("principal", principal));
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(AcceptedPolicy accepted, AcceptPolicy(sets_.empty() ? nullptr : &sets_.back(),
                                                            text, file_name, approvals));
  const PolicyRecord record{.version = accepted.policy.proto().version(),
                            .id = accepted.policy.proto().id(),
                            .sha256 = accepted.policy.sha256(),
                            .applied_at = Now(),
                            .applied_by = principal,
                            .approvers = std::move(accepted.approvers)};
  ST_RETURN_IF_ERROR(policies_.WriteFiles(record.version, text, approvals));

  audit::Event event;
  event.set_type(audit::POLICY_APPLIED);
  event.set_phase(audit::SUCCEEDED);
  event.mutable_actor()->set_principal(principal);
  *event.mutable_policy() = PolicyRefOf(accepted.policy);
  ST_ASSIGN_OR_RETURN(const Id change, crypto::RandomId());
  ST_RETURN_IF_ERROR(ChangeAndRecord(change, std::move(event), [&](audit::Event&) -> absl::Status {
    mutex_.AssertHeld();
    return policies_.AddRecord(record);
  }));
  sets_.push_back(std::move(accepted.policy));
  return absl::OkStatus();
}

namespace {

absl::Status NoPolicy() {
  return absl::PermissionDeniedError("no policy is in force to name approvers");
}

}  // namespace

AccessPlace EmbeddedCustodian::AccessPlaceNow() const {
  return {.custody = approvers_name_, .policy_sha256 = sets_.back().sha256()};
}

absl::Status EmbeddedCustodian::CheckAccess(const AccessRequest& request) {
  if (sets_.empty()) return NoPolicy();
  ST_RETURN_IF_ERROR(CheckPlace(request, AccessPlaceNow()));
  const auto& purposes = sets_.back().proto().purpose();
  if (std::find(purposes.begin(), purposes.end(), request.purpose()) == purposes.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the policy in force does not declare the purpose ", request.purpose()));
  }
  if (!IsInTime(request, Now())) {
    return absl::InvalidArgumentError("its end (not_after) is past, or more than 30 days off");
  }
  ST_RETURN_IF_ERROR(catalog_.GetDataset(request.dataset()).status());
  if (request.model().empty()) return absl::OkStatus();
  return CheckLearnedFrom(request.model(), request.dataset());
}

absl::StatusOr<std::string> EmbeddedCustodian::DraftAccess(AccessRequest request) {
  MutexLock lock(&mutex_);
  if (sets_.empty()) return NoPolicy();
  const AccessPlace place = AccessPlaceNow();
  request.set_custody(place.custody);
  request.set_policy_sha256(HexEncode(place.policy_sha256));
  std::string text;
  if (!google::protobuf::TextFormat::PrintToString(request, &text)) {
    return absl::InternalError("cannot print the request");
  }
  ST_RETURN_IF_ERROR(ParseAccessRequest(text).status());
  ST_RETURN_IF_ERROR(CheckAccess(request));
  return text;
}

absl::Status EmbeddedCustodian::SubmitAccess(const std::string& principal, const std::string& text,
                                             const std::string& file_name,
                                             const std::string& approvals) {
  ST_RETURN_IF_ERROR(CheckWord("principal", principal));
  const auto wrong = [&file_name](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(file_name, ": ", what));
  };
  const absl::StatusOr<AccessRequest> parsed = ParseAccessRequest(text);
  if (!parsed.ok()) return wrong(parsed.status().message());
  MutexLock lock(&mutex_);
  const absl::Status may_be = CheckAccess(*parsed);
  if (absl::IsInvalidArgument(may_be)) return wrong(may_be.message());
  ST_RETURN_IF_ERROR(may_be);
  const absl::StatusOr<std::vector<std::string>> names =
      CountedApprovers(text, approvals, sets_.back().proto().approval(), parsed->principal());
  if (!names.ok()) return wrong(names.status().message());
  if (names->empty()) return wrong("nobody has approved it who may");

  audit::Event event;
  event.set_type(audit::ACCESS_APPROVED);
  event.set_phase(audit::SUCCEEDED);
  event.mutable_actor()->set_principal(principal);
  event.mutable_object()->set_dataset(parsed->dataset());
  event.mutable_object()->set_model(parsed->model());
  event.mutable_object()->set_entry_uid(absl::HexStringToBytes(parsed->entry_uid()));
  event.set_purpose(parsed->purpose());
  *event.mutable_policy() = PolicyRefOf(sets_.back());
  audit::Approval& approval = *event.mutable_approval();
  approval.set_sha256(DigestField(crypto::Sha256(AsBytes(text))));
  approval.set_principal(parsed->principal());
  for (const int action : parsed->action()) {
    approval.add_action(policy::Action_Name(static_cast<policy::Action>(action)));
  }
  for (const std::string& name : *names) approval.add_approver(name);
  approval.set_not_after_ns(static_cast<std::uint64_t>(absl::ToUnixNanos(AccessDeadline(*parsed))));
  ST_ASSIGN_OR_RETURN(const Id change, crypto::RandomId());
  return ChangeAndRecord(change, std::move(event), [&](audit::Event& owed) -> absl::Status {
    mutex_.AssertHeld();
    ST_ASSIGN_OR_RETURN(const bool known, approved_.Has(text));
    // Handed in again, with more approvals perhaps: one opening is one to destroy.
    if (!known) ST_RETURN_IF_ERROR(SealWhy(parsed->why(), owed));
    return approved_.Put(text, *parsed, approvals, Now());
  });
}

absl::StatusOr<std::vector<PolicyRecord>> EmbeddedCustodian::PolicyHistory() {
  MutexLock lock(&mutex_);
  return policies_.History();
}

absl::StatusOr<std::string> EmbeddedCustodian::PolicyText(std::uint64_t version) {
  MutexLock lock(&mutex_);
  return policies_.ReadText(version);
}

absl::StatusOr<std::vector<Budget>> EmbeddedCustodian::GetBudgets(const std::string& dataset) {
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const DatasetRecord record, catalog_.GetDataset(dataset));
  ST_ASSIGN_OR_RETURN(std::vector<Budget> budgets, ledger_.Budgets(dataset));
  if (budgets.empty() && record.runs_without_privacy > 0) {
    budgets.emplace_back().dataset = dataset;
  }
  for (Budget& budget : budgets) budget.runs_without_privacy = record.runs_without_privacy;
  return budgets;
}

absl::StatusOr<std::vector<LeaseInfo>> EmbeddedCustodian::ListLeases() {
  MutexLock lock(&mutex_);
  return leases_.Live();
}

absl::Status EmbeddedCustodian::RevokeLease(const std::string& principal, const Id& permit_id) {
  ST_RETURN_IF_ERROR(CheckWord("principal", principal));
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const LeaseInfo lease, leases_.Get(permit_id));
  if (lease.revoked) return absl::OkStatus();
  audit::Event event;
  event.set_type(audit::LEASE_REVOKED);
  event.set_phase(audit::SUCCEEDED);
  event.mutable_actor()->set_principal(principal);
  event.set_action(policy::Action_Name(lease.action));
  event.mutable_object()->set_dataset(lease.dataset);
  // Not as request_uid: this event ends no request.
  event.mutable_object()->set_key_id(HexEncode(permit_id));
  ST_ASSIGN_OR_RETURN(const Id change, crypto::RandomId());
  return ChangeAndRecord(change, std::move(event), [&](audit::Event&) -> absl::Status {
    mutex_.AssertHeld();
    return leases_.Revoke(permit_id);
  });
}

absl::StatusOr<std::unique_ptr<audit::LogReader>> EmbeddedCustodian::ReadLog() {
  ST_RETURN_IF_ERROR(log_->Publish());
  return audit::LogReader::Open(*options_.env, AuditPath(options_.home));
}

absl::StatusOr<std::string> EmbeddedCustodian::AuditCheckpoint() {
  std::string checkpoint = log_->checkpoint();
  ST_RETURN_IF_ERROR(log_->Publish());
  return checkpoint;
}

}  // namespace sealtrain::custody
