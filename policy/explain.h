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

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_EXPLAIN_H_
