// Access requests that approvers have signed, as rows of the key store. What a row
// says is believed only as far as its signatures go. Not thread-safe.
#ifndef SEALTRAIN_CUSTODY_APPROVED_ACCESS_INTERNAL_H_
#define SEALTRAIN_CUSTODY_APPROVED_ACCESS_INTERNAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/custody/access_request.pb.h"
#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/policy/decision.h"

namespace sealtrain::custody {

// Where and under what a request is made.
struct AccessPlace {
  std::string custody;   // as docs/formats/home.md, section 4, makes it
  Digest policy_sha256;  // of the set in force
};

// InvalidArgument: it is for another home, or was written under another policy set.
absl::Status CheckPlace(const AccessRequest& parsed, const AccessPlace& place);

// `parsed` is what `text` says.
absl::Time AccessDeadline(const AccessRequest& parsed);
// Whether `now` lies before its end, which is 30 days off at the most.
bool IsInTime(const AccessRequest& parsed, absl::Time now);

class ApprovedAccess {
 public:
  explicit ApprovedAccess(Database& db) : db_(&db) {}

  // Replaces what was handed in for the same text, and forgets what ran out before `now`.
  // FailedPrecondition: what it said was destroyed.
  absl::Status Put(const std::string& text, const AccessRequest& parsed,
                   const std::string& approvals, absl::Time now);

  // Whether the text was handed in and has not run out.
  absl::StatusOr<bool> Has(const std::string& text) const;
  // Destroys the text of this SHA-256, which counts no more and is not taken again.
  absl::Status Destroy(absl::string_view sha256);

  struct Counted {
    std::uint64_t approvals = 0;
    std::optional<Digest> sha256;  // of the text; nullopt: none has any
  };
  // Of all texts that are this request, at this place and in time, the one
  // that most have signed: distinct `approvers` other than the one who asks who are also,
  // with the same name and key, in each of `earlier`, and by none of these the one who asks.
  absl::StatusOr<Counted> Count(const policy::Request& request, const AccessPlace& place,
                                const policy::Approval& approvers,
                                absl::Span<const policy::Approval* const> earlier) const;

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
