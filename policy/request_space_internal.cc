#include "sealtrain/policy/request_space_internal.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/approvers.h"
#include "sealtrain/policy/decision_engine_internal.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/obligations_internal.h"

namespace sealtrain::policy::internal {
namespace {

// `name`, which says what it stands for, or with a number behind it one that is not in `taken`.
std::string FreshName(const std::set<std::string>& taken, const std::string& name) {
  std::string fresh = name;
  for (int i = 2; taken.count(fresh) > 0; ++i) fresh = absl::StrCat(name, i);
  return fresh;
}

constexpr char kAnybodyElse[] = "user:anybody-else";
constexpr char kAnyOther[] = "any-other";

std::string ColumnName(const std::vector<DataClass>& classes) {
  return absl::StrJoin(
      classes, "+", [](std::string* out, DataClass c) { absl::StrAppend(out, DataClassName(c)); });
}

// How many approvals a request in the scope of `rule` may need.
std::set<std::uint64_t> ApprovalsAsked(Action action, const Rule& rule) {
  std::set<std::uint64_t> asked;
  if (action == ERASE) asked.insert(kApprovalsToErase);
  for (const auto* conditions : {&rule.when(), &rule.unless()}) {
    for (const Condition& condition : *conditions) {
      if (condition.has_approvals_at_least()) asked.insert(condition.approvals_at_least());
    }
  }
  return asked;
}

template <class Windowed>
void AddEnds(const Windowed& windowed, std::set<absl::Time>& ends) {
  if (windowed.has_not_before()) ends.insert(*ToTime(windowed.not_before()));
  if (windowed.has_not_after()) ends.insert(*ToTime(windowed.not_after()));
}

}  // namespace

// The values of each fact that the rules in question can tell apart.
struct RequestSpace::Facts {
  std::vector<Trust> trust = {TRUST_UNSPECIFIED};
  std::vector<std::optional<std::uint64_t>> rows = {std::nullopt};
  std::vector<std::optional<absl::Duration>> age = {std::nullopt};
  std::vector<std::optional<std::uint64_t>> approvals = {std::nullopt};
  std::vector<std::vector<DataClass>> models = {{}};
  std::vector<absl::Time> now;

