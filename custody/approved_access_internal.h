// Access requests that approvers have signed, as rows of the key store. What a row
// says is believed only as far as its signatures go. Not thread-safe.
#ifndef SEALTRAIN_CUSTODY_APPROVED_ACCESS_INTERNAL_H_
#define SEALTRAIN_CUSTODY_APPROVED_ACCESS_INTERNAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sealtrain/custody/access_request.pb.h"
#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/policy/decision.h"

namespace sealtrain::custody {

// InvalidArgument: "LINE:COLUMN: what", or what is missing in it.
absl::StatusOr<AccessRequest> ParseAccessRequest(absl::string_view text);

// `parsed` is what `text` says.
absl::Time AccessDeadline(const AccessRequest& parsed);

class ApprovedAccess {
 public:
  explicit ApprovedAccess(Database& db) : db_(&db) {}

  // Replaces what was handed in for the same text, and forgets what ran out before `now`.
  absl::Status Put(const std::string& text, const AccessRequest& parsed,
                   const std::string& approvals, absl::Time now);

  // How many distinct approvers of `approvers`, other than the one who asks, have
  // signed one request text that is this request and has not run out at `now`.
  absl::StatusOr<std::uint64_t> Count(const policy::Request& request,
                                      const policy::Approval& approvers) const;

 private:
  Database* db_;
};

// The names that count for `principal`: an approver does not approve their own request.
// InvalidArgument as VerifyAccessApprovals.
absl::StatusOr<std::vector<std::string>> CountedApprovers(const std::string& text,
                                                          const std::string& approvals,
                                                          const policy::Approval& approvers,
                                                          const std::string& principal);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_APPROVED_ACCESS_INTERNAL_H_
