// A second implementation of the decision, written from docs/policy.md alone:
// slow, naive, and sharing no code with the first but the protobuf messages.
#ifndef SEALTRAIN_TESTS_POLICY_ORACLE_H_
#define SEALTRAIN_TESTS_POLICY_ORACLE_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sealtrain/policy/decision.h"

namespace sealtrain::policy::testing {

struct OracleDecision {
  bool allow = false;
  std::set<std::string> rules;       // that matched, or that forbade
  std::vector<std::string> columns;  // "KEEP", "BUCKET 10", ... in the order asked for
  std::string dp;                    // "3 1e-05 2 8", or empty
  std::optional<double> lease;       // seconds
  std::optional<double> retention;   // seconds
  std::optional<std::uint64_t> max_opens;
};

OracleDecision OracleDecide(const PolicySet& set, const Request& request);

// A decision in the words above, to be compared.
std::string TransformText(const Transform& transform);
std::string DpText(const DifferentialPrivacy& dp);

}  // namespace sealtrain::policy::testing

#endif  // SEALTRAIN_TESTS_POLICY_ORACLE_H_
