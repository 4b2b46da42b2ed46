#include "sealtrain/custody/approved_access_internal.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/custody/names_internal.h"
#include "sealtrain/custody/policy_approval.h"
#include "sealtrain/custody/text_proto_internal.h"
#include "sealtrain/policy/approvers.h"

namespace sealtrain::custody {
namespace {

constexpr std::size_t kMaxRequestBytes = 64 * 1024;

}  // namespace

absl::Time AccessDeadline(const AccessRequest& parsed) {
  return absl::FromUnixSeconds(parsed.not_after().seconds());
}

absl::StatusOr<AccessRequest> ParseAccessRequest(absl::string_view text) {
  if (text.size() > kMaxRequestBytes) {
    return absl::InvalidArgumentError("an access request has at most 64 KiB");
  }
  AccessRequest request;
  ST_RETURN_IF_ERROR(ParseTextProto(text, request));
  ST_RETURN_IF_ERROR(CheckWord("principal", request.principal()));
  ST_RETURN_IF_ERROR(CheckWord("purpose", request.purpose()));
  ST_RETURN_IF_ERROR(CheckName("data set", request.dataset()));
  if (request.action().empty() ||
      std::any_of(request.action().begin(), request.action().end(), [](int action) {
        return action == policy::ACTION_UNSPECIFIED || !policy::Action_IsValid(action);
      })) {
    return absl::InvalidArgumentError("an access request names at least one action");
  }
  if (!request.has_not_after() || request.not_after().seconds() <= 0 ||
      request.not_after().nanos() != 0) {
    return absl::InvalidArgumentError("an access request has a `not_after`, in whole seconds");
  }
  return request;
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
  ST_ASSIGN_OR_RETURN(Statement insert,
                      db_->Prepare("INSERT OR REPLACE INTO approved_access "
                                   "(sha256, principal, dataset, not_after_ns, request, approvals) "
                                   "VALUES (?, ?, ?, ?, ?, ?)"));
  return insert.Bind(ByteSpan(crypto::Sha256(AsBytes(text))))
      .Bind(parsed.principal())
      .Bind(parsed.dataset())
      .Bind(absl::ToUnixNanos(AccessDeadline(parsed)))
      .Bind(AsBytes(text))
      .Bind(AsBytes(approvals))
      .Run();
}

absl::StatusOr<std::uint64_t> ApprovedAccess::Count(const policy::Request& request,
                                                    const policy::Approval& approvers) const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT request, approvals FROM approved_access "
                                   "WHERE principal = ? AND dataset = ?"));
  select.Bind(request.principal).Bind(request.dataset);
  std::uint64_t most = 0;
  while (true) {
    ST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return most;
    const std::string text = select.Text(0);
    const absl::StatusOr<AccessRequest> parsed = ParseAccessRequest(text);
    // The row's other columns only say where to look: the text is what was signed.
    if (!parsed.ok() || parsed->principal() != request.principal ||
        parsed->dataset() != request.dataset || parsed->purpose() != request.purpose ||
        std::find(parsed->action().begin(), parsed->action().end(), request.action) ==
            parsed->action().end() ||
        request.now >= AccessDeadline(*parsed)) {
      continue;
    }
    // Approvers may have been replaced since; then it counts for nothing.
    const absl::StatusOr<std::vector<std::string>> names =
        CountedApprovers(text, select.Text(1), approvers, request.principal);
    if (names.ok()) most = std::max<std::uint64_t>(most, names->size());
  }
}

}  // namespace sealtrain::custody
