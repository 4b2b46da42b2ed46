#include "sealtrain/custody/event_outbox_internal.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"

namespace sealtrain::custody {

namespace {

struct Owed {
  Id key{};
  audit::Event event;
};

absl::StatusOr<std::vector<Owed>> AllOwed(const Database& db) {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db.Prepare("SELECT request_uid, event FROM owed_event ORDER BY number"));
  std::vector<Owed> all;
  while (true) {
    ST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return all;
    Owed& owed = all.emplace_back();
    ST_RETURN_IF_ERROR(select.Blob(0, absl::MakeSpan(owed.key)));
    if (!owed.event.ParseFromString(select.Text(1))) {
      return absl::DataLossError("key store: an owed event is damaged");
    }
  }
}

absl::StatusOr<std::uint64_t> Position(const Database& db) {
  ST_ASSIGN_OR_RETURN(const std::int64_t rows, db.QueryInt("SELECT count(*) FROM log_position"));
  if (rows != 1) return absl::DataLossError("key store: no place in the audit log");
  ST_ASSIGN_OR_RETURN(const std::int64_t entries, db.QueryInt("SELECT entries FROM log_position"));
  return static_cast<std::uint64_t>(entries);
}

bool IsOfSession(audit::EventType type) {
  return type == audit::LOG_STARTED || type == audit::LOG_STOPPED || type == audit::HEARTBEAT;
}

// The uids of the log's entries from the position on. DataLoss: one that the key store
// does not know of.
absl::StatusOr<std::set<std::string>> KnownBehind(std::uint64_t position, const Database& db,
                                                  const std::vector<Owed>& all,
                                                  audit::LogReader& log) {
  std::set<std::string> owed;
  for (const Owed& o : all) owed.insert(o.event.uid());
  std::set<std::string> told;
  const auto know = [&](const audit::Entry& entry) -> absl::Status {
    const audit::Event& event = entry.event;
    told.insert(event.uid());
    // What was denied changed nothing, nor does a process by being there. Whatever else is
    // told was stored before.
    if (event.phase() == audit::DENIED || IsOfSession(event.type()) || owed.contains(event.uid())) {
      return absl::OkStatus();
    }
    if (event.phase() == audit::INTENT) {
      ST_ASSIGN_OR_RETURN(Statement lease, db.Prepare("SELECT 1 FROM lease WHERE permit_id = ?"));
      ST_ASSIGN_OR_RETURN(const bool known, lease.Bind(AsBytes(event.request_uid())).Step());
      if (known) return absl::OkStatus();
    }
    return absl::DataLossError(absl::StrCat(
        "the key store is older than the audit log: it does not know of entry ", entry.index, ", ",
        audit::EventType_Name(event.type()), " ", audit::Phase_Name(event.phase()),
        ". Either keystore.db was put back, or the home was copied in use"));
  };
  absl::Status status;
  ST_RETURN_IF_ERROR(log.ForEach(position, log.checkpoint().size, [&](const audit::Entry& entry) {
    status = know(entry);
    return status.ok();
  }));
  ST_RETURN_IF_ERROR(status);
  return told;
}

}  // namespace

absl::Status CheckKeyStoreKnows(const Database& db, audit::LogReader& log) {
  ST_ASSIGN_OR_RETURN(const std::vector<Owed> all, AllOwed(db));
  ST_ASSIGN_OR_RETURN(const std::uint64_t position, Position(db));
  const std::uint64_t size = log.checkpoint().size;
  if (size < position) {
    return absl::DataLossError(
        absl::StrCat(size, " entries of the audit log are published and the key store knows of ",
                     position, ": the log was put back or cut off, or the home was copied in use"));
  }
  return KnownBehind(position, db, all, log).status();
}

absl::Status EventOutbox::Owe(const Id& key, audit::Event& event) {
  if (event.uid().empty()) {
    ST_ASSIGN_OR_RETURN(const Id uid, crypto::RandomId());
    event.set_uid(std::string(AsText(uid)));
  }
  // What the log would refuse must not be committed: it could never be settled.
  ST_RETURN_IF_ERROR(audit::EncodeEvent(event).status());
  told_.erase(key);
  for (const Id& told : told_) ST_RETURN_IF_ERROR(Remove(told));
  ST_RETURN_IF_ERROR(Remove(key));
  ST_ASSIGN_OR_RETURN(Statement insert,
                      db_->Prepare("INSERT INTO owed_event (request_uid, event) VALUES (?, ?)"));
  ST_RETURN_IF_ERROR(insert.Bind(ByteSpan(key)).Bind(AsBytes(event.SerializeAsString())).Run());
  return MovePosition();
}

absl::Status EventOutbox::Forget(const Id& key) {
  told_.insert(key);
  return ForgetTold();
}

absl::Status EventOutbox::ForgetTold() {
  ST_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  for (const Id& told : told_) ST_RETURN_IF_ERROR(Remove(told));
  ST_RETURN_IF_ERROR(MovePosition());
  ST_RETURN_IF_ERROR(transaction.Commit());
  told_.clear();
  return absl::OkStatus();
}

absl::Status EventOutbox::StorePosition() { return told_.empty() ? MovePosition() : ForgetTold(); }

absl::StatusOr<bool> EventOutbox::IsEven() const {
  ST_ASSIGN_OR_RETURN(const std::int64_t owed, db_->QueryInt("SELECT count(*) FROM owed_event"));
  ST_ASSIGN_OR_RETURN(const std::uint64_t position, Position(*db_));
  return owed == 0 && position == log_->size();
}

absl::Status EventOutbox::Settle(audit::LogReader& reader) {
  ST_ASSIGN_OR_RETURN(const std::vector<Owed> all, AllOwed(*db_));
  ST_ASSIGN_OR_RETURN(const std::uint64_t position, Position(*db_));
  const std::uint64_t size = reader.checkpoint().size;
  if (size < position) {
    return absl::DataLossError(absl::StrCat("the audit log has ", size,
                                            " entries and the key store knows of ", position,
                                            ": the log was put back or cut off, or the home was "
                                            "copied in use"));
  }
  ST_ASSIGN_OR_RETURN(const std::set<std::string> told, KnownBehind(position, *db_, all, reader));
  for (const Owed& o : all) {
    if (!told.contains(o.event.uid())) ST_RETURN_IF_ERROR(log_->Append(o.event).status());
    ST_RETURN_IF_ERROR(Forget(o.key));
  }
  return StorePosition();
}

absl::Status EventOutbox::Remove(const Id& key) {
  ST_ASSIGN_OR_RETURN(Statement remove,
                      db_->Prepare("DELETE FROM owed_event WHERE request_uid = ?"));
  return remove.Bind(ByteSpan(key)).Run();
}

absl::Status EventOutbox::MovePosition() {
  ST_ASSIGN_OR_RETURN(Statement update, db_->Prepare("UPDATE log_position SET entries = ?"));
  return update.Bind(log_->size()).Run();
}

}  // namespace sealtrain::custody
