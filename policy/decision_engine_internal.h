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
//      out what they meet at;
//   6. what the audit log seals is destroyed with the approvals that this takes.
//
// A deny carries no plan and no obligations.
#ifndef SEALTRAIN_POLICY_DECISION_ENGINE_INTERNAL_H_
#define SEALTRAIN_POLICY_DECISION_ENGINE_INTERNAL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/policy_document_internal.h"
#include "sealtrain/policy/rule_index_internal.h"

namespace sealtrain::policy::internal {

// A set of data classes, one bit each.
using ClassMask = std::uint32_t;
static_assert(DataClass_MAX < 32);
inline ClassMask MaskOf(int data_class) { return ClassMask{1} << data_class; }
// Of a column's classes, or of a scope's.
template <class Classes>
ClassMask MaskOfAll(const Classes& data_classes) {
  ClassMask mask = 0;
  for (const int c : data_classes) mask |= MaskOf(c);
  return mask;
}

// Immutable, so thread-safe.
class DecisionEngine {
 public:
  // The set must be without errors; the document must outlive the engine.
  DecisionEngine(const PolicyDocument& document, const Digest& sha256);

  Decision Decide(const Request& request) const;

  // Whether a permit, by its number in the set, matches a request that is in its scope.
  bool PermitMatches(std::size_t permit, const Request& request) const {
    return PermitMatches(rules_[permit], request);
  }

 private:
  // A rule as it is matched, its scope left to the index: times converted,
  // transforms, without on_class, and scans by the classes that they are on.
  struct CompiledRule {
    const Rule* rule = nullptr;
    RuleRef ref;
    ClassMask classes = 0;
    std::vector<std::pair<ClassMask, Transform>> transforms;
    std::vector<std::pair<ClassMask, const TextScan*>> scans;
    absl::Time not_before = absl::InfinitePast();
    absl::Time not_after = absl::InfiniteFuture();
  };
  // Why a permit does not match.
  struct Unmet {
    enum What { kPrincipal, kDataset, kPurpose, kNotBefore, kNotAfter, kWhen, kUnless };
    What what;
    const Condition* condition = nullptr;  // of kWhen, kUnless
    bool unknown = false;                  // a fact is missing, rather than wrong
  };
  struct Denial;
  using Matches = absl::InlinedVector<const CompiledRule*, 8>;

  // Of rules in whose scope the request lies.
  static bool IsInWindow(const CompiledRule& rule, const Request& request);
  static bool ForbidConcerns(const CompiledRule& rule, const Request& request);
  static bool ForbidApplies(const CompiledRule& rule, const Request& request);
  static bool PermitMatches(const CompiledRule& rule, const Request& request);
  // Calls visit(Unmet) for all that keeps a permit from matching.
  template <typename Visit>
  static void ForEachUnmet(const CompiledRule& rule, const RuleIndex::Holds& holds,
                           const Request& request, Visit visit);
  static std::string Describe(const Unmet& unmet, const Request& request);
  // `rule` lacks `unmet`.
  static std::string HintFor(const Unmet& unmet, const CompiledRule& rule, const Request& request);

  // Why not; or what is allowed, in `decision`.
  std::optional<Denial> Judge(const Request& request, Decision& decision) const;
  std::optional<Denial> CheckRequest(const Request& request) const;
  static Denial Forbidden(const Matches& forbids);
  Denial NoPermit(const Request& request) const;
  std::optional<Denial> MeetObligations(const Matches& permits, const Request& request,
                                        Decision& decision) const;
  // Into `plan`, which is empty.
  std::optional<Denial> PlanColumn(const Matches& permits, const Request& request,
                                   const RequestedColumn& column, ColumnPlan& plan) const;
  // Destroying what the audit log seals takes approvals that no rule can make fewer.
  std::optional<Denial> CheckErasing(const Request& request) const;
  // The model that the request uses, by what it learned from.
  std::optional<Denial> CheckModel(const Matches& permits, const Request& request) const;
  // `what` has the class `missing`: "column \"age\" is".
  Denial Uncovered(const Matches& permits, const Request& request, const std::string& what,
                   DataClass missing) const;
  // The permit among those with one of `classes` (0: all) that fails the fewest
  // tests without matching; of several the one with the smallest id.
  void FindNearestMiss(const Request& request, ClassMask classes, Denial& denial) const;

  const PolicySet& set_;
  Digest sha256_;
  absl::Time not_before_;
  absl::Time not_after_;
  const RuleIndex index_;
  std::vector<CompiledRule> rules_;  // as in set_
};

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_DECISION_ENGINE_INTERNAL_H_
