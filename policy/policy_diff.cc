#include "sealtrain/policy/policy_diff.h"

#include <array>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "sealtrain/base/number_text.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/approvers.h"
#include "sealtrain/policy/duties.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/lease.h"
#include "sealtrain/policy/obligations_internal.h"
#include "sealtrain/policy/request_space_internal.h"

namespace sealtrain::policy {
namespace {

using internal::Cell;
using internal::Outcome;

using Scan = std::map<TextScan::Kind, TextScan::Then>;

// Of the one column of an outcome.
Scan ScanOf(const Outcome& outcome) {
  return outcome.decision.columns.empty() ? Scan() : outcome.decision.columns.front().scan;
}

// Collects in which direction the duties of two allowing outcomes differ.
class DutyComparison {
 public:
  DutyComparison(const Outcome& before, const Outcome& after) {
    CompareTransforms(*before.transform, *after.transform);
    ComparePrivacy(before.decision.dp, after.decision.dp);
    CompareLeases(before.decision.lease, after.decision.lease);
    CompareRetentions(before.decision.retention, after.decision.retention);
    CompareOpens(before.decision.max_opens, after.decision.max_opens);
    CompareKAnonymity(before.decision.k_anonymity, after.decision.k_anonymity);
    CompareScans(ScanOf(before), ScanOf(after));
    CompareRelease(before.decision.release, after.decision.release);
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
    if (!before || !after) return NoteRequired("dp", &Decision::dp, before, after);
    CompareNumbers("epsilon_max", before->epsilon_max(), after->epsilon_max());
    CompareNumbers("delta_max", before->delta_max(), after->delta_max());
    CompareNumbers("ledger_epsilon", before->ledger_epsilon(), after->ledger_epsilon());
    CompareUnits("unit", before->unit(), after->unit());
  }

  void CompareKAnonymity(const std::optional<KAnonymity>& before,
                         const std::optional<KAnonymity>& after) {
    if (!before && !after) return;
    if (!before || !after)
      return NoteRequired("k_anonymity", &Decision::k_anonymity, before, after);
    if (before->k() != after->k()) {
      Note("k", absl::StrCat(before->k()), absl::StrCat(after->k()), after->k() < before->k(),
           after->k() > before->k());
    }
    CompareNumbers("max_suppressed", before->max_suppressed(), after->max_suppressed());
  }

  void CompareScans(const Scan& before, const Scan& after) {
    for (int number = TextScan::Kind_MIN; number <= TextScan::Kind_MAX; ++number) {
      const auto kind = static_cast<TextScan::Kind>(number);
      const auto then_of = [kind](const Scan& scan) {
        const auto found = scan.find(kind);
        return found == scan.end() ? TextScan::THEN_UNSPECIFIED : found->second;
      };
      const auto text = [](TextScan::Then then) {
        return then == TextScan::THEN_UNSPECIFIED ? "none" : TextScan::Then_Name(then);
      };
      const TextScan::Then was = then_of(before);
      const TextScan::Then is = then_of(after);
      if (was == is) continue;
      const bool looser = is < was;
      Note(absl::StrCat("text_scan ", TextScan::Kind_Name(kind)), text(was), text(is), looser,
           !looser);
    }
  }

  void CompareRelease(const std::optional<Release>& before, const std::optional<Release>& after) {
    if (!before && !after) return;
    if (!before || !after) return NoteRequired("release", &Decision::release, before, after);
    CompareNumbers("release epsilon_max", before->epsilon_max(), after->epsilon_max());
    CompareNumbers("release delta_max", before->delta_max(), after->delta_max());
    CompareUnits("release unit", before->unit(), after->unit());
    if (before->max_bytes() != after->max_bytes()) {
      Note("release max_bytes", absl::StrCat(before->max_bytes()), absl::StrCat(after->max_bytes()),
           after->max_bytes() > before->max_bytes(), after->max_bytes() < before->max_bytes());
    }
  }

  // A duty that is there on one side only.
  template <class Duty>
  void NoteRequired(absl::string_view name, std::optional<Duty> Decision::*duty,
                    const std::optional<Duty>& before, const std::optional<Duty>& after) {
    const auto text = [duty](const std::optional<Duty>& some) {
      if (!some) return std::string("none");
      Decision alone;
      alone.*duty = some;
      return DescribeObligations(ACTION_UNSPECIFIED, alone);  // which has no lease
    };
    Note(name, text(before), text(after), before.has_value(), after.has_value());
  }

  void CompareUnits(absl::string_view duty, PrivacyUnit before, PrivacyUnit after) {
    if (before == after) return;
    const bool looser = after < before;
    Note(duty, PrivacyUnit_Name(before), PrivacyUnit_Name(after), looser, !looser);
  }

  void CompareNumbers(absl::string_view duty, double before, double after) {
    if (before == after) return;
    Note(duty, NumberText(before), NumberText(after), after > before, after < before);
  }

  void CompareLeases(const std::optional<absl::Duration>& before,
                     const std::optional<absl::Duration>& after) {
    if (LeaseOf(before) == LeaseOf(after)) return;
    const bool longer = LeaseOf(after) > LeaseOf(before);
    Note("lease", DescribeLease(before), DescribeLease(after), longer, !longer);
  }

