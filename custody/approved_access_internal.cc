#include "sealtrain/custody/approved_access_internal.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/custody/policy_approval.h"
#include "sealtrain/policy/approvers.h"

namespace sealtrain::custody {
namespace {

// In hex; "" if there is no such approver.
std::string KeyOf(const policy::Approval& approvers, const std::string& name) {
  for (const policy::Approver& approver : approvers.approver()) {
    if (approver.name() == name) return approver.public_key();
  }
  return "";
}

}  // namespace

absl::Time AccessDeadline(const AccessRequest& parsed) {
  return absl::FromUnixSeconds(parsed.not_after().seconds());
}

bool IsInTime(const AccessRequest& parsed, absl::Time now) {
  constexpr absl::Duration kLongest = absl::Hours(30 * 24);
  const absl::Time end = AccessDeadline(parsed);
  return now < end && end <= now + kLongest;
}

absl::Status CheckPlace(const AccessRequest& parsed, const AccessPlace& place) {
  if (parsed.custody() != place.custody) {
    return absl::InvalidArgumentError(absl::StrCat(
        "it is for the home ", Printable(parsed.custody()), ", not for ", place.custody));
  }
  if (parsed.policy_sha256() != HexEncode(place.policy_sha256)) {
    return absl::InvalidArgumentError(
        "it was written under another policy set than the one in force: write it anew, and have "
        "that signed");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> CountedApprovers(const std::string& text,
                                                          const std::string& approvals,
                                                          const policy::Approval& approvers,
                                                          const std::string& principal) {
  ST_ASSIGN_OR_RETURN(std::vector<std::string> names,
                      VerifyAccessApprovals(text, approvals, approvers));
  return policy::WithoutPerson(std::move(names), approvers, principal);
}

absl::Status ApprovedAccess::Put(const std::string& text, const AccessRequest& parsed,
                                 const std::string& approvals, absl::Time now) {
  ST_ASSIGN_OR_RETURN(Statement forget,
                      db_->Prepare("DELETE FROM approved_access WHERE not_after_ns <= ?"));
  ST_RETURN_IF_ERROR(forget.Bind(absl::ToUnixNanos(now)).Run());
  ST_ASSIGN_OR_RETURN(Statement destroyed,
                      db_->Prepare("SELECT 1 FROM approved_access "
                                   "WHERE sha256 = ? AND length(request) = 0"));
  const Digest sha256 = crypto::Sha256(AsBytes(text));
  ST_ASSIGN_OR_RETURN(const bool is_destroyed, destroyed.Bind(ByteSpan(sha256)).Step());
  if (is_destroyed) return absl::FailedPreconditionError("what it says was destroyed");
  ST_ASSIGN_OR_RETURN(Statement insert,
                      db_->Prepare("INSERT OR REPLACE INTO approved_access "
                                   "(sha256, principal, dataset, not_after_ns, request, approvals) "
                                   "VALUES (?, ?, ?, ?, ?, ?)"));
  return insert.Bind(ByteSpan(sha256))
      .Bind(parsed.principal())
      .Bind(parsed.dataset())
      .Bind(absl::ToUnixNanos(AccessDeadline(parsed)))
      .Bind(AsBytes(text))
      .Bind(AsBytes(approvals))
      .Run();
}

absl::StatusOr<bool> ApprovedAccess::Has(const std::string& text) const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT 1 FROM approved_access WHERE sha256 = ?"));
  return select.Bind(ByteSpan(crypto::Sha256(AsBytes(text)))).Step();
}

absl::Status ApprovedAccess::Destroy(absl::string_view sha256) {
  ST_ASSIGN_OR_RETURN(Statement update,
                      db_->Prepare("UPDATE approved_access SET request = x'', approvals = x'' "
                                   "WHERE sha256 = ?"));
  return update.Bind(AsBytes(sha256)).Run();
}

absl::StatusOr<ApprovedAccess::Counted> ApprovedAccess::Count(
    const policy::Request& request, const AccessPlace& place, const policy::Approval& approvers,
    absl::Span<const policy::Approval* const> earlier) const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT request, approvals FROM approved_access "
                                   "WHERE principal = ? AND dataset = ?"));
  select.Bind(request.principal).Bind(request.dataset);
  Counted most;
  while (true) {
    ST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return most;
    const std::string text = select.Text(0);
    const absl::StatusOr<AccessRequest> parsed = ParseAccessRequest(text);
    // The row's other columns only say where to look: the text is what was signed.
    if (!parsed.ok() || !CheckPlace(*parsed, place).ok() ||
        parsed->principal() != request.principal || parsed->dataset() != request.dataset ||
        parsed->purpose() != request.purpose || parsed->model() != request.model ||
        parsed->entry_uid() != HexEncode(AsBytes(request.entry_uid)) ||
        std::find(parsed->action().begin(), parsed->action().end(), request.action) ==
            parsed->action().end() ||
        !IsInTime(*parsed, request.now)) {
      continue;
    }
    // Of approvers who may not sign any more nothing is left.
    absl::StatusOr<std::vector<std::string>> names =
        CountedApprovers(text, select.Text(1), approvers, request.principal);
    if (!names.ok()) continue;
    for (const policy::Approval* const set : earlier) {
      names->erase(std::remove_if(names->begin(), names->end(),
                                  [&](const std::string& name) {
                                    return KeyOf(*set, name) != KeyOf(approvers, name);
                                  }),
                   names->end());
      *names = policy::WithoutPerson(*std::move(names), *set, request.principal);
    }
    if (names->size() > most.approvals) {
      most = {.approvals = names->size(), .sha256 = crypto::Sha256(AsBytes(text))};
    }
  }
}

}  // namespace sealtrain::custody
