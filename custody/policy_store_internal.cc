#include "sealtrain/custody/policy_store_internal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/custody/policy_approval.h"
#include "sealtrain/policy/approvers.h"

namespace sealtrain::custody {
namespace {

constexpr std::uint64_t kMaxPolicyBytes = 1 << 20;

absl::Status CheckSuccession(const policy::LoadedPolicy* in_force,
                             const policy::LoadedPolicy& next) {
  const policy::PolicySet& set = next.proto();
  if (in_force == nullptr) {
    if (set.version() != 1 || set.has_previous_sha256()) {
      return absl::InvalidArgumentError("the first policy has version 1 and names no predecessor");
    }
    return absl::OkStatus();
  }
  if (next.sha256() == in_force->sha256()) {
    return absl::AlreadyExistsError(
        absl::StrCat("policy ", set.id(), " version ", set.version(), " is in force"));
  }
  const policy::PolicySet& current = in_force->proto();
  if (set.version() != current.version() + 1) {
    return absl::InvalidArgumentError(absl::StrCat("version ", set.version(), " does not follow ",
                                                   current.version(), ", which is in force"));
  }
  if (set.previous_sha256() != HexEncode(in_force->sha256())) {
    return absl::InvalidArgumentError(
        absl::StrCat("previous_sha256 is not that of version ", current.version(),
                     ", which is in force: ", HexEncode(in_force->sha256())));
  }
  return absl::OkStatus();
}

Bytes SignedRecord(std::uint64_t version, const Digest& sha256) {
  const ByteSpan label = AsBytes("sealtrain/policy-in-force/1");
  Bytes bytes(label.begin(), label.end());
  bytes.push_back(0);
  AppendBigEndian(version, 8, bytes);
  bytes.insert(bytes.end(), sha256.begin(), sha256.end());
  return bytes;
}

absl::Status CheckTests(const policy::LoadedPolicy& policy) {
  const std::vector<policy::TestResult> results = policy.RunTests();
  if (results.empty()) return absl::InvalidArgumentError("the policy has no tests");
  for (const policy::TestResult& result : results) {
    if (!result.passed) {
      return absl::InvalidArgumentError(absl::StrCat("test \"", result.name, "\" on line ",
                                                     result.line, " fails: ", result.message));
    }
  }
  return absl::OkStatus();
}

// The names that count: not the author's.
absl::StatusOr<std::vector<std::string>> CheckApprovals(const policy::Approval& rule,
                                                        const policy::PolicySet& set,
                                                        const std::string& text,
                                                        const std::string& approvals) {
  ST_ASSIGN_OR_RETURN(std::vector<std::string> names, VerifyApprovals(text, approvals, rule));
  names = policy::WithoutPerson(std::move(names), rule, set.author());
  if (!rule.has_required() || names.size() < rule.required()) {
    return absl::InvalidArgumentError(
        absl::StrCat("version ", set.version(), " has ", names.size(), " of ", rule.required(),
                     " approvals that it needs (the author's does not count)"));
  }
  return names;
}

// What makes a set a legal successor. Says nothing of tests and findings: they
// are asked once, so that a later program that judges more strictly can still
// open a home.
absl::StatusOr<AcceptedPolicy> LoadApproved(const policy::LoadedPolicy* in_force,
                                            const std::string& text, const std::string& file_name,
                                            const std::string& approvals) {
  ST_ASSIGN_OR_RETURN(policy::LoadedPolicy next, policy::LoadedPolicy::Load(text, file_name));
  ST_RETURN_IF_ERROR(CheckSuccession(in_force, next));
  const policy::PolicySet& approving = in_force != nullptr ? in_force->proto() : next.proto();
  ST_ASSIGN_OR_RETURN(std::vector<std::string> approvers,
                      CheckApprovals(approving.approval(), next.proto(), text, approvals));
  return AcceptedPolicy{std::move(next), std::move(approvers)};
}

}  // namespace

absl::StatusOr<AcceptedPolicy> AcceptPolicy(const policy::LoadedPolicy* in_force,
                                            const std::string& text, const std::string& file_name,
                                            const std::string& approvals) {
  ST_ASSIGN_OR_RETURN(AcceptedPolicy accepted, LoadApproved(in_force, text, file_name, approvals));
  ST_RETURN_IF_ERROR(CheckTests(accepted.policy));
  return accepted;
}

std::string PolicyStore::TextPath(std::uint64_t version) const {
  return JoinPath(directory_, absl::StrCat(version, ".textproto"));
}

std::string PolicyStore::ApprovalsPath(std::uint64_t version) const {
  return absl::StrCat(TextPath(version), ".approvals");
}

absl::Status PolicyStore::WriteFiles(std::uint64_t version, const std::string& text,
                                     const std::string& approvals) {
  ST_RETURN_IF_ERROR(WriteFileDurably(*env_, TextPath(version), AsBytes(text)));
  return WriteFileDurably(*env_, ApprovalsPath(version), AsBytes(approvals));
}

absl::Status PolicyStore::AddRecord(const PolicyRecord& record) {
  ST_ASSIGN_OR_RETURN(Statement insert,
                      db_->Prepare("INSERT INTO policy (version, id, sha256, applied_ns, "
                                   "applied_by, approvers, signature) "
                                   "VALUES (?, ?, ?, ?, ?, ?, ?)"));
  return insert.Bind(record.version)
      .Bind(record.id)
      .Bind(ByteSpan(record.sha256))
      .Bind(absl::ToUnixNanos(record.applied_at))
      .Bind(record.applied_by)
      .Bind(absl::StrJoin(record.approvers, " "))
      .Bind(ByteSpan(key_->Sign(SignedRecord(record.version, record.sha256))))
      .Run();
}

absl::StatusOr<std::vector<PolicyRecord>> PolicyStore::History() const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT version, id, sha256, applied_ns, applied_by, approvers "
                                   "FROM policy ORDER BY version"));
  std::vector<PolicyRecord> history;
  while (true) {
    ST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return history;
    PolicyRecord& record = history.emplace_back();
    record.version = select.Uint(0);
    record.id = select.Text(1);
    ST_RETURN_IF_ERROR(select.Blob(2, absl::MakeSpan(record.sha256)));
    record.applied_at = absl::FromUnixNanos(select.Int(3));
    record.applied_by = select.Text(4);
    record.approvers = absl::StrSplit(select.Text(5), ' ', absl::SkipEmpty());
  }
}

