#include "sealtrain/custody/lease_store_internal.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/custody/process_internal.h"

namespace sealtrain::custody {
namespace {

absl::Status Unusable(const Id& permit_id, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("permit ", HexEncode(permit_id), " ", why));
}

absl::Status RunOn(const Database& db, absl::string_view sql, const Id& permit_id) {
  ST_ASSIGN_OR_RETURN(Statement statement, db.Prepare(sql));
  return statement.Bind(ByteSpan(permit_id)).Run();
}

constexpr char kSelectLive[] =
    "SELECT permit_id, action, principal, dataset, purpose, expires_ns, revoked "
    "FROM lease WHERE ended = 0 ";

absl::StatusOr<std::vector<LeaseInfo>> ReadLeases(Statement& select) {
  std::vector<LeaseInfo> leases;
  while (true) {
    ST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return leases;
    LeaseInfo& lease = leases.emplace_back();
    ST_RETURN_IF_ERROR(select.Blob(0, absl::MakeSpan(lease.permit_id)));
    lease.action = static_cast<policy::Action>(select.Int(1));
    lease.principal = select.Text(2);
    lease.dataset = select.Text(3);
    lease.purpose = select.Text(4);
    lease.expires_at = absl::FromUnixNanos(select.Int(5));
    lease.revoked = select.Int(6) != 0;
  }
}

}  // namespace

absl::Status LeaseStore::Add(const Grant& grant, policy::Action action, absl::Duration lifetime) {
  ST_ASSIGN_OR_RETURN(
      Statement insert,
      db_->Prepare("INSERT INTO lease (permit_id, action, principal, dataset, purpose, "
                   "expires_ns, expires_boot_ns, revoked, ended) "
                   "VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)"));
  return insert.Bind(ByteSpan(grant.permit_id))
      .Bind(std::int64_t{action})
      .Bind(grant.principal)
      .Bind(grant.dataset)
      .Bind(grant.purpose)
      .Bind(absl::ToUnixNanos(grant.expires_at))
      .Bind(std::int64_t{BootTimeNs() + absl::ToInt64Nanoseconds(lifetime)})
      .Run();
}

absl::Status LeaseStore::CheckUsable(const Id& permit_id, absl::Time now) const {
  ST_RETURN_IF_ERROR(CheckNotRevoked(permit_id));
  ST_ASSIGN_OR_RETURN(
      Statement select,
      db_->Prepare("SELECT expires_ns, expires_boot_ns FROM lease WHERE permit_id = ?"));
  ST_ASSIGN_OR_RETURN(const bool found, select.Bind(ByteSpan(permit_id)).Step());
  if (!found || absl::ToUnixNanos(now) >= select.Int(0) || BootTimeNs() >= select.Int(1)) {
    return Unusable(permit_id, "has expired");
  }
  return absl::OkStatus();
}

absl::Status LeaseStore::CheckNotRevoked(const Id& permit_id) const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT revoked, ended FROM lease WHERE permit_id = ?"));
  ST_ASSIGN_OR_RETURN(const bool found, select.Bind(ByteSpan(permit_id)).Step());
  if (!found) return Unusable(permit_id, "is not of this custodian");
  if (select.Int(0) != 0) return Unusable(permit_id, "was revoked");
  if (select.Int(1) != 0) return Unusable(permit_id, "has ended");
  return absl::OkStatus();
}

absl::StatusOr<bool> LeaseStore::IsLive(const Id& permit_id) const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT 1 FROM lease WHERE permit_id = ? AND ended = 0"));
  return select.Bind(ByteSpan(permit_id)).Step();
}

absl::StatusOr<std::uint64_t> LeaseStore::CountGranted(const policy::Request& request) const {
  ST_ASSIGN_OR_RETURN(Statement count,
                      db_->Prepare("SELECT count(*) FROM lease WHERE action = ? AND principal = ? "
                                   "AND dataset = ? AND purpose = ?"));
  count.Bind(std::int64_t{request.action})
      .Bind(request.principal)
      .Bind(request.dataset)
      .Bind(request.purpose);
  ST_ASSIGN_OR_RETURN(const bool row, count.Step());
  if (!row) return absl::DataLossError("key store: leases cannot be counted");
  return count.Uint(0);
}

absl::StatusOr<LeaseInfo> LeaseStore::Get(const Id& permit_id) const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare(absl::StrCat(kSelectLive, "AND permit_id = ?")));
  ST_ASSIGN_OR_RETURN(std::vector<LeaseInfo> leases, ReadLeases(select.Bind(ByteSpan(permit_id))));
  if (leases.empty()) {
    return absl::NotFoundError(absl::StrCat("no live lease ", HexEncode(permit_id)));
  }
  return std::move(leases.front());
}

absl::StatusOr<std::vector<LeaseInfo>> LeaseStore::Live() const {
  ST_ASSIGN_OR_RETURN(Statement select, db_->Prepare(absl::StrCat(kSelectLive, "ORDER BY rowid")));
  return ReadLeases(select);
}

absl::Status LeaseStore::Revoke(const Id& permit_id) {
  return RunOn(*db_, "UPDATE lease SET revoked = 1 WHERE permit_id = ?", permit_id);
}

absl::Status LeaseStore::End(const Id& permit_id) {
  return RunOn(*db_, "UPDATE lease SET ended = 1 WHERE permit_id = ?", permit_id);
}

absl::Status LeaseStore::Remove(const Id& permit_id) {
  return RunOn(*db_, "DELETE FROM lease WHERE permit_id = ?", permit_id);
}

absl::Status LeaseStore::EndAll() { return db_->Execute("UPDATE lease SET ended = 1"); }

}  // namespace sealtrain::custody
