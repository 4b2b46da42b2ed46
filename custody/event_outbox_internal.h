// Events that the log is owed. A change of the key store and the event that
// tells of it cannot be made in one step; so the event is first stored with the
// change, in its transaction, then appended to the log, then forgotten here.
// After a crash Open() appends what is still owed: the log never says less than
// what was done.
//
// The same table closes jobs whose process is gone: while a lease lives, its
// ABANDONED event is owed; the outcome replaces it.
// Not thread-safe.
#ifndef SEALTRAIN_CUSTODY_EVENT_OUTBOX_INTERNAL_H_
#define SEALTRAIN_CUSTODY_EVENT_OUTBOX_INTERNAL_H_

#include <string>

#include "absl/status/status.h"
#include "sealtrain/audit/audit_log.h"
#include "sealtrain/audit/event.pb.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/sqlite_internal.h"

namespace sealtrain::custody {

class EventOutbox {
 public:
  explicit EventOutbox(Database& db) : db_(&db) {}

  // Owes `event` for `key`, instead of what was owed for it before. Gives the
  // event a uid if it has none. To be called in the transaction of the change.
  absl::Status Owe(const Id& key, audit::Event& event);
  absl::Status Forget(const Id& key);

  // Appends all that is owed, oldest first. `last_uid`: of the log's last entry,
  // which may be one that was appended and not yet forgotten.
  absl::Status Settle(audit::AuditLog& log, const std::string& last_uid);
  absl::StatusOr<bool> empty() const;

 private:
  Database* db_;
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_EVENT_OUTBOX_INTERNAL_H_
