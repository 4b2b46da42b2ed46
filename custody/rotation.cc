// The keys of the home, and a new root key for them.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/custody/audit_events_internal.h"
#include "sealtrain/custody/embedded_custodian_internal.h"
#include "sealtrain/custody/names_internal.h"

namespace sealtrain::custody {

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

  audit::Event event;
  event.set_type(audit::KEY_ROTATED);
  event.set_phase(audit::SUCCEEDED);
  event.mutable_actor()->set_principal(principal);
  event.mutable_object()->set_key_id("root");
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
  if (status.ok()) return absl::OkStatus();
  return absl::Status(status.code(),
                      absl::StrCat("the new root key is in force, but: ", status.message()));
}

}  // namespace sealtrain::custody
