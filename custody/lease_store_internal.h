// Leases as rows of the key store: one for each permit, alive until its job
// ends or custody is opened again. Not thread-safe.
#ifndef SEALTRAIN_CUSTODY_LEASE_STORE_INTERNAL_H_
#define SEALTRAIN_CUSTODY_LEASE_STORE_INTERNAL_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/custody/permit.h"
#include "sealtrain/custody/sqlite_internal.h"

namespace sealtrain::custody {

class LeaseStore {
 public:
  explicit LeaseStore(Database& db) : db_(&db) {}

  // Kept by two clocks, `grant.expires_at` and `lifetime` from now on the boot
  // clock: whichever ends first ends the lease, so that setting the wall clock
  // back extends nothing.
  absl::Status Add(const Grant& grant, policy::Action action, absl::Duration lifetime);

  // OK while keys may be released. FailedPrecondition: expired, revoked, ended
  // or not ours.
  absl::Status CheckUsable(const Id& permit_id, absl::Time now) const;
  // OK while the job may still finish, expired or not.
  absl::Status CheckNotRevoked(const Id& permit_id) const;

  // Whether its job has not ended, whatever else became of it.
  absl::StatusOr<bool> IsLive(const Id& permit_id) const;

  // How many permits for its action, principal, data set and purpose there ever were,
  // live or not.
  absl::StatusOr<std::uint64_t> CountGranted(const policy::Request& request) const;

  // NotFound: no live lease of that id.
  absl::StatusOr<LeaseInfo> Get(const Id& permit_id) const;
  absl::StatusOr<std::vector<LeaseInfo>> Live() const;
  absl::Status Revoke(const Id& permit_id);
  absl::Status End(const Id& permit_id);
  absl::Status EndAll();
  // Of a permit that was never given: it does not count.
  absl::Status Remove(const Id& permit_id);

 private:
  Database* db_;
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_LEASE_STORE_INTERNAL_H_
