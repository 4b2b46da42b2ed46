// Small changes of a rule, each of which some test of the policy should notice.
#ifndef SEALTRAIN_POLICY_MUTANTS_INTERNAL_H_
#define SEALTRAIN_POLICY_MUTANTS_INTERNAL_H_

#include <string>
#include <vector>

#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::policy::internal {

struct Mutant {
  std::string part;    // "when rows_at_least 1000", "dp.epsilon_max 3"
  std::string change;  // "taken out", "turned round", "6"
  Rule rule;
};

// Each condition taken out, turned round (moved from `when` to `unless` or back), and its
// threshold moved by one step either way; each obligation loosened: taken out (a
// transform: KEEP instead), and each of its numbers and words by one step. At most ten for
// each condition or obligation, and one for each kind that a text scan looks for. `rule` is
// without errors.
std::vector<Mutant> MutantsOf(const Rule& rule);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_MUTANTS_INTERNAL_H_