  std::uint64_t combinations() const {
    return std::uint64_t{trust.size()} * rows.size() * age.size() * approvals.size() *
           models.size() * now.size();
  }
};

RequestSpace::RequestSpace(const std::vector<std::vector<const PolicySet*>>& groups,
                           const Schema* schema, const Filter& filter, std::uint64_t max_decisions)
    : max_decisions_(max_decisions), actions_(filter.actions) {
  for (const std::vector<const PolicySet*>& group : groups) {
    sets_.insert(sets_.end(), group.begin(), group.end());
    std::vector<const Approval*>& approvals = approvals_.emplace_back();
    for (const PolicySet* set : group) approvals.push_back(&set->approval());
  }
  indexes_.reserve(sets_.size());
  for (const PolicySet* set : sets_) indexes_.emplace_back(*set);
  if (actions_.empty()) {
    for (int number = ACTION_UNSPECIFIED + 1; number < Action_ARRAYSIZE; ++number) {
      actions_.push_back(static_cast<Action>(number));
    }
  }
  CollectPrincipals(filter);
  CollectDatasets(filter);
  CollectPurposes(filter);
  CollectColumns(schema);
}

void RequestSpace::CollectPrincipals(const Filter& filter) {
  if (filter.principal) {
    principals_.push_back({.name = *filter.principal, .shown = {*filter.principal}});
    return;
  }
  std::set<std::string> names;
  for (const PolicySet* set : sets_) {
    for (const Group& group : set->group()) {
      names.insert(group.member().begin(), group.member().end());
    }
    for (const Rule& rule : set->rule()) {
      for (const std::string& principal : rule.scope().principal()) {
        if (IsPrincipal(principal)) names.insert(principal);
      }
    }
    for (const Test& test : set->test()) {
      if (IsPrincipal(test.request().principal())) names.insert(test.request().principal());
    }
  }
  std::map<std::vector<std::string>, std::size_t> atoms;
  const auto add = [&](const std::string& name, const std::string& shown) {
    const auto [atom, is_new] = atoms.try_emplace(SignatureOf(name), principals_.size());
    if (is_new) principals_.push_back({.name = name, .shown = {}});
    principals_[atom->second].shown.push_back(shown);
  };
  // An approver is another than anybody else where one approval less can matter.
  const std::vector<std::string> of_anybody = SignatureOf(FreshName(names, kAnybodyElse));
  for (const PolicySet* set : sets_) {
    for (const Approver& approver : set->approval().approver()) {
      for (const std::string& name : {approver.name(), approver.principal()}) {
        if (IsPrincipal(name) && SignatureOf(name) != of_anybody) names.insert(name);
      }
    }
  }
  for (const std::string& name : names) add(name, name);
  add(FreshName(names, kAnybodyElse), "(anybody else)");
}

// Which rules have the principal in their scope, and how many of the approvals that these ask
// for they can have.
std::vector<std::string> RequestSpace::SignatureOf(const std::string& principal) const {
  std::vector<std::string> signature;
  std::uint64_t asked = 0;
  Request request;
  request.principal = principal;
  for (std::size_t set = 0; set < indexes_.size(); ++set) {
    for (const Action action : actions_) {
      request.action = action;
      indexes_[set].ForEachOfAction(
          RuleIndex::Kind::kAny, request, [&](std::size_t rule, const RuleIndex::Holds& holds) {
            if (!holds.principal) return;
            signature.push_back(absl::StrCat(set, " ", action, " ", rule));
            const std::set<std::uint64_t> approvals =
                ApprovalsAsked(action, sets_[set]->rule(static_cast<int>(rule)));
            if (!approvals.empty()) asked = std::max(asked, *approvals.rbegin());
          });
    }
  }
  for (const std::uint64_t most : MostApprovals(principal)) {
    signature.push_back(absl::StrCat(std::min(most, asked)));
  }
  return signature;
}

void RequestSpace::CollectDatasets(const Filter& filter) {
  if (filter.dataset) {
    datasets_.push_back({.name = *filter.dataset, .shown = {*filter.dataset}});
    return;
  }
  std::set<std::string> exact;
  std::set<std::string> prefixes;
  for (const PolicySet* set : sets_) {
    for (const Rule& rule : set->rule()) {
      for (absl::string_view dataset : rule.scope().dataset()) {
        if (dataset == "*") continue;
        if (absl::ConsumeSuffix(&dataset, "/*")) {
          prefixes.emplace(dataset);
        } else {
          exact.emplace(dataset);
        }
      }
    }
    for (const Test& test : set->test()) {
      if (IsDataset(test.request().dataset())) exact.insert(test.request().dataset());
    }
  }
  for (const std::string& name : exact) datasets_.push_back({.name = name, .shown = {name}});
  // No deeper prefix may hold the fresh name, so none may be equal to it.
  std::set<std::string> taken = exact;
  taken.insert(prefixes.begin(), prefixes.end());
  for (const std::string& prefix : prefixes) {
    datasets_.push_back({.name = FreshName(taken, absl::StrCat(prefix, "/", kAnyOther)),
                         .shown = {absl::StrCat(prefix, "/* (any other)")}});
  }
  datasets_.push_back({.name = FreshName(taken, kAnyOther), .shown = {"* (any other)"}});
}

void RequestSpace::CollectPurposes(const Filter& filter) {
  if (filter.purpose) {
    purposes_.push_back(*filter.purpose);
    return;
  }
  std::set<std::string> purposes;
  for (const PolicySet* set : sets_) {
    purposes.insert(set->purpose().begin(), set->purpose().end());
  }
  purposes_.assign(purposes.begin(), purposes.end());
}

void RequestSpace::CollectColumns(const Schema* schema) {
  if (schema != nullptr) {
    for (const Column& column : schema->columns()) {
      columns_.push_back({.name = column.name, .classes = column.classes, .applied = std::nullopt});
    }
    return;
  }
  std::set<std::vector<DataClass>> combinations;
  for (int number = DATA_CLASS_UNSPECIFIED + 1; number < DataClass_ARRAYSIZE; ++number) {
    combinations.insert({static_cast<DataClass>(number)});
  }
  for (const PolicySet* set : sets_) {
    for (const Test& test : set->test()) {
      for (const TestColumn& column : test.request().column()) {
        std::set<DataClass> classes;
        for (const int c : column.data_class()) classes.insert(static_cast<DataClass>(c));
        combinations.insert({classes.begin(), classes.end()});
      }
    }
  }
  for (const std::vector<DataClass>& classes : combinations) {
    columns_.push_back({.name = ColumnName(classes), .classes = classes, .applied = std::nullopt});
  }
}

RequestSpace::RulesInScope RequestSpace::FindRules(const Request& request) const {
  RulesInScope found;
  for (std::size_t set = 0; set < sets_.size(); ++set) {
    ClassMask classes = 0;
    indexes_[set].ForEachInScope(RuleIndex::Kind::kAny, request, [&](std::size_t number) {
      const Rule& rule = sets_[set]->rule(static_cast<int>(number));
      found.rules.push_back(&rule);
      if (!rule.has_permit()) return;
      found.any_permit = true;
      classes |= MaskOfAll(rule.scope().data_class());
    });
    found.permitted_classes.push_back(classes);
  }
  return found;
}

// Sets of classes that no rule tells apart, in order of their first ones.
std::vector<std::vector<DataClass>> RequestSpace::ModelsOf(const RulesInScope& in_scope) {
  ClassMask permitted = 0;
  for (const ClassMask classes : in_scope.permitted_classes) permitted |= classes;
  std::map<std::vector<bool>, std::size_t> atoms;
  std::vector<std::vector<DataClass>> models;
  for (int number = DATA_CLASS_UNSPECIFIED + 1; number < DataClass_ARRAYSIZE; ++number) {
    std::vector<bool> signature;
    for (const Rule* rule : in_scope.rules) {
      signature.push_back((MaskOfAll(rule->scope().data_class()) & MaskOf(number)) != 0);
    }
    const auto [atom, is_new] = atoms.try_emplace(std::move(signature), models.size());
    if (is_new) models.emplace_back();
    models[atom->second].push_back(static_cast<DataClass>(number));
  }
  // What is denied whatever else holds comes first: the last denial tells most.
  std::stable_partition(models.begin(), models.end(), [permitted](const auto& model) {
    return (permitted & MaskOf(model.front())) == 0;
  });
  return models;
}

std::vector<std::uint64_t> RequestSpace::MostApprovals(const std::string& principal) const {
  std::vector<std::uint64_t> most;
  for (const std::vector<const Approval*>& group : approvals_) {
    most.push_back(CountApproversFor(group, principal));
  }
  return most;
}

RequestSpace::Facts RequestSpace::FactsOf(const Request& request,
                                          const RulesInScope& in_scope) const {
  const Action action = request.action;
  bool trust_matters = false;
  std::set<std::uint64_t> rows;
  std::set<absl::Duration, std::greater<>> ages;
  std::set<std::uint64_t> approvals;
  std::set<absl::Time> ends;
  const auto add = [&](const Condition& condition) {
    if (condition.has_trust_at_least()) trust_matters = true;
    if (condition.kind_case() == Condition::kRowsAtLeast) rows.insert(condition.rows_at_least());
    if (condition.has_dataset_age_below()) ages.insert(*ToDuration(condition.dataset_age_below()));
  };
  for (const Rule* rule : in_scope.rules) {
    for (const Condition& condition : rule->when()) add(condition);
    for (const Condition& condition : rule->unless()) add(condition);
    approvals.merge(ApprovalsAsked(action, *rule));
    AddEnds(*rule, ends);
  }
  for (const PolicySet* set : sets_) AddEnds(*set, ends);

  Facts facts;
  if (trust_matters) facts.trust = {TRUST_UNSPECIFIED, PLAIN, LOCKED, SANDBOXED};
  if (!rows.empty() && ActionKnowsRows(action)) {
    rows.insert(0);
    facts.rows.insert(facts.rows.end(), rows.begin(), rows.end());
  }
  if (!approvals.empty()) {
    approvals.insert(0);
    const std::vector<std::uint64_t> most = MostApprovals(request.principal);
    approvals.erase(approvals.upper_bound(*std::max_element(most.begin(), most.end())),
                    approvals.end());
    facts.approvals.insert(facts.approvals.end(), approvals.begin(), approvals.end());
  }
  if (!ages.empty() && ActionKnowsRows(action)) {
    ages.insert(absl::ZeroDuration());
    facts.age.insert(facts.age.end(), ages.begin(), ages.end());
  }
  if (action == EVALUATE) facts.models = ModelsOf(in_scope);
  if (ends.empty()) {
    facts.now = {absl::FromCivil(absl::CivilDay(2000, 1, 1), absl::UTCTimeZone())};
  } else {
    facts.now.push_back(*ends.begin() - absl::Seconds(1));
    facts.now.insert(facts.now.end(), ends.begin(), ends.end());
  }
  return facts;
}

std::vector<Request> RequestSpace::SituationsOf(const Request& request, const Facts& facts) {
  std::vector<Request> situations;
  Request situation = request;
  for (const Trust trust : facts.trust) {
    situation.trust = trust;
    for (const std::optional<std::uint64_t>& some_rows : facts.rows) {
      situation.rows = some_rows;
      for (const std::optional<absl::Duration>& age : facts.age) {
        situation.dataset_age = age;
        for (const std::optional<std::uint64_t>& approvals : facts.approvals) {
          situation.approvals = approvals;
          for (const std::vector<DataClass>& model : facts.models) {
            situation.model_classes = model;
            for (const absl::Time now : facts.now) {
              situation.now = now;
              situations.push_back(situation);
            }
          }
        }
      }
    }
  }
  return situations;
}

std::vector<std::optional<Transform>> RequestSpace::AppliedFor(Action action,
                                                               const RulesInScope& in_scope) {
  if (!ActionOpens(action)) return {std::nullopt};
  std::set<double> steps;
  std::set<std::uint32_t, std::greater<>> prefixes_v4;
  std::set<std::uint32_t, std::greater<>> prefixes_v6;
  std::set<std::string> domains;
  for (const Rule* rule : in_scope.rules) {
    for (const Obligation& obligation : rule->permit().obligation()) {
      const Transform& transform = obligation.transform();
      if (transform.kind() == BUCKET) steps.insert(transform.step());
      if (transform.kind() == TRUNCATE_IP) {
        prefixes_v4.insert(transform.prefix_v4());
        prefixes_v6.insert(transform.prefix_v6());
      }
      if (transform.kind() == PSEUDONYMIZE) domains.insert(transform.domain());
    }
  }
  domains.insert(FreshName(domains, ""));

  std::vector<std::optional<Transform>> applied;
  const auto add = [&applied](TransformKind kind) -> Transform& {
    Transform transform;
    transform.set_kind(kind);
    return *applied.emplace_back(std::move(transform));
  };
  add(KEEP);
  for (const double step : steps) add(BUCKET).set_step(step);
  // Two rules may ask for the one prefix and the other.
  for (const std::uint32_t v4 : prefixes_v4) {
    for (const std::uint32_t v6 : prefixes_v6) {
      Transform& transform = add(TRUNCATE_IP);
      transform.set_prefix_v4(v4);
      transform.set_prefix_v6(v6);
    }
  }
  for (const std::string& domain : domains) add(PSEUDONYMIZE).set_domain(domain);
  add(REDACT);
  add(DROP);
  applied.emplace_back(std::nullopt);
  return applied;
}

absl::Status RequestSpace::ForEachCell(const std::function<void(const Cell&)>& visit) const {
  const std::uint64_t cells =
      std::uint64_t{actions_.size()} * principals_.size() * datasets_.size() * purposes_.size();
  absl::Status too_many = absl::OutOfRangeError(
      absl::StrCat("too many requests to try each: ", principals_.size(),
                   " principals that differ, ", datasets_.size(), " data sets, ", purposes_.size(),
                   " purposes, and what conditions and windows can tell apart"));
  if (cells > max_decisions_) return too_many;
  std::uint64_t decisions = 0;
  Cell cell;
  Request request;
  for (const Action action : actions_) {
    cell.action = request.action = action;
    for (const NameAtom& principal : principals_) {
      cell.principal = &principal;
      request.principal = principal.name;
      for (const NameAtom& dataset : datasets_) {
        cell.dataset = &dataset;
        request.dataset = dataset.name;
        for (const std::string& purpose : purposes_) {
          cell.purpose = request.purpose = purpose;
          const RulesInScope in_scope = FindRules(request);
          if (!in_scope.any_permit) continue;
          cell.applied = AppliedFor(action, in_scope);
          const Facts facts = FactsOf(request, in_scope);
          const bool by_class = ActionTakesColumns(action) || ActionUsesModel(action);
          const std::size_t columns = by_class ? columns_.size() : 1;
          decisions += facts.combinations() * columns * cell.applied.size();
          if (decisions > max_decisions_) return too_many;
          const std::vector<Request> situations = SituationsOf(request, facts);
          if (!by_class) {
            cell.column = nullptr;
            cell.situations = situations;
            visit(cell);
            continue;
          }
          for (const RequestedColumn& column : columns_) {
            const ClassMask classes = MaskOfAll(column.classes);
            if (std::none_of(in_scope.permitted_classes.begin(), in_scope.permitted_classes.end(),
                             [&](ClassMask permitted) { return (classes & ~permitted) == 0; })) {
              continue;
            }
            cell.column = &column;
            cell.situations = situations;
            for (Request& situation : cell.situations) {
              if (ActionTakesColumns(action)) situation.columns = {column};
              if (action == EXPORT_MODEL) situation.model_classes = column.classes;
            }
            visit(cell);
          }
        }
      }
    }
  }
  return absl::OkStatus();
}

Outcome OutcomeOf(const std::function<Decision(const Request&)>& decide, const Cell& cell,
                  const Request& situation) {
  Outcome outcome;
  Request request = situation;
  for (const std::optional<Transform>& applied : cell.applied) {
    if (ActionTakesColumns(cell.action)) request.columns.front().applied = applied;
    outcome.decision = decide(request);
    if (!outcome.decision.allow) continue;
    Transform transform;
    transform.set_kind(KEEP);
    if (ActionTakesColumns(cell.action)) {
      transform = outcome.decision.columns.front().transform;
      if (ActionOpens(cell.action) && transform.kind() != DROP) transform = *applied;
    }
    outcome.transform = std::move(transform);
    break;
  }
  return outcome;
}

std::string DescribeSituation(const Request& situation) {
  std::vector<std::string> facts;
  if (situation.trust != TRUST_UNSPECIFIED) {
    facts.push_back(absl::StrCat("trust ", Trust_Name(situation.trust)));
  }
  if (situation.rows) facts.push_back(absl::StrCat(*situation.rows, " rows"));
  if (situation.dataset_age) {
    facts.push_back(absl::StrCat("age ", absl::FormatDuration(*situation.dataset_age)));
  }
  if (situation.approvals) facts.push_back(absl::StrCat(*situation.approvals, " approvals"));
  if (!situation.model_classes.empty() && !situation.columns.empty()) {
    facts.push_back(absl::StrCat("a model of ", ColumnName(situation.model_classes)));
  }
  facts.push_back(absl::StrCat(
      "at ", absl::FormatTime(absl::RFC3339_full, situation.now, absl::UTCTimeZone())));
  return absl::StrJoin(facts, ", ");
}

}  // namespace sealtrain::policy::internal
