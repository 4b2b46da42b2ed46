// Events that the log is owed. A change of the key store and the event that
// tells of it cannot be made in one step; so the event is first stored with the
// change, in its transaction, then appended to the log, then forgotten here.
// After a crash Open() appends what is still owed: the log never says less than
// what was done.
//
// The same table closes jobs whose process is gone: while a lease lives, its
// ABANDONED event is owed; the outcome replaces it.
//
// It also shows a key store that was put back: with each event the number of entries
// that the log has is stored, and what the log has behind it must be known here.
// Not thread-safe.
#ifndef SEALTRAIN_CUSTODY_EVENT_OUTBOX_INTERNAL_H_
#define SEALTRAIN_CUSTODY_EVENT_OUTBOX_INTERNAL_H_

#include <set>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/audit/audit_log.h"
#include "sealtrain/audit/event.pb.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/custody/sqlite_internal.h"

namespace sealtrain::custody {

class EventOutbox {
 public:
  EventOutbox(Database& db, audit::AuditLog& log) : db_(&db), log_(&log) {}

  // Owes `event` for `key`, instead of what was owed for it before. Gives the
  // event a uid if it has none. To be called in the transaction of the change.
  absl::Status Owe(const Id& key, audit::Event& event);
  // Once it was appended. What cannot be forgotten now is with the next change, before the
  // position moves past its entry: else it would be told again.
  absl::Status Forget(const Id& key);

  // What was owed for `key` will not be. To be called in the transaction of the change.
  absl::Status Remove(const Id& key);

  // The log must not be put back to before now.
  absl::Status StorePosition();

  // Whether nothing is owed and the log ends where the key store knows it to.
  absl::StatusOr<bool> IsEven() const;
  // Appends all that is owed and does not stand in the log yet, oldest first. `reader`
  // is of the log. DataLoss: the key store is older than the log, or the log than the
  // key store; then nothing is appended.
  absl::Status Settle(audit::LogReader& reader);

 private:
  absl::Status ForgetTold();
  absl::Status MovePosition();

  std::set<Id> told_;  // and not forgotten
  Database* db_;
  audit::AuditLog* log_;
};

// DataLoss: the log tells of what the key store does not know, which is older then; or
// has published less than the key store knows of.
absl::Status CheckKeyStoreKnows(const Database& db, audit::LogReader& log);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_EVENT_OUTBOX_INTERNAL_H_
