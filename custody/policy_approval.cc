#include "sealtrain/custody/policy_approval.h"

#include <algorithm>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/audit/opening.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/custody/names_internal.h"
#include "sealtrain/custody/text_proto_internal.h"

namespace sealtrain::custody {
namespace {

constexpr std::size_t kProofBytes = 32 + 64;  // public key, signature
// More than any set can need; keeps a hostile file from costing us signatures.
constexpr std::size_t kMaxApprovalsBytes = 64 * 1024;

constexpr std::size_t kMaxRequestBytes = 64 * 1024;

constexpr absl::string_view kPolicyLabel = "sealtrain/policy/1";
constexpr absl::string_view kAccessLabel = "sealtrain/access/1";

Bytes SignedBytes(absl::string_view label, absl::string_view signed_text, absl::string_view name) {
  Bytes bytes;
  for (const absl::string_view text : {label, name}) {
    const ByteSpan span = AsBytes(text);
    bytes.insert(bytes.end(), span.begin(), span.end());
    bytes.push_back(0);
  }
  const Digest digest = crypto::Sha256(AsBytes(signed_text));
  bytes.insert(bytes.end(), digest.begin(), digest.end());
  return bytes;
}

struct ApprovalLine {
  std::string name;
  crypto::PublicKey key;
  crypto::Signature signature;
};

absl::StatusOr<ApprovalLine> ParseLine(absl::string_view line) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(line, absl::MaxSplits(' ', 1));
  ST_RETURN_IF_ERROR(CheckWord("approver", parts.first));
  std::string proof;
  // Escaping again catches base64 that a lenient decoder lets pass.
  if (!absl::Base64Unescape(parts.second, &proof) || proof.size() != kProofBytes ||
      absl::Base64Escape(proof) != parts.second) {
    return absl::InvalidArgumentError("not NAME and the base64 of 96 bytes");
  }
  ApprovalLine approval;
  approval.name = std::string(parts.first);
  const ByteSpan bytes = AsBytes(proof);
  std::copy_n(bytes.begin(), approval.key.size(), approval.key.begin());
  std::copy(bytes.begin() + 32, bytes.end(), approval.signature.begin());
  return approval;
}

absl::Status ForEachLine(absl::string_view approvals,
                         absl::FunctionRef<absl::Status(const ApprovalLine&)> visit) {
  if (approvals.size() > kMaxApprovalsBytes) {
    return absl::InvalidArgumentError("the approvals are longer than 64 KiB");
  }
  if (approvals.empty()) return absl::OkStatus();
  if (approvals.back() != '\n') {
    return absl::InvalidArgumentError("the last line of the approvals has no newline");
  }
  approvals.remove_suffix(1);
  int number = 0;
  for (const absl::string_view text : absl::StrSplit(approvals, '\n')) {
    ++number;
    const absl::StatusOr<ApprovalLine> line = ParseLine(text);
    const absl::Status status = line.ok() ? visit(*line) : line.status();
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("approvals line ", number, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status VerifyLine(absl::string_view label, absl::string_view text, const ApprovalLine& line,
                        const policy::Approval& approvers) {
  const auto approver =
      std::find_if(approvers.approver().begin(), approvers.approver().end(),
                   [&](const policy::Approver& a) { return a.name() == line.name; });
  if (approver == approvers.approver().end()) {
    return absl::InvalidArgumentError(absl::StrCat(line.name, " is no approver of this policy"));
  }
  if (absl::AsciiStrToLower(approver->public_key()) != HexEncode(line.key)) {
    return absl::InvalidArgumentError(absl::StrCat("not the key of approver ", line.name));
  }
  if (!crypto::VerifySignature(line.key, SignedBytes(label, text, line.name), line.signature)
           .ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the signature of ", line.name, " is not over this text"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Approve(absl::string_view label, absl::string_view text,
                                    absl::string_view name, const crypto::SigningKey& key) {
  ST_RETURN_IF_ERROR(CheckWord("approver", name));
  const crypto::Signature signature = key.Sign(SignedBytes(label, text, name));
  const std::string proof = absl::StrCat(AsText(key.public_key()), AsText(signature));
  return absl::StrCat(name, " ", absl::Base64Escape(proof), "\n");
}

absl::StatusOr<std::vector<std::string>> Verify(absl::string_view label, absl::string_view text,
                                                absl::string_view approvals,
                                                const policy::Approval& approvers) {
  std::vector<std::string> names;
  ST_RETURN_IF_ERROR(ForEachLine(approvals, [&](const ApprovalLine& line) {
    if (std::find(names.begin(), names.end(), line.name) == names.end()) {
      names.push_back(line.name);
    }
    return VerifyLine(label, text, line, approvers);
  }));
  return names;
}

}  // namespace

absl::StatusOr<std::string> ApprovePolicy(absl::string_view policy_text, absl::string_view name,
                                          const crypto::SigningKey& key) {
  return Approve(kPolicyLabel, policy_text, name, key);
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
  // `name` is to be there exactly if one of `actions` is asked for, and then alone.
  const auto goes_alone = [&](const std::string& name, std::initializer_list<int> actions) {
    const bool asks = std::find_first_of(request.action().begin(), request.action().end(),
                                         actions.begin(), actions.end()) != request.action().end();
    return asks ? request.action_size() == 1 && !name.empty() : name.empty();
  };
  if (!goes_alone(request.model(), {policy::EXPORT_MODEL})) {
    return absl::InvalidArgumentError(
        "an access request for EXPORT_MODEL names one `model` and no other action; no other "
        "request names any");
  }
  if (!goes_alone(request.entry_uid(), {policy::READ_AUDIT, policy::ERASE})) {
    return absl::InvalidArgumentError(
        "an access request for READ_AUDIT or ERASE names one `entry_uid` and no other action; no "
        "other request names any");
  }
  const std::string& uid = request.entry_uid();
  if (!uid.empty() && (uid.size() != 2 * sizeof(Id) ||
                       uid.find_first_not_of("0123456789abcdef") != std::string::npos)) {
    return absl::InvalidArgumentError("an `entry_uid` has 32 lower-case hex digits");
  }
  if (!request.why().empty()) {
    const absl::Status sealable = audit::CheckSealable(request.why());
    if (!sealable.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("`why`: ", sealable.message()));
    }
  }
  if (request.custody().empty() || request.policy_sha256().empty()) {
    return absl::InvalidArgumentError(
        "an access request says of which home (`custody`) and under which policy set "
        "(`policy_sha256`), as `sealtrain access request` does");
  }
  if (!request.has_not_after() || request.not_after().seconds() <= 0 ||
      request.not_after().nanos() != 0) {
    return absl::InvalidArgumentError("an access request has a `not_after`, in whole seconds");
  }
  return request;
}

absl::StatusOr<std::string> ApproveAccess(absl::string_view request_text, absl::string_view name,
                                          const crypto::SigningKey& key) {
  ST_RETURN_IF_ERROR(ParseAccessRequest(request_text).status());
  return Approve(kAccessLabel, request_text, name, key);
}

absl::Status CheckApprovalLines(absl::string_view approvals) {
  return ForEachLine(approvals, [](const ApprovalLine&) { return absl::OkStatus(); });
}

absl::StatusOr<std::vector<std::string>> VerifyApprovals(absl::string_view policy_text,
                                                         absl::string_view approvals,
                                                         const policy::Approval& approvers) {
  return Verify(kPolicyLabel, policy_text, approvals, approvers);
}

absl::StatusOr<std::vector<std::string>> VerifyAccessApprovals(absl::string_view request_text,
                                                               absl::string_view approvals,
                                                               const policy::Approval& approvers) {
  return Verify(kAccessLabel, request_text, approvals, approvers);
}

}  // namespace sealtrain::custody
