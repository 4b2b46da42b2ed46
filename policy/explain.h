// A decision as a page for people.
#ifndef SEALTRAIN_POLICY_EXPLAIN_H_
#define SEALTRAIN_POLICY_EXPLAIN_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "sealtrain/policy/decision.h"

namespace sealtrain::policy {

// Verdict, rules with their lines, the plan of every column, obligations and the rules that
// each comes from, the nearest miss with what it lacks, a hint how to mend it, and the policy's
// digest. Several lines, each ended by a newline; names are escaped.
std::string ExplainDecision(const Request& request, const Decision& decision);

// "90 days", "30m".
std::string DescribeDuration(absl::Duration duration);
// As custody gives it: "30m", "10m (default)", "24h (a day at most)".
std::string DescribeLease(const std::optional<absl::Duration>& lease);
// One line: "PSEUDONYMIZE, domain \"mail-abuse\"".
std::string DescribeTransform(const Transform& transform);
// One line: "epsilon at most 3 at delta 1e-05 for one subject, in at most 4096 bytes".
std::string DescribeRelease(const Release& release);
// The transform of a column and what is looked for in it, in one line. Of one that opens as it
// lies, what it was sealed under, if `applied` says so: "as sealed: BUCKET, step 5".
std::string DescribeTreatment(const ColumnPlan& column,
                              const std::optional<Transform>& applied = std::nullopt);
// What holds for a request for `action` as a whole, in one line: "epsilon 3, delta 1e-05 of a
// subject, ledger 6; lease 10m (default); needs 2 approvals". The approvals are those of `duties`.
std::string DescribeObligations(Action action, const Decision& decision);
// The rules of a duty of `decision`: "train (line 12), old (line 5 of version 1)".
std::string DescribeSources(const Decision& decision, const Duty& duty);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_EXPLAIN_H_
