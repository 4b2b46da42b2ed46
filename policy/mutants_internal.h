// Small changes of a rule, each of which some test of the policy should notice.
#ifndef SEALTRAIN_POLICY_MUTANTS_INTERNAL_H_
#define SEALTRAIN_POLICY_MUTANTS_INTERNAL_H_

#include <functional>
#include <string>
#include <vector>

#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::policy::internal {

struct Mutant {
  std::string part;                  // "when rows_at_least 1000", "dp.epsilon_max 3"
  std::string change;                // "taken out", "turned round", "3.3"
  std::function<void(Rule&)> apply;  // to a copy of the rule
};

// Each condition taken out, turned round (moved from `when` to `unless` or back), and its
// threshold moved by one step either way; each obligation loosened a little: taken out (a
// transform: KEEP instead), each of its numbers and words by one step or a tenth, each of
// several classes or kinds left out, another pseudonym domain. A forbid taken out, and each
// of several entries of a list of its scope. So they are at most ten for each condition or
// obligation, one for each forbid, and one for each entry of a list. `rule` is without errors.
std::vector<Mutant> MutantsOf(const Rule& rule);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_MUTANTS_INTERNAL_H_
