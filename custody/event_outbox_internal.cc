#include "sealtrain/custody/event_outbox_internal.h"

#include <utility>
#include <vector>

#include "sealtrain/audit/event_codec.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"

namespace sealtrain::custody {

absl::Status EventOutbox::Owe(const Id& key, audit::Event& event) {
  if (event.uid().empty()) {
    ST_ASSIGN_OR_RETURN(const Id uid, crypto::RandomId());
    event.set_uid(std::string(AsText(uid)));
  }
  // What the log would refuse must not be committed: it could never be settled.
  ST_RETURN_IF_ERROR(audit::EncodeEvent(event).status());
  ST_RETURN_IF_ERROR(Forget(key));
  ST_ASSIGN_OR_RETURN(Statement insert,
                      db_->Prepare("INSERT INTO owed_event (request_uid, event) VALUES (?, ?)"));
  return insert.Bind(ByteSpan(key)).Bind(AsBytes(event.SerializeAsString())).Run();
}

absl::Status EventOutbox::Forget(const Id& key) {
  ST_ASSIGN_OR_RETURN(Statement remove,
                      db_->Prepare("DELETE FROM owed_event WHERE request_uid = ?"));
  return remove.Bind(ByteSpan(key)).Run();
}

absl::Status EventOutbox::Settle(audit::AuditLog& log, const std::string& last_uid) {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT request_uid, event FROM owed_event ORDER BY number"));
  std::vector<std::pair<Id, audit::Event>> owed;
  while (true) {
    ST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    auto& [key, event] = owed.emplace_back();
    ST_RETURN_IF_ERROR(select.Blob(0, absl::MakeSpan(key)));
    if (!event.ParseFromString(select.Text(1))) {
      return absl::DataLossError("key store: an owed event is damaged");
    }
  }
  for (const auto& [key, event] : owed) {
    if (event.uid() != last_uid) ST_RETURN_IF_ERROR(log.Append(event).status());
    ST_RETURN_IF_ERROR(Forget(key));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> EventOutbox::empty() const {
  ST_ASSIGN_OR_RETURN(const std::int64_t count, db_->QueryInt("SELECT count(*) FROM owed_event"));
  return count == 0;
}

}  // namespace sealtrain::custody
