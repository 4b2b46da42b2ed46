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
  std::vector<std::string> scans;    // of each: "IBAN REFUSE;", in the order of the kinds
  std::string dp;                    // "3 1e-05 2 8", or empty
  std::optional<double> lease;       // seconds
  std::optional<double> retention;   // seconds
  std::optional<std::uint64_t> max_opens;
  std::string k_anonymity;  // "5 0.01", or empty
  std::string release;      // "3 1e-05 2 4096", or empty
};

OracleDecision OracleDecide(const PolicySet& set, const Request& request);

// A decision in the words above, to be compared.
std::string TransformText(const Transform& transform);
std::string DpText(const DifferentialPrivacy& dp);
std::string ScanText(TextScan::Kind kind, TextScan::Then then);
std::string KAnonymityText(const KAnonymity& k_anonymity);
std::string ReleaseText(const Release& release);

}  // namespace sealtrain::policy::testing

#endif  // SEALTRAIN_TESTS_POLICY_ORACLE_H_
