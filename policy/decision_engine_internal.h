// Decides requests by a checked policy set.
//
// The order of the steps is the order in which reasons are reported; the
// verdict does not depend on it, nor on the order of the rules:
//
//   1. the request is well-formed, the time known, the set in force, the
//      purpose declared;
//   2. no forbid applies;
//   3. at least one permit matches;
//   4. the action can carry out every kind of obligation of the matching permits;
//   5. every column is covered, its transforms meet, and the action can carry
//      out what they meet at.
//
// A deny carries no plan and no obligations.
#ifndef SEALTRAIN_POLICY_DECISION_ENGINE_INTERNAL_H_
#define SEALTRAIN_POLICY_DECISION_ENGINE_INTERNAL_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/policy_document_internal.h"

namespace sealtrain::policy::internal {

// A set of data classes, one bit each.
using ClassMask = std::uint32_t;
static_assert(DataClass_MAX < 32);
inline ClassMask MaskOf(int data_class) { return ClassMask{1} << data_class; }

// Immutable, so thread-safe.
class DecisionEngine {
 public:
  // The set must be without errors; the document must outlive the engine.
  DecisionEngine(const PolicyDocument& document, const Digest& sha256);

  Decision Decide(const Request& request) const;

 private:
  // A rule as it is matched: names resolved, times converted.
  struct CompiledRule {
    const Rule* rule = nullptr;
    RuleRef ref;
    bool any_principal = false;
    std::vector<std::string> principals;  // sorted
    std::vector<int> groups;              // sorted indices of PolicySet.group
    ClassMask classes = 0;
    absl::Time not_before = absl::InfinitePast();
    absl::Time not_after = absl::InfiniteFuture();
  };
  // Why a permit does not match.
  struct Unmet {
    std::string what;
    bool unknown = false;  // a fact is missing, rather than wrong
  };
  struct Denial;
  using Matches = std::vector<const CompiledRule*>;

  bool InScope(const CompiledRule& rule, const Request& request) const;
  bool PrincipalMatches(const CompiledRule& rule, const std::string& principal) const;
  bool ForbidApplies(const CompiledRule& rule, const Request& request) const;
  bool PermitMatches(const CompiledRule& rule, const Request& request) const;
  std::vector<Unmet> UnmetBy(const CompiledRule& rule, const Request& request) const;

  std::optional<Denial> CheckRequest(const Request& request) const;
  Denial NoPermit(const Request& request) const;
  std::optional<Denial> MeetObligations(const Matches& permits, const Request& request,
                                        Decision& decision) const;
  std::optional<Denial> PlanColumn(const Matches& permits, const Request& request,
                                   const RequestedColumn& column, ColumnPlan& plan) const;
  Denial Uncovered(const Matches& permits, const Request& request, const RequestedColumn& column,
                   DataClass missing) const;
  // The permit among those with one of `classes` (0: all) that fails the fewest
  // tests without matching; of several the one with the smallest id.
  void FindNearestMiss(const Request& request, ClassMask classes, Denial& denial) const;

  const PolicySet& set_;
  Digest sha256_;
  absl::Time not_before_;
  absl::Time not_after_;
  std::vector<CompiledRule> rules_;
  // Rules in scope of an action, in order of lines.
  std::array<Matches, Action_ARRAYSIZE> permits_;
  std::array<Matches, Action_ARRAYSIZE> forbids_;
  std::unordered_map<std::string, std::vector<int>> groups_of_;  // principal -> sorted groups
};

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_DECISION_ENGINE_INTERNAL_H_
