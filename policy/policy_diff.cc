#include "sealtrain/policy/policy_diff.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/obligations_internal.h"
#include "sealtrain/policy/request_space_internal.h"

namespace sealtrain::policy {
namespace {

using internal::Cell;
using internal::Outcome;

// Collects in which direction the duties of two allowing outcomes differ.
class DutyComparison {
 public:
  DutyComparison(const Outcome& before, const Outcome& after) {
    CompareTransforms(*before.transform, *after.transform);
    ComparePrivacy(before.decision.dp, after.decision.dp);
    CompareDurations("lease", before.decision.lease, after.decision.lease);
    CompareDurations("retention", before.decision.retention, after.decision.retention);
    CompareOpens(before.decision.max_opens, after.decision.max_opens);
  }

  bool differs() const { return looser_ || tighter_; }
  PolicyChange::Kind kind() const {
    if (looser_ && tighter_) return PolicyChange::Kind::kAlters;
    return looser_ ? PolicyChange::Kind::kLoosens : PolicyChange::Kind::kTightens;
  }
  std::string text() const { return absl::StrJoin(texts_, "; "); }

 private:
  void Note(absl::string_view duty, absl::string_view before, absl::string_view after, bool looser,
            bool tighter) {
    texts_.push_back(absl::StrCat(duty, " ", before, " -> ", after));
    looser_ |= looser;
    tighter_ |= tighter;
  }

  void CompareTransforms(const Transform& before, const Transform& after) {
    const bool after_holds = internal::IsAtLeastAsStrict(after, before);
    const bool before_holds = internal::IsAtLeastAsStrict(before, after);
    if (after_holds && before_holds) return;
    // Neither holds the other: not to be compared, so both directions.
    Note("transform", DescribeTransform(before), DescribeTransform(after), !after_holds,
         !before_holds);
  }

  void ComparePrivacy(const std::optional<DifferentialPrivacy>& before,
                      const std::optional<DifferentialPrivacy>& after) {
    if (!before && !after) return;
    if (!before || !after) {
      return Note("dp", before ? "required" : "none", after ? "required" : "none",
                  before.has_value(), after.has_value());
    }
    CompareNumbers("epsilon_max", before->epsilon_max(), after->epsilon_max());
    CompareNumbers("delta_max", before->delta_max(), after->delta_max());
    CompareNumbers("ledger_epsilon", before->ledger_epsilon(), after->ledger_epsilon());
    if (before->unit() != after->unit()) {
      Note("unit", PrivacyUnit_Name(before->unit()), PrivacyUnit_Name(after->unit()),
           after->unit() < before->unit(), after->unit() > before->unit());
    }
  }

  void CompareNumbers(absl::string_view duty, double before, double after) {
    if (before == after) return;
    Note(duty, absl::StrCat(before), absl::StrCat(after), after > before, after < before);
  }

  void CompareDurations(absl::string_view duty, const std::optional<absl::Duration>& before,
                        const std::optional<absl::Duration>& after) {
    if (before == after) return;
    const auto text = [](const std::optional<absl::Duration>& duration) {
      return duration ? absl::FormatDuration(*duration) : "none";
    };
    const absl::Duration no_limit = absl::InfiniteDuration();
    const bool longer = after.value_or(no_limit) > before.value_or(no_limit);
    Note(duty, text(before), text(after), longer, !longer);
  }

  void CompareOpens(const std::optional<std::uint64_t>& before,
                    const std::optional<std::uint64_t>& after) {
    if (before == after) return;
    const auto text = [](const std::optional<std::uint64_t>& opens) {
      return opens ? absl::StrCat(*opens) : "none";
    };
    // No limit is more than any.
    const bool more = before && (!after || *after > *before);
    Note("max_opens", text(before), text(after), more, !more);
  }

