// All requests that some policy sets could tell apart, in finitely many cells.
//
// A rule compares names with the names in it, numbers with its thresholds, and
// times with its window. So a name that no set knows decides like any other
// such name, and a number between two thresholds like the lower one. The space
// holds one request for each combination that can differ:
//   principals   those named in a set, and one that is not; those whom no rule
//                tells apart, and who can have the approvals it asks for, share one atom
//   data sets    exact names in scopes and tests, and for each PREFIX/* and for
//                "*" one name that nothing else matches
//   purposes     those that a set declares; all others are denied
//   facts        each threshold of the rules in question, what lies below, and
//                unknown; rows and age unknown where custody never knows them; no more
//                approvals than there are approvers other than the one who asks
//   times        before the first and at each end of a window in question
//   columns      one at a time (a request for several is allowed exactly if each
//                is allowed alone): those of the schema, else one of each class
//                and one of each combination of classes in a test
//   models       EVALUATE: learned from classes that no rule in question tells
//                apart, those that none speaks of too; EXPORT_MODEL: from columns as
//                above, one at a time
//   applied      each transform the rules in question could require, and unknown
// Requests in the scope of no permit, and columns, and models of EXPORT_MODEL, with a
// class that no permit in scope covers, are denied by every set and left out.
//
// One column with one such model is enough, whatever else a request names. The
// engine asks of each class that a model learned from whether a forbid lists it and
// whether the matching permits cover it, and which permits match depends on no
// class; of a column it asks the same, and plans it by its own classes alone. So a
// request is allowed exactly if it is for each of its columns with each class of
// its model, and the plan of a column and all other duties are the same in all of
// these. (What cannot be compared, or is treated by one class and covered by another,
// meets within a column; therefore the classes of a column stay together.) Of a
// model that learned from nothing known, every set denies all.
#ifndef SEALTRAIN_POLICY_REQUEST_SPACE_INTERNAL_H_
#define SEALTRAIN_POLICY_REQUEST_SPACE_INTERNAL_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/rule_index_internal.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy::internal {

// A name in requests, and the names that it stands for.
struct NameAtom {
  std::string name;
  std::vector<std::string> shown;  // "ann", "bob", "(anybody else)"
};

struct Cell {
  const NameAtom* principal = nullptr;
  Action action = ACTION_UNSPECIFIED;
  const NameAtom* dataset = nullptr;
  std::string purpose;
  // One column, `applied` left out; for EXPORT_MODEL, what the model learned from;
  // none for other actions that take no columns.
  const RequestedColumn* column = nullptr;
  // The facts that can differ, the least demanding first. With `column` and model.
  std::vector<Request> situations;
  // What the review may have done, the weakest first and unknown last. One
  // unknown for actions that do not open.
  std::vector<std::optional<Transform>> applied;
};

class RequestSpace {
 public:
  // What is set here is the only value of its kind.
  struct Filter {
    std::vector<Action> actions;  // empty: all
    std::optional<std::string> principal;
    std::optional<std::string> dataset;
    std::optional<std::string> purpose;
  };

  // The sets, without errors, must outlive the space. Those of one group decide together, the
  // one in force last. `schema` may be null.
  // `max_decisions`: how many are worth the wait; the default is a few seconds.
  RequestSpace(const std::vector<std::vector<const PolicySet*>>& groups, const Schema* schema,
               const Filter& filter, std::uint64_t max_decisions = 8'000'000);

  // Calls `visit` for every cell. OutOfRange: all of them would take more
  // decisions than allowed; some may have been visited.
  absl::Status ForEachCell(const std::function<void(const Cell&)>& visit) const;

 private:
  struct RulesInScope {
    std::vector<const Rule*> rules;
    std::vector<std::uint32_t> permitted_classes;  // of each set's permits together
    bool any_permit = false;
  };
  struct Facts;

  void CollectPrincipals(const Filter& filter);
  void CollectDatasets(const Filter& filter);
  void CollectPurposes(const Filter& filter);
  void CollectColumns(const Schema* schema);
  std::vector<std::string> SignatureOf(const std::string& principal) const;
  RulesInScope FindRules(const Request& request) const;
  // What each group can count at the most.
  std::vector<std::uint64_t> MostApprovals(const std::string& principal) const;
  Facts FactsOf(const Request& request, const RulesInScope& in_scope) const;
  static std::vector<std::vector<DataClass>> ModelsOf(const RulesInScope& in_scope);
  static std::vector<Request> SituationsOf(const Request& request, const Facts& facts);
  static std::vector<std::optional<Transform>> AppliedFor(Action action,
                                                          const RulesInScope& in_scope);

  const std::uint64_t max_decisions_;
  std::vector<const PolicySet*> sets_;
  std::vector<std::vector<const Approval*>> approvals_;  // of each group
  std::vector<RuleIndex> indexes_;
  std::vector<Action> actions_;
  std::vector<NameAtom> principals_;
  std::vector<NameAtom> datasets_;
  std::vector<std::string> purposes_;
  std::vector<RequestedColumn> columns_;
};

// What a policy answers in one situation of a cell.
struct Outcome {
  // Allowed: of the weakest `applied` that is. Denied: of the last one tried.
  Decision decision;
  // Sealing: what the review must do. Opening: what it must have done at the
  // least; DROP: the key is withheld. KEEP without columns. Unset: denied.
  std::optional<Transform> transform;
};
Outcome OutcomeOf(const std::function<Decision(const Request&)>& decide, const Cell& cell,
                  const Request& situation);

// "trust LOCKED, 1000 rows, age 0s, a model of LABEL, at 2026-01-01T00:00:00Z",
// without what is unknown.
std::string DescribeSituation(const Request& situation);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_REQUEST_SPACE_INTERNAL_H_
