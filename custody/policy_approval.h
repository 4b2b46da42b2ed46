// Approvals of policy sets and of access requests. Of a policy set: detached Ed25519 signatures
// over its exact bytes, one line each in a file beside it (FILE.approvals):
//
//   NAME SP BASE64(public key 32 ‖ signature 64) LF
//
// The signed bytes are "sealtrain/policy/1" ‖ 0x00 ‖ NAME ‖ 0x00 ‖ SHA-256(file).
// Those of an access request (custody/access_request.proto) are the same but for the
// first word, "sealtrain/access/1", so that neither ever counts as the other.
// NAME is an approver's name in the policy: no spaces, no control characters.
#ifndef SEALTRAIN_CUSTODY_POLICY_APPROVAL_H_
#define SEALTRAIN_CUSTODY_POLICY_APPROVAL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/custody/access_request.pb.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::custody {

// One line, newline included. InvalidArgument: not a name.
absl::StatusOr<std::string> ApprovePolicy(absl::string_view policy_text, absl::string_view name,
                                          const crypto::SigningKey& key);

// What an access request says. InvalidArgument: "LINE:COLUMN: what", or what is missing in it.
absl::StatusOr<AccessRequest> ParseAccessRequest(absl::string_view text);

// As ApprovePolicy, of an access request. InvalidArgument: it is none, or not a name.
absl::StatusOr<std::string> ApproveAccess(absl::string_view request_text, absl::string_view name,
                                          const crypto::SigningKey& key);

// Whether every line has the shape of an approval, whatever it covers.
// InvalidArgument says which has not.
absl::Status CheckApprovalLines(absl::string_view approvals);

// The distinct names among `approvers` that signed exactly this text.
// InvalidArgument: a malformed line (says which); a line by somebody who is no
// approver, or with a wrong signature, refuses the whole file.
absl::StatusOr<std::vector<std::string>> VerifyApprovals(absl::string_view policy_text,
                                                         absl::string_view approvals,
                                                         const policy::Approval& approvers);

// The same of an access request.
absl::StatusOr<std::vector<std::string>> VerifyAccessApprovals(absl::string_view request_text,
                                                               absl::string_view approvals,
                                                               const policy::Approval& approvers);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_POLICY_APPROVAL_H_