  void CompareRetentions(const std::optional<absl::Duration>& before,
                         const std::optional<absl::Duration>& after) {
    if (before == after) return;
    const auto text = [](const std::optional<absl::Duration>& retention) {
      return retention ? DescribeDuration(*retention) : "none";
    };
    const absl::Duration no_limit = absl::InfiniteDuration();
    const bool longer = after.value_or(no_limit) > before.value_or(no_limit);
    Note("retention", text(before), text(after), longer, !longer);
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

// All that the policy demands for what it allows.
std::string Duties(const LoadedPolicy& policy, const Request& situation, const Outcome& outcome) {
  std::vector<std::string> duties;
  if (!outcome.decision.columns.empty()) {
    duties.push_back(DescribeTreatment({.name = "",
                                        .classes = {},
                                        .transform = *outcome.transform,
                                        .from_rules = {},
                                        .scan = ScanOf(outcome)}));
  }
  std::string others;
  if (situation.approvals.value_or(0) == 0) {
    others = DescribeObligations(situation.action, outcome.decision);
  } else {
    // How many of the approvals it takes, tracing the duties tells.
    Decision traced = outcome.decision;
    TraceDuties(absl::MakeConstSpan(&policy, 1), situation, traced);
    others = DescribeObligations(situation.action, traced);
  }
  if (!others.empty()) duties.push_back(std::move(others));
  return duties.empty() ? "no duties" : absl::StrJoin(duties, "; ");
}

// The changes of one cell, each kind and text once.
class CellDiff {
 public:
  CellDiff(const Cell& cell, const LoadedPolicy& after) : cell_(cell), after_(after) {}

  void Compare(const Request& situation, const Outcome& before, const Outcome& after) {
    if (!before.transform && !after.transform) return;
    if (!before.transform) {
      const Request example = Example(situation, *after.transform);
      return Note(PolicyChange::Kind::kOpens, Duties(after_, example, after), example);
    }
    if (!after.transform) {
      return Note(PolicyChange::Kind::kCloses, after.decision.reason,
                  Example(situation, *before.transform));
    }
    const DutyComparison duties(before, after);
    if (!duties.differs()) return;
    Note(duties.kind(), duties.text(),
         Example(situation, TreatmentForBoth(*before.transform, *after.transform)));
  }

  void MoveInto(std::vector<PolicyChange>& list) {
    for (std::vector<PolicyChange>& changes : changes_) {
      std::move(changes.begin(), changes.end(), std::back_inserter(list));
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

  Request Example(const Request& situation, const Transform& applied) const {
    Request example = situation;
    if (ActionOpens(cell_.action)) example.columns.front().applied = applied;
    return example;
  }

  void Note(PolicyChange::Kind kind, const std::string& what, const Request& example) {
    std::vector<PolicyChange>& changes = changes_[static_cast<std::size_t>(kind)];
    for (PolicyChange& change : changes) {
      if (change.what != what) continue;
      ++change.changed_situations;
      return;
    }
    if (changes.size() == kMaxChangesOfAKind) {
      ++changes.back().unlisted_situations;
      return;
    }
    PolicyChange& change = changes.emplace_back();
    change.kind = kind;
    change.principals = cell_.principal->shown;
    change.action = cell_.action;
    change.dataset = cell_.dataset->shown.front();
    change.purpose = cell_.purpose;
    change.what = what;
    change.changed_situations = 1;
    change.situations = cell_.situations.size();
    change.situation = internal::DescribeSituation(example);
    change.example = example;
    if (cell_.column == nullptr) return;
    change.column = cell_.column->name;
    change.classes = cell_.column->classes;
  }

  const Cell& cell_;
  const LoadedPolicy& after_;
  std::array<std::vector<PolicyChange>, 5> changes_;  // by kind
};

// Decides requests of `principal`, of whose approvals the policy counts as many as there can be
// under it.
std::function<Decision(const Request&)> DecideWithApprovers(const LoadedPolicy& policy,
                                                            const std::string& principal) {
  const Approval* const approval = &policy.proto().approval();
  const std::uint64_t most = CountApproversFor({approval}, principal);
  return [&policy, most](const Request& request) {
    if (request.approvals.value_or(0) <= most) return policy.Decide(request);
    Request possible = request;
    possible.approvals = most;
    return policy.Decide(possible);
  };
}

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
  const internal::RequestSpace space({{&before.proto()}, {&after.proto()}}, schema, {});
  std::vector<PolicyChange> changes;
  ST_RETURN_IF_ERROR(space.ForEachCell([&](const Cell& cell) {
    const auto decide_before = DecideWithApprovers(before, cell.principal->name);
    const auto decide_after = DecideWithApprovers(after, cell.principal->name);
    CellDiff diff(cell, after);
    for (const Request& situation : cell.situations) {
      diff.Compare(situation, internal::OutcomeOf(decide_before, cell, situation),
                   internal::OutcomeOf(decide_after, cell, situation));
    }
    diff.MoveInto(changes);
  }));
  return changes;
}

std::vector<std::string> DiffHead(const PolicySet& before, const PolicySet& after) {
  std::vector<std::string> changes;
  const auto compare = [&changes](const char* what, const std::string& was, const std::string& is) {
    if (was != is) changes.push_back(absl::StrCat(what, ": \"", was, "\" -> \"", is, "\""));
  };
  compare("id", before.id(), after.id());
  compare("author", before.author(), after.author());
  return changes;
}

}  // namespace sealtrain::policy