absl::StatusOr<std::string> PolicyStore::ReadText(std::uint64_t version) const {
  ST_ASSIGN_OR_RETURN(const std::vector<PolicyRecord> history, History());
  const auto record = std::find_if(
      history.rbegin(), history.rend(),
      [version](const PolicyRecord& some) { return version == 0 || some.version == version; });
  if (record == history.rend()) {
    return absl::NotFoundError(
        version == 0 ? "no policy is in force"
                     : absl::StrCat("no policy version ", version, " was ever in force"));
  }
  ST_ASSIGN_OR_RETURN(std::string text, env_->ReadFile(TextPath(record->version), kMaxPolicyBytes));
  if (crypto::Sha256(AsBytes(text)) != record->sha256) {
    return absl::DataLossError(
        absl::StrCat("policy version ", record->version,
                     " is not what was put into force: ", TextPath(record->version)));
  }
  return text;
}

absl::Status PolicyStore::CheckSignature(const PolicyRecord& record) const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT signature FROM policy WHERE version = ?"));
  ST_ASSIGN_OR_RETURN(const bool found, select.Bind(record.version).Step());
  if (!found ||
      !crypto::VerifySignature(key_->public_key(), SignedRecord(record.version, record.sha256),
                               AsBytes(select.Text(0)))
           .ok()) {
    return absl::DataLossError("its record is not of this custodian");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<policy::LoadedPolicy>> PolicyStore::LoadAll() const {
  ST_ASSIGN_OR_RETURN(const std::vector<PolicyRecord> history, History());
  std::vector<policy::LoadedPolicy> sets;
  for (const PolicyRecord& record : history) {
    const std::string path = TextPath(record.version);
    const auto bad = [&](const absl::Status& why) {
      return absl::DataLossError(absl::StrCat("policy version ", record.version,
                                              " is not what was put into force: ", path, ": ",
                                              why.message()));
    };
    if (const absl::Status status = CheckSignature(record); !status.ok()) return bad(status);
    const absl::StatusOr<std::string> text = env_->ReadFile(path, kMaxPolicyBytes);
    if (!text.ok()) return bad(text.status());
    const absl::StatusOr<std::string> approvals =
        env_->ReadFile(ApprovalsPath(record.version), kMaxPolicyBytes);
    if (!approvals.ok()) return bad(approvals.status());
    absl::StatusOr<AcceptedPolicy> accepted =
        LoadApproved(sets.empty() ? nullptr : &sets.back(), *text, path, *approvals);
    if (!accepted.ok()) return bad(accepted.status());
    if (accepted->policy.sha256() != record.sha256) {
      return bad(absl::DataLossError("its digest differs"));
    }
    sets.push_back(std::move(accepted->policy));
  }
  return sets;
}

}  // namespace sealtrain::custody
