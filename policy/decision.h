// What is asked of a policy and what it answers: plain values, no behaviour.
#ifndef SEALTRAIN_POLICY_DECISION_H_
#define SEALTRAIN_POLICY_DECISION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/data_class.pb.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::policy {

// A column a request wants to seal or to open.
struct RequestedColumn {
  std::string name;
  std::vector<DataClass> classes;  // never empty
  // For actions that open: what the review did when the column was sealed.
  // Unset means that it is not known, which never opens.
  std::optional<Transform> applied;
};

struct Request {
  std::string principal;
  Action action = ACTION_UNSPECIFIED;
  std::string dataset;
  std::string purpose;
  std::vector<RequestedColumn> columns;
  // Facts that conditions may ask for. Unset means unknown, which never opens.
  Trust trust = TRUST_UNSPECIFIED;
  std::optional<std::uint64_t> rows;
  std::optional<absl::Duration> dataset_age;
  std::optional<std::uint64_t> approvals;  // distinct approvers who signed this request
  std::optional<Digest> approved_sha256;   // of the text they signed: for the log, not decided on
  absl::Time now = absl::InfinitePast();   // unset: outside every window
  // For the approvals, not decided on: the model of EXPORT_MODEL; the uid of the entry of
  // the audit log of READ_AUDIT and ERASE.
  std::string model;
  std::string entry_uid{};
  // EVALUATE and EXPORT_MODEL: the classes of all that the model learned from, which
  // it inherits. Empty: not known, which never opens.
  std::vector<DataClass> model_classes;
  // SHA-256 of the policy sets under which the data stand, each once: those that
  // they were sealed under, or resealed. For sealed_decision.h; a single set does
  // not look at it.
  std::vector<Digest> sealed_under;
};

// What may happen to one column.
struct ColumnPlan {
  std::string name;
  std::vector<DataClass> classes;
  // kind DROP: never stored (SEAL) or its key withheld (TRAIN, EVALUATE).
  Transform transform;
  std::vector<std::string> from_rules;  // who asked for the transform
  // Sealing, of a column that is kept: what its texts are searched for.
  std::map<TextScan::Kind, TextScan::Then> scan{};
};

struct RuleRef {
  std::string id;
  int line = 0;  // 1-based line of the rule in the policy file
};

// A rule, and the version of the set in which it stands.
struct DutySource {
  RuleRef rule;
  std::uint64_t policy_version = 0;
};

// One number or word of the obligations, and which rules make it as strict as it is.
struct Duty {
  std::string name;    // "dp.epsilon_max", "lease", "transform", "text_scan.IBAN"
  std::string column;  // of transforms and text scans; else empty
  std::string value;   // for people: "3", "30m", "BUCKET, step 5"
  // Empty: no rule, but the review that dropped the column when it was sealed
  // (transform), or the run that made the model (release).
  std::vector<DutySource> from;
};

// Names of duties that are looked for. The second is that of a condition; all others are
// obligations.
inline constexpr char kMaxOpensDuty[] = "max_opens";
inline constexpr char kApprovalsDuty[] = "approvals_at_least";

struct Decision {
  bool allow = false;
  // Allowed: the permits that matched. Denied: the forbid that won, or empty.
  std::vector<RuleRef> determining_rules;
  // Why not, for people: one sentence. Empty when allowed.
  std::string reason;
  // A word of a closed set, for machines and the log: "allowed",
  // "no_matching_permit", "forbidden", "uncovered_column", "unknown_fact",
  // "expired", "undeclared_purpose", "conflicting_obligations",
  // "cannot_honour", "invalid_request", "sealed_under", "too_few_approvals" (of
  // ERASE). Custody adds its own: "no_policy", "budget_exhausted", "opens_exhausted".
  std::string reason_code;
  // Denied without a forbid: the rule that came closest and what it lacks.
  std::optional<RuleRef> nearest_miss;
  std::string nearest_miss_lacks;
  std::string fix_hint;
  // Forbidden: of each forbid that won what would end it, for people: "with trust_at_least LOCKED".
  // As the duties, it is left to TraceDuties.
  std::vector<std::string> would_end;

  // Obligations, already met at the strictest.
  std::vector<ColumnPlan> columns;  // one for each requested column, same order
  std::optional<DifferentialPrivacy> dp;
  std::optional<absl::Duration> lease;
  std::optional<absl::Duration> retention;
  std::optional<std::uint64_t> max_opens;
  std::optional<KAnonymity> k_anonymity;
  std::optional<Release> release;
  // All of the above, and the approvals that it was not allowed without, each with its
  // rules. Deciding leaves it empty; TraceDuties (duties.h) fills it.
  std::vector<Duty> duties;

  std::string policy_id;
  std::uint64_t policy_version = 0;
  Digest policy_sha256{};
};

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_DECISION_H_
