// What changes for whom when one policy takes the place of another: not a text
// diff, but the two answers to every request that either of them can tell apart.
#ifndef SEALTRAIN_POLICY_POLICY_DIFF_H_
#define SEALTRAIN_POLICY_POLICY_DIFF_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy {

// Of one kind, for the same principals, action, data set, purpose and column.
inline constexpr std::size_t kMaxChangesOfAKind = 20;

struct PolicyChange {
  enum class Kind {
    kOpens,     // was denied, is allowed
    kCloses,    // was allowed, is denied
    kLoosens,   // allowed by both; every duty that differs is weaker
    kTightens,  // the same, stronger
    kAlters,    // some weaker and some stronger, or not to be compared
  };
  Kind kind = Kind::kOpens;
  // As in Access.
  std::vector<std::string> principals;
  Action action = ACTION_UNSPECIFIED;
  std::string dataset;
  std::string purpose;
  std::string column;
  std::vector<DataClass> classes;
  // The duties that differ: "epsilon_max 3 -> 5". Opens: those that the new policy
  // demands. Closes: its reason.
  std::string what;
  // In how many of the situations that can differ exactly that is so, and the facts of
  // the first of them.
  std::size_t changed_situations = 0;
  std::size_t situations = 0;
  std::string situation;
  // In how many more it is of this kind in other words than all that are listed. Only the
  // last of a kind, of kMaxChangesOfAKind for one principal, column and so on, has any.
  std::size_t unlisted_situations = 0;
  // The request to ask either policy about; an opening one names the weakest
  // treatment at sealing that the allowing policy takes.
  Request example;
};

// "opens", "closes", "loosens", "tightens", "alters"
std::string PolicyChangeName(PolicyChange::Kind kind);

// Every change from `before` to `after`, exact over the space of requests that
// docs/policy.md describes; empty: the two give the same permissions and duties
// to everybody. (Reasons of a denial may differ.) `schema` may be null.
// OutOfRange: the policies have too many names to try every request.
absl::StatusOr<std::vector<PolicyChange>> DiffPolicies(const LoadedPolicy& before,
                                                       const LoadedPolicy& after,
                                                       const Schema* schema);

// What `after` changes of its own name and of its author, who may not approve it, a
// sentence each; empty: nothing.
std::vector<std::string> DiffHead(const PolicySet& before, const PolicySet& after);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_POLICY_DIFF_H_
