// A decision as a page for people.
#ifndef SEALTRAIN_POLICY_EXPLAIN_H_
#define SEALTRAIN_POLICY_EXPLAIN_H_

#include <string>

#include "sealtrain/policy/decision.h"

namespace sealtrain::policy {

// Verdict, rules with their lines, the plan of every column, obligations, the
// nearest miss with what it lacks, a hint how to mend it, and the policy's
// digest. Several lines, each ended by a newline; names are escaped.
std::string ExplainDecision(const Request& request, const Decision& decision);

// One line: "PSEUDONYMIZE, domain \"mail-abuse\"".
std::string DescribeTransform(const Transform& transform);
// One line: "epsilon at most 3 at delta 1e-05 for one subject, in at most 4096 bytes".
std::string DescribeRelease(const Release& release);
// The transform of a column and what is looked for in it, in one line.
std::string DescribeTreatment(const ColumnPlan& column);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_EXPLAIN_H_