  bool looser_ = false;
  bool tighter_ = false;
  std::vector<std::string> texts_;
};

std::string Duties(const Cell& cell, const Outcome& outcome) {
  std::vector<std::string> duties;
  if (cell.column != nullptr) duties.push_back(DescribeTransform(*outcome.transform));
  if (outcome.decision.dp) {
    duties.push_back(absl::StrCat("epsilon_max ", outcome.decision.dp->epsilon_max()));
  }
  return absl::StrJoin(duties, "; ");
}

// The changes of one cell, one of each kind at most.
class CellDiff {
 public:
  explicit CellDiff(const Cell& cell) : cell_(cell) {}

  void Compare(const Request& situation, const Outcome& before, const Outcome& after) {
    if (!before.transform && !after.transform) return;
    if (!before.transform) {
      return Note(PolicyChange::Kind::kOpens, Duties(cell_, after), situation, *after.transform);
    }
    if (!after.transform) {
      return Note(PolicyChange::Kind::kCloses, after.decision.reason, situation, *before.transform);
    }
    const DutyComparison duties(before, after);
    if (!duties.differs()) return;
    Note(duties.kind(), duties.text(), situation,
         TreatmentForBoth(*before.transform, *after.transform));
  }

  void MoveInto(std::vector<PolicyChange>& list) {
    for (PolicyChange& change : changes_) {
      if (change.changed_situations > 0) list.push_back(std::move(change));
    }
  }

 private:
  // At least as strict as each, so that both allow the example.
  static Transform TreatmentForBoth(const Transform& before, const Transform& after) {
    if (internal::IsAtLeastAsStrict(after, before)) return after;
    if (internal::IsAtLeastAsStrict(before, after)) return before;
    Transform redact;  // stricter than all that cannot be compared
    redact.set_kind(REDACT);
    return redact;
  }

  void Note(PolicyChange::Kind kind, const std::string& what, const Request& situation,
            const Transform& applied) {
    PolicyChange& change = changes_[static_cast<std::size_t>(kind)];
    if (change.changed_situations++ > 0) return;
    change.kind = kind;
    change.principals = cell_.principal->shown;
    change.action = cell_.action;
    change.dataset = cell_.dataset->shown.front();
    change.purpose = cell_.purpose;
    change.what = what;
    change.situations = cell_.situations.size();
    change.situation = internal::DescribeSituation(situation);
    change.example = situation;
    if (cell_.column == nullptr) return;
    change.column = cell_.column->name;
    change.classes = cell_.column->classes;
    if (ActionOpens(cell_.action)) {
      change.example.columns.front().applied = applied;
    }
  }

  const Cell& cell_;
  std::array<PolicyChange, 5> changes_;  // by kind
};

}  // namespace

std::string PolicyChangeName(PolicyChange::Kind kind) {
  switch (kind) {
    case PolicyChange::Kind::kOpens:
      return "opens";
    case PolicyChange::Kind::kCloses:
      return "closes";
    case PolicyChange::Kind::kLoosens:
      return "loosens";
    case PolicyChange::Kind::kTightens:
      return "tightens";
    case PolicyChange::Kind::kAlters:
      return "alters";
  }
  return "";
}

absl::StatusOr<std::vector<PolicyChange>> DiffPolicies(const LoadedPolicy& before,
                                                       const LoadedPolicy& after,
                                                       const Schema* schema) {
  const internal::RequestSpace space({&before.proto(), &after.proto()}, schema, {});
  const auto decide_before = [&before](const Request& request) { return before.Decide(request); };
  const auto decide_after = [&after](const Request& request) { return after.Decide(request); };
  std::vector<PolicyChange> changes;
  ST_RETURN_IF_ERROR(space.ForEachCell([&](const Cell& cell) {
    CellDiff diff(cell);
    for (const Request& situation : cell.situations) {
      diff.Compare(situation, internal::OutcomeOf(decide_before, cell, situation),
                   internal::OutcomeOf(decide_after, cell, situation));
    }
    diff.MoveInto(changes);
  }));
  return changes;
}

}  // namespace sealtrain::policy
