// The keys of the home, a new root key for them, and a new key for the audit log.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/vkey_file.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/custody/audit_events_internal.h"
#include "sealtrain/custody/embedded_custodian_internal.h"
#include "sealtrain/custody/home_config_internal.h"
#include "sealtrain/custody/names_internal.h"

namespace sealtrain::custody {
namespace {

audit::Event KeyEvent(audit::EventType type, const std::string& principal, const char* key_id) {
  audit::Event event;
  event.set_type(type);
  event.set_phase(audit::SUCCEEDED);
  event.mutable_actor()->set_principal(principal);
  event.mutable_object()->set_key_id(key_id);
  return event;
}

// Of a change that was made and then not told to the log.
absl::Status InForceBut(const char* what, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(what, ", but: ", status.message()));
}

}  // namespace

absl::StatusOr<KeyList> EmbeddedCustodian::ListKeys() {
  MutexLock lock(&mutex_);
  KeyList list;
  ST_ASSIGN_OR_RETURN(const RootKeyRecord root, GetRootKeyRecord(*db_));
  list.root_number = root.number;
  ST_ASSIGN_OR_RETURN(const std::vector<ClassKeyName> names, keys_.ClassKeys());
  for (const ClassKeyName& name : names) {
    KeyInfo info;
    absl::string_view owner = name.scope;
    if (absl::ConsumePrefix(&owner, DatasetScope(""))) {
      info.dataset = std::string(owner);
    } else if (absl::ConsumePrefix(&owner, ModelScope(""))) {
      info.model = std::string(owner);
    } else {
      return absl::DataLossError("key store: a class key belongs to nothing");
    }
    if (!DataClass_IsValid(name.data_class)) {
      return absl::DataLossError(absl::StrCat("key store: unknown data class ", name.data_class));
    }
    info.data_class = static_cast<DataClass>(name.data_class);
    info.key_epoch = name.key_epoch;
    list.keys.push_back(std::move(info));
  }
  return list;
}

absl::Status EmbeddedCustodian::RotateRootKey(const std::string& principal,
                                              const crypto::SecretBytes& passphrase) {
  ST_RETURN_IF_ERROR(CheckWord("principal", principal));
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(RootKeyRecord record, GetRootKeyRecord(*db_));
  ++record.number;
  ST_ASSIGN_OR_RETURN(record.argon2.salt, crypto::RandomId());
  ST_ASSIGN_OR_RETURN(crypto::Kek root, crypto::KekFromPassphrase(passphrase, record.argon2));

  audit::Event event = KeyEvent(audit::KEY_ROTATED, principal, "root");
  event.mutable_object()->set_key_epoch(record.number);
  ST_ASSIGN_OR_RETURN(const Id change, crypto::RandomId());
  std::optional<KeyStore> rewrapped;
  absl::Status status =
      ChangeAndRecord(change, std::move(event), [&](audit::Event&) -> absl::Status {
        mutex_.AssertHeld();
        ST_RETURN_IF_ERROR(PutRootKeyRecord(*db_, record));
        ST_ASSIGN_OR_RETURN(rewrapped, keys_.Rewrap(std::move(root)));
        return absl::OkStatus();
      });
  // Not `status` decides which root key we have from now on: the change may have
  // been made and its event not have been appended.
  ST_ASSIGN_OR_RETURN(const RootKeyRecord stored, GetRootKeyRecord(*db_));
  if (stored.number != record.number) return status;
  keys_ = *std::move(rewrapped);
  return InForceBut("the new root key is in force", status);
}

absl::Status EmbeddedCustodian::AddLogKey(const std::string& principal) {
  ST_RETURN_IF_ERROR(CheckWord("principal", principal));
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const bool replacing, keys_.HasSigningKey(kNextAuditLogKey));
  if (replacing) {
    return absl::FailedPreconditionError(
        "the audit log's key is being replaced already: finish that first");
  }
  // The log could not be opened with a key that log.vkey has no room for.
  ST_ASSIGN_OR_RETURN(const auto log, ReadLog());
  if (log->keys().size() >= audit::kMaxLogKeys) {
    return absl::ResourceExhaustedError("the audit log has had as many keys as it can name");
  }
  audit::Event event = KeyEvent(audit::KEY_ROTATED, principal, kAuditLogKey);
  StampActor(event);
  ST_ASSIGN_OR_RETURN(const crypto::SigningKey next, crypto::SigningKey::Generate());
  ST_ASSIGN_OR_RETURN(const Id change, crypto::RandomId());
  // The event is owed until the log is opened with both keys. So both have signed before
  // the old one can go.
  ST_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  ST_RETURN_IF_ERROR(keys_.AddSigningKey(kNextAuditLogKey, next));
  ST_RETURN_IF_ERROR(outbox_.Owe(change, event));
  return transaction.Commit();
}

absl::Status EmbeddedCustodian::DropOldLogKey(const std::string& principal) {
  ST_RETURN_IF_ERROR(CheckWord("principal", principal));
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const bool replacing, keys_.HasSigningKey(kNextAuditLogKey));
  if (!replacing) return absl::FailedPreconditionError("no new key signs the audit log yet");
  ST_ASSIGN_OR_RETURN(const crypto::SigningKey next, keys_.GetSigningKey(kNextAuditLogKey));
  ST_RETURN_IF_ERROR(log_->Publish());  // under both keys
  if (!log_->OpensWith(next.public_key())) {
    return absl::FailedPreconditionError("no new key signs the audit log yet");
  }
  ST_ASSIGN_OR_RETURN(const Id change, crypto::RandomId());
  const absl::Status status =
      ChangeAndRecord(change, KeyEvent(audit::KEY_DESTROYED, principal, kAuditLogKey),
                      [&](audit::Event&) -> absl::Status {
                        mutex_.AssertHeld();
                        ST_RETURN_IF_ERROR(keys_.RemoveSigningKey(kNextAuditLogKey));
                        ST_RETURN_IF_ERROR(keys_.RemoveSigningKey(kAuditLogKey));
                        return keys_.AddSigningKey(kAuditLogKey, next);
                      });
  // As with the root key: the change may have been made and its event not have been
  // appended.
  ST_ASSIGN_OR_RETURN(const bool unchanged, keys_.HasSigningKey(kNextAuditLogKey));
  return unchanged ? status : InForceBut("the old key is destroyed", status);
}

}  // namespace sealtrain::custody
