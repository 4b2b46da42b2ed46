#include "sealtrain/policy/decision_engine_internal.h"

#include <algorithm>
#include <utility>

#include "absl/numeric/bits.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/approvers.h"
#include "sealtrain/policy/conditions_internal.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/obligations_internal.h"

namespace sealtrain::policy::internal {
namespace {

bool IsKnown(const std::optional<Transform>& applied) {
  return applied && TransformFault(*applied).empty();
}

bool AreKnown(const std::vector<DataClass>& classes) {
  return std::all_of(classes.begin(), classes.end(), [](DataClass c) {
    return c != DATA_CLASS_UNSPECIFIED && DataClass_IsValid(c);
  });
}

// Of the columns, and of the model that the request uses.
ClassMask AskedClasses(const Request& request) {
  ClassMask asked = ActionUsesModel(request.action) ? MaskOfAll(request.model_classes) : 0;
  for (const RequestedColumn& column : request.columns) asked |= MaskOfAll(column.classes);
  return asked;
}

}  // namespace

struct DecisionEngine::Denial {
  std::string code;
  std::string reason;
  std::string fix_hint{};
  std::vector<RuleRef> forbids = {};
  std::optional<RuleRef> nearest_miss = std::nullopt;
  std::string nearest_miss_lacks{};
};

DecisionEngine::DecisionEngine(const PolicyDocument& document, const Digest& sha256)
    : set_(document.set()), sha256_(sha256), index_(set_) {
  const auto begin_of = [](const auto& windowed) {
    if (!windowed.has_not_before()) return absl::InfinitePast();
    return ToTime(windowed.not_before()).value_or(absl::InfiniteFuture());
  };
  const auto end_of = [](const auto& windowed) {
    if (!windowed.has_not_after()) return absl::InfiniteFuture();
    return ToTime(windowed.not_after()).value_or(absl::InfinitePast());
  };
  not_before_ = begin_of(set_);
  not_after_ = end_of(set_);

  rules_.reserve(static_cast<std::size_t>(set_.rule_size()));
  for (int i = 0; i < set_.rule_size(); ++i) {
    const Rule& rule = set_.rule(i);
    CompiledRule compiled;
    compiled.rule = &rule;
    compiled.ref = {.id = rule.id(), .line = document.RuleLine(i)};
    compiled.classes = MaskOfAll(rule.scope().data_class());
    for (const Obligation& obligation : rule.permit().obligation()) {
      if (obligation.has_transform()) {
        compiled.transforms
            .emplace_back(MaskOfAll(obligation.transform().on_class()), obligation.transform())
            .second.clear_on_class();
      } else if (obligation.has_text_scan()) {
        compiled.scans.emplace_back(MaskOfAll(obligation.text_scan().on_class()),
                                    &obligation.text_scan());
      }
    }
    compiled.not_before = begin_of(rule);
    compiled.not_after = end_of(rule);
    rules_.push_back(std::move(compiled));
  }
}

Decision DecisionEngine::Decide(const Request& request) const {
  Decision decision;
  if (std::optional<Denial> denial = Judge(request, decision)) {
    decision = Decision();  // nothing of what was met until then
    decision.determining_rules = std::move(denial->forbids);
    decision.reason = std::move(denial->reason);
    decision.reason_code = std::move(denial->code);
    decision.fix_hint = std::move(denial->fix_hint);
    decision.nearest_miss = std::move(denial->nearest_miss);
    decision.nearest_miss_lacks = std::move(denial->nearest_miss_lacks);
  } else {
    decision.allow = true;
    decision.reason_code = "allowed";
  }
  decision.policy_id = set_.id();
  decision.policy_version = set_.version();
  decision.policy_sha256 = sha256_;
  return decision;
}

std::optional<DecisionEngine::Denial> DecisionEngine::Judge(const Request& request,
                                                            Decision& decision) const {
  if (std::optional<Denial> denial = CheckRequest(request)) return denial;

  Matches forbids;
  Matches permits;
  index_.ForEachInScope(RuleIndex::Kind::kAny, request, [&](std::size_t number) {
    const CompiledRule& rule = rules_[number];
    if (rule.rule->has_forbid()) {
      if (ForbidApplies(rule, request)) forbids.push_back(&rule);
    } else if (PermitMatches(rule, request)) {
      permits.push_back(&rule);
    }
  });
  if (!forbids.empty()) return Forbidden(forbids);
  if (permits.empty()) return NoPermit(request);
  if (std::optional<Denial> denial = MeetObligations(permits, request, decision)) return denial;
  if (std::optional<Denial> denial = CheckErasing(request)) return denial;
  decision.determining_rules.reserve(permits.size());
  for (const CompiledRule* permit : permits) decision.determining_rules.push_back(permit->ref);
  return std::nullopt;
}

DecisionEngine::Denial DecisionEngine::Forbidden(const Matches& forbids) {
  const CompiledRule& first = *forbids.front();
  Denial denial{.code = "forbidden",
                .reason = absl::StrCat("rule ", Quoted(first.ref.id), " forbids it")};
  if (!first.rule->why().empty()) {
    absl::StrAppend(&denial.reason, ": ", Printable(first.rule->why()));
  }
  for (const CompiledRule* forbid : forbids) {
    if (denial.fix_hint.empty()) denial.fix_hint = forbid->rule->forbid().fix_hint();
    denial.forbids.push_back(forbid->ref);
  }
  return denial;
}

std::optional<DecisionEngine::Denial> DecisionEngine::CheckErasing(const Request& request) const {
  if (request.action != ERASE) return std::nullopt;
  const auto too_few = [](std::string reason, std::string fix_hint) {
    return Denial{
        .code = "too_few_approvals", .reason = std::move(reason), .fix_hint = std::move(fix_hint)};
  };
  // Who may change alone who approves could approve twice.
  if (set_.approval().required() < kApprovalsToErase) {
    return too_few(absl::StrCat("nothing that an entry seals is destroyed under a policy set that "
                                "takes effect with fewer than ",
                                kApprovalsToErase, " approvals (`required`)"),
                   "apply a version that requires more");
  }
  if (request.approvals.value_or(0) < kApprovalsToErase) {
    return too_few(
        absl::StrCat("what an entry seals is destroyed with ", kApprovalsToErase,
                     " approvals of that at least, and there are ",
                     request.approvals ? absl::StrCat(*request.approvals) : "none that is known"),
        "have it approved, see `sealtrain access request --entry`");
  }
  return std::nullopt;
}

std::optional<DecisionEngine::Denial> DecisionEngine::CheckRequest(const Request& request) const {
  const auto invalid = [](const std::string& what) {
    return Denial{.code = "invalid_request", .reason = what};
  };
  if (request.action == ACTION_UNSPECIFIED || !Action_IsValid(request.action)) {
    return invalid("the request names no action that is known");
  }
  if (!IsPrincipal(request.principal)) return invalid("the request names no principal");
  if (!IsDataset(request.dataset)) return invalid("the request names no data set");
  const bool takes_columns = ActionTakesColumns(request.action);
  if (takes_columns == request.columns.empty()) {
    return invalid(absl::StrCat(Action_Name(request.action),
                                takes_columns ? " needs columns" : " takes no columns"));
  }
  absl::InlinedVector<absl::string_view, 32> names;
  bool are_ascending = true;  // then none is there twice
  for (const RequestedColumn& column : request.columns) {
    if (!IsName(column.name)) return invalid("a column of the request has no name");
    are_ascending &= names.empty() || names.back() < column.name;
    names.push_back(column.name);
    if (column.classes.empty() || !AreKnown(column.classes)) {
      return invalid(
          absl::StrCat("column ", Quoted(column.name), " has no data class that is known"));
    }
  }
  if (ActionUsesModel(request.action) && !AreKnown(request.model_classes)) {
    return invalid("the model of the request has a data class that is not known");
  }
  if (!are_ascending) std::sort(names.begin(), names.end());
  if (!are_ascending && std::adjacent_find(names.begin(), names.end()) != names.end()) {
    return invalid("a column of the request is named twice");
  }
  if (request.now == absl::InfinitePast() || request.now == absl::InfiniteFuture()) {
    return Denial{.code = "unknown_fact", .reason = "the time is not known"};
  }
  if (request.now < not_before_) {
    return Denial{.code = "expired", .reason = "the policy set is not in force yet"};
  }
  if (request.now >= not_after_) {
    return Denial{.code = "expired",
                  .reason = "the policy set has expired",
                  .fix_hint = "apply its next version"};
  }
  return std::nullopt;
}

bool DecisionEngine::IsInWindow(const CompiledRule& rule, const Request& request) {
  return request.now >= rule.not_before && request.now < rule.not_after;
}

bool DecisionEngine::ForbidConcerns(const CompiledRule& rule, const Request& request) {
  if (rule.classes == 0) return true;
  if (ActionUsesModel(request.action) &&
      (request.model_classes.empty() || (MaskOfAll(request.model_classes) & rule.classes) != 0)) {
    return true;
  }
  return std::any_of(request.columns.begin(), request.columns.end(),
                     [&](const RequestedColumn& column) {
                       return (MaskOfAll(column.classes) & rule.classes) != 0;
                     });
}

bool DecisionEngine::ForbidApplies(const CompiledRule& rule, const Request& request) {
  if (!IsInWindow(rule, request) || !ForbidConcerns(rule, request)) return false;
  // Unknown forbids: only what is surely false, or surely excepted, escapes.
  for (const Condition& condition : rule.rule->when()) {
    if (Evaluate(condition, request) == Truth::kFalse) return false;
  }
  for (const Condition& condition : rule.rule->unless()) {
    if (Evaluate(condition, request) == Truth::kTrue) return false;
  }
  return true;
}

bool DecisionEngine::PermitMatches(const CompiledRule& rule, const Request& request) {
  if (!IsInWindow(rule, request)) return false;
  // Unknown does not permit: only what is surely true, and surely not excepted.
  for (const Condition& condition : rule.rule->when()) {
    if (Evaluate(condition, request) != Truth::kTrue) return false;
  }
  for (const Condition& condition : rule.rule->unless()) {
    if (Evaluate(condition, request) != Truth::kFalse) return false;
  }
  return true;
}

template <typename Visit>
void DecisionEngine::ForEachUnmet(const CompiledRule& rule, const RuleIndex::Holds& holds,
                                  const Request& request, Visit visit) {
  if (!holds.principal) visit(Unmet{.what = Unmet::kPrincipal});
  if (!holds.dataset) visit(Unmet{.what = Unmet::kDataset});
  if (!holds.purpose) visit(Unmet{.what = Unmet::kPurpose});
  if (request.now < rule.not_before) visit(Unmet{.what = Unmet::kNotBefore});
  if (request.now >= rule.not_after) visit(Unmet{.what = Unmet::kNotAfter});
  for (const Condition& condition : rule.rule->when()) {
    const Truth truth = Evaluate(condition, request);
    if (truth == Truth::kTrue) continue;
    visit(
        Unmet{.what = Unmet::kWhen, .condition = &condition, .unknown = truth == Truth::kUnknown});
  }
  for (const Condition& condition : rule.rule->unless()) {
    const Truth truth = Evaluate(condition, request);
    if (truth == Truth::kFalse) continue;
    visit(Unmet{
        .what = Unmet::kUnless, .condition = &condition, .unknown = truth == Truth::kUnknown});
  }
}

std::string DecisionEngine::Describe(const Unmet& unmet, const Request& request) {
  const std::string unknown =
      unmet.unknown ? UnknownNote(*unmet.condition, request.action) : std::string();
  switch (unmet.what) {
    case Unmet::kPrincipal:
      return absl::StrCat("principal ", Quoted(request.principal));
    case Unmet::kDataset:
      return absl::StrCat("data set ", Quoted(request.dataset));
    case Unmet::kPurpose:
      return absl::StrCat("purpose ", Quoted(request.purpose));
    case Unmet::kNotBefore:
      return "a time behind its not_before";
    case Unmet::kNotAfter:
      return "a time before its not_after";
    case Unmet::kWhen:
      return absl::StrCat("when ", ConditionText(*unmet.condition), unknown);
    case Unmet::kUnless:
      return absl::StrCat("unless ", ConditionText(*unmet.condition), unknown);
  }
  return "";
}

std::string DecisionEngine::HintFor(const Unmet& unmet, const CompiledRule& rule,
                                    const Request& request) {
  if (unmet.condition != nullptr) {
    if (!CanBeKnown(*unmet.condition, request.action)) {
      return "have the rule changed: it asks for what is never known of this action";
    }
    const ClassMask uncovered = AskedClasses(request) & ~rule.classes;
    if (uncovered != 0) {
      return absl::StrCat("ask without ", DataClass_Name(absl::countr_zero(uncovered)),
                          ", which that rule does not cover, or have the class permitted");
    }
  }
  switch (unmet.what) {
    case Unmet::kPrincipal:
      return "ask as somebody whom that rule permits, or have it permit you";
    case Unmet::kDataset:
      return "ask for a data set that the rule permits, or have it permit this one";
    case Unmet::kPurpose:
      return "ask for a purpose that the rule permits, or have it permit this one";
    case Unmet::kNotBefore:
    case Unmet::kNotAfter:
      return "ask within the rule's time, or have it changed";
    case Unmet::kWhen:
      return "ask again once that is so";
    case Unmet::kUnless:
      return "ask again once that is not so";
  }
  return "";
}

void DecisionEngine::FindNearestMiss(const Request& request, ClassMask classes,
                                     Denial& denial) const {
  const CompiledRule* nearest = nullptr;
  RuleIndex::Holds nearest_holds{};
  int fewest = 0;
  index_.ForEachOfAction(RuleIndex::Kind::kPermit, request,
                         [&](std::size_t number, const RuleIndex::Holds& holds) {
                           const CompiledRule& rule = rules_[number];
                           if (classes != 0 && (rule.classes & classes) == 0) return;
                           int unmet = 0;
                           ForEachUnmet(rule, holds, request, [&unmet](const auto&) { ++unmet; });
                           if (unmet == 0) return;
                           const bool nearer = nearest == nullptr || unmet < fewest ||
                                               (unmet == fewest && rule.ref.id < nearest->ref.id);
                           if (!nearer) return;
                           nearest = &rule;
                           nearest_holds = holds;
                           fewest = unmet;
                         });
  if (nearest == nullptr) return;
  denial.nearest_miss = nearest->ref;
  ForEachUnmet(*nearest, nearest_holds, request, [&](const Unmet& unmet) {
    if (!denial.nearest_miss_lacks.empty()) return;  // the first is told
    denial.nearest_miss_lacks = Describe(unmet, request);
    if (denial.fix_hint.empty()) denial.fix_hint = HintFor(unmet, *nearest, request);
    if (unmet.unknown) denial.code = "unknown_fact";
  });
}

DecisionEngine::Denial DecisionEngine::NoPermit(const Request& request) const {
  // Which the index holds no rule for, so that it need not be looked at before.
  if (!index_.IsDeclared(request.purpose)) {
    return Denial{.code = "undeclared_purpose",
                  .reason = absl::StrCat("purpose ", Quoted(request.purpose),
                                         " is not declared by the policy")};
  }
  Denial denial{
      .code = "no_matching_permit",
      .reason = absl::StrCat("no rule permits ", Quoted(request.principal), " to ",
                             Action_Name(request.action), " data set ", Quoted(request.dataset),
                             " for purpose ", Quoted(request.purpose))};
  FindNearestMiss(request, AskedClasses(request), denial);
  if (!denial.nearest_miss) FindNearestMiss(request, 0, denial);
  return denial;
}

std::optional<DecisionEngine::Denial> DecisionEngine::MeetObligations(const Matches& permits,
                                                                      const Request& request,
                                                                      Decision& decision) const {
  for (const CompiledRule* permit : permits) {
    for (const Obligation& obligation : permit->rule->permit().obligation()) {
      if (!CanCarryOut(request.action, obligation.kind_case())) {
        return Denial{.code = "cannot_honour",
                      .reason = absl::StrCat(Action_Name(request.action),
                                             " cannot carry out the obligation `",
                                             ObligationName(obligation.kind_case()), "` of rule ",
                                             Quoted(permit->ref.id))};
      }
      if (obligation.has_dp()) {
        MeetWith(decision.dp, obligation.dp());
      } else if (obligation.has_k_anonymity()) {
        MeetWith(decision.k_anonymity, obligation.k_anonymity());
      } else if (obligation.has_release()) {
        MeetWith(decision.release, obligation.release());
      } else if (obligation.has_lease()) {
        KeepSmaller(decision.lease, ToDuration(obligation.lease()).value_or(absl::ZeroDuration()));
      } else if (obligation.has_retention()) {
        KeepSmaller(decision.retention,
                    ToDuration(obligation.retention()).value_or(absl::ZeroDuration()));
      } else if (obligation.kind_case() == Obligation::kMaxOpens) {
        KeepSmaller(decision.max_opens, obligation.max_opens());
      }
    }
  }
  if (std::optional<Denial> denial = CheckModel(permits, request)) return denial;
  decision.columns.reserve(request.columns.size());
  for (const RequestedColumn& column : request.columns) {
    ColumnPlan& plan = decision.columns.emplace_back();
    if (std::optional<Denial> denial = PlanColumn(permits, request, column, plan)) return denial;
  }
  return std::nullopt;
}

std::optional<DecisionEngine::Denial> DecisionEngine::CheckModel(const Matches& permits,
                                                                 const Request& request) const {
  if (!ActionUsesModel(request.action)) return std::nullopt;
  if (request.model_classes.empty()) {
    return Denial{.code = "unknown_fact", .reason = "it is not known what the model learned from"};
  }
  ClassMask covered = 0;
  for (const CompiledRule* permit : permits) covered |= permit->classes;
  for (const DataClass c : request.model_classes) {
    if ((covered & MaskOf(c)) == 0) return Uncovered(permits, request, "the model learned from", c);
  }
  return std::nullopt;
}

std::optional<DecisionEngine::Denial> DecisionEngine::PlanColumn(const Matches& permits,
                                                                 const Request& request,
                                                                 const RequestedColumn& column,
                                                                 ColumnPlan& plan) const {
  plan.name = column.name;
  plan.classes = column.classes;
  const ClassMask classes = MaskOfAll(column.classes);
  ClassMask covered = 0;
  ClassMask transformed = 0;
  absl::InlinedVector<const Transform*, 8> transforms;
  absl::InlinedVector<absl::string_view, 8> from_rules;
  for (const CompiledRule* permit : permits) {
    covered |= permit->classes;
    for (const auto& [on_classes, transform] : permit->transforms) {
      if ((on_classes & classes) == 0) continue;
      transformed |= on_classes;
      transforms.push_back(&transform);
      from_rules.push_back(permit->ref.id);
    }
  }
  for (const DataClass c : column.classes) {
    if ((covered & MaskOf(c)) == 0) {
      return Uncovered(permits, request, absl::StrCat("column ", Quoted(column.name), " is"), c);
    }
    if (IsSensitive(c) && (transformed & MaskOf(c)) == 0) {
      return Denial{
          .code = "uncovered_column",
          .reason = absl::StrCat("column ", Quoted(column.name), " is ", DataClass_Name(c),
                                 ", and no matching permit says how to treat that class"),
          .fix_hint = absl::StrCat("add `obligation { transform { on_class: ", DataClass_Name(c),
                                   " kind: ... } }` to a matching permit")};
    }
  }
  std::sort(from_rules.begin(), from_rules.end());
  from_rules.erase(std::unique(from_rules.begin(), from_rules.end()), from_rules.end());
  const Transform* required = StrictestOf(transforms, plan.transform);
  if (required == nullptr && !transforms.empty()) {
    return Denial{
        .code = "conflicting_obligations",
        .reason = absl::StrCat("the strictest transforms for column ", Quoted(column.name),
                               " cannot be compared; they come from rules: ",
                               Printable(absl::StrJoin(from_rules, ", ")))};
  }
  plan.from_rules.reserve(from_rules.size());
  for (const absl::string_view rule : from_rules) plan.from_rules.emplace_back(rule);
  const TransformKind kind = required == nullptr ? KEEP : required->kind();
  if (request.action == SEAL && (classes & MaskOf(SUBJECT_KEY)) != 0 && kind != PSEUDONYMIZE) {
    return Denial{.code = kind == REDACT || kind == DROP ? "cannot_honour" : "uncovered_column",
                  .reason = absl::StrCat("column ", Quoted(column.name),
                                         " is the subject key: it must be pseudonymised, not ",
                                         TransformKind_Name(kind)),
                  .fix_hint = "give SUBJECT_KEY a transform of kind PSEUDONYMIZE"};
  }
  if (!ActionOpens(request.action)) {
    if (required != nullptr) {
      plan.transform = *required;
    } else {
      plan.transform.set_kind(KEEP);
    }
    if (kind != KEEP) return std::nullopt;  // no text is left of it
    for (const CompiledRule* permit : permits) {
      for (const auto& [on_classes, scan] : permit->scans) {
        if ((on_classes & classes) == 0) continue;
        for (const int look_for : scan->look_for()) {
          MeetWith(plan.scan, static_cast<TextScan::Kind>(look_for), scan->then());
        }
      }
    }
    return std::nullopt;
  }
  if (kind == DROP) {
    plan.transform.set_kind(DROP);
    return std::nullopt;
  }

  if (!IsKnown(column.applied)) {
    return Denial{.code = "unknown_fact",
                  .reason = absl::StrCat("it is not known how column ", Quoted(column.name),
                                         " was treated when it was sealed")};
  }
  if (required != nullptr && !IsAtLeastAsStrict(*column.applied, *required)) {
    return Denial{.code = "cannot_honour",
                  .reason = absl::StrCat("column ", Quoted(column.name), " must be under ",
                                         DescribeTransform(*required), ", but was sealed under ",
                                         DescribeTransform(*column.applied)),
                  .fix_hint = "ask without this column, or seal the data anew under the transform"};
  }
  // The review did it already; what it dropped is not there to be opened.
  plan.transform.Clear();
  plan.transform.set_kind(column.applied->kind() == DROP ? DROP : KEEP);
  return std::nullopt;
}

DecisionEngine::Denial DecisionEngine::Uncovered(const Matches& permits, const Request& request,
                                                 const std::string& what, DataClass missing) const {
  Denial denial{.code = "uncovered_column",
                .reason = absl::StrCat(what, " ", DataClass_Name(missing),
                                       ", which no matching permit covers"),
                .fix_hint = "ask without it, or have the class permitted"};
  FindNearestMiss(request, MaskOf(missing), denial);
  if (!denial.nearest_miss) {
    const CompiledRule* first = *std::min_element(
        permits.begin(), permits.end(),
        [](const CompiledRule* a, const CompiledRule* b) { return a->ref.id < b->ref.id; });
    denial.nearest_miss = first->ref;
    denial.nearest_miss_lacks = absl::StrCat("data class ", DataClass_Name(missing));
  }
  return denial;
}

}  // namespace sealtrain::policy::internal
