#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/conditions_internal.h"
#include "sealtrain/policy/decision_engine_internal.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/obligations_internal.h"
#include "sealtrain/policy/policy_check_internal.h"
#include "sealtrain/policy/policy_tests_internal.h"
#include "sealtrain/policy/request_space_internal.h"
#include "sealtrain/policy/rule_index_internal.h"
#include "sealtrain/policy/transform_fit.h"

namespace sealtrain::policy::internal {
namespace {

// A check of a file must stay quick.
constexpr std::uint64_t kMaxLintDecisions = 1'000'000;

std::string TextOf(const google::protobuf::Message& message) { return message.SerializeAsString(); }

bool IsSameOutcome(const Outcome& a, const Outcome& b) {
  if (a.transform.has_value() != b.transform.has_value()) return false;
  if (!a.transform) return true;
  const auto same = [](const auto& left, const auto& right) {
    return left.has_value() == right.has_value() && (!left || TextOf(*left) == TextOf(*right));
  };
  const auto same_scan = [](const ColumnPlan& left, const ColumnPlan& right) {
    return left.scan == right.scan;
  };
  return same(a.transform, b.transform) && same(a.decision.dp, b.decision.dp) &&
         same(a.decision.k_anonymity, b.decision.k_anonymity) &&
         same(a.decision.release, b.decision.release) && a.decision.lease == b.decision.lease &&
         a.decision.retention == b.decision.retention &&
         a.decision.max_opens == b.decision.max_opens &&
         std::equal(a.decision.columns.begin(), a.decision.columns.end(),
                    b.decision.columns.begin(), b.decision.columns.end(), same_scan);
}

// What permits come to, found while every cell of a space is looked at.
class PermitEffects {
 public:
  // Without a schema the space is of classes.
  PermitEffects(const PolicyDocument& document, const DecisionEngine& engine, const Schema* schema)
      : document_(document),
        schema_(schema),
        set_(document.set()),
        index_(set_),
        engine_(engine),
        decide_([&engine](const Request& request) { return engine.Decide(request); }),
        effects_(static_cast<std::size_t>(set_.rule_size())) {}

  // OutOfRange: there is too much to try.
  absl::Status Try() {
    const RequestSpace space({{&set_}}, schema_, {}, kMaxLintDecisions);
    return space.ForEachCell([this](const Cell& cell) { Look(cell); });
  }

  void Report(std::vector<Finding>& findings) const {
    for (int i = 0; i < set_.rule_size(); ++i) {
      const Rule& rule = set_.rule(i);
      const Effect& effect = effects_[static_cast<std::size_t>(i)];
      const auto warn = [&](const std::string& message) { WarnOfRule(i, message, findings); };
      if (!effect.conflict.empty()) warn(effect.conflict);
      if (!effect.in_scope) continue;
      if (!effect.allows) {
        warn(absl::StrCat("the permit can never allow anything: ", effect.why()));
        continue;
      }
      if (!effect.changes_something) {
        warn("the permit changes nothing: without it every decision would be the same");
      }
      for (const int number : rule.scope().action()) {
        const auto action = static_cast<Action>(number);
        if (!ActionTakesColumns(action)) continue;
        std::vector<std::string> in_vain;
        for (const int c : rule.scope().data_class()) {
          if (effect.opened.count({action, static_cast<DataClass>(c)}) > 0) continue;
          in_vain.push_back(DataClassName(static_cast<DataClass>(c)));
        }
        if (in_vain.empty()) continue;
        warn(absl::StrCat(Action_Name(action), " never gets a column of ",
                          absl::StrJoin(in_vain, ", "), ", which the permit covers"));
      }
    }
  }

  // What is so of the columns of the schema and not of all columns, which `by_class`
  // knows; and what becomes of each of them.
  void ReportOfSchema(const PermitEffects& by_class, std::vector<Finding>& findings) const {
    for (int i = 0; i < set_.rule_size(); ++i) {
      const auto& actions = set_.rule(i).scope().action();
      const bool concerns_columns = std::any_of(actions.begin(), actions.end(), [](int action) {
        return ActionTakesColumns(static_cast<Action>(action));
      });
      const Effect& effect = effects_[static_cast<std::size_t>(i)];
      const Effect& of_any = by_class.effects_[static_cast<std::size_t>(i)];
      if (set_.rule(i).has_forbid()) ReportForbid(i, findings);
      if (!concerns_columns || !of_any.allows) continue;
      if (!effect.allows) {
        WarnOfRule(i,
                   absl::StrCat("the permit allows nothing of ", schema_->message_name(),
                                effect.why().empty() ? "" : ": ", effect.why()),
                   findings);
      } else if (!effect.changes_something && of_any.changes_something) {
        WarnOfRule(i,
                   absl::StrCat("the permit changes nothing for ", schema_->message_name(),
                                ": without it every decision on its columns would be the same"),
                   findings);
      }
      for (const std::string& obstacle : effect.obstacles) WarnOfRule(i, obstacle, findings);
    }
    for (const Column& column : schema_->columns()) ReportColumn(column, findings);
  }

 private:
  struct Effect {
    bool in_scope = false;
    bool allows = false;
    bool changes_something = false;
    bool holds = false;    // somewhere in its scope, all that it asks for itself
    std::string reason;    // of the most demanding denial where it holds
    std::string conflict;  // that it is part of
    std::set<std::pair<Action, DataClass>> opened;
    std::set<std::string> obstacles;  // why a column cannot be treated as it asks

    // Why it allows nothing; empty if nothing is asked of it.
    std::string why() const {
      if (!in_scope || holds) return reason;
      return "no request meets all of its conditions within its times";
    }
  };
  // What becomes of a column when it is sealed, or must have become of it to be opened.
  struct ColumnEffect {
    std::map<std::string, Transform> transforms;  // by their bytes
    // Sealing: for whom, into which data set and for which purpose, and the bytes of how.
    std::set<std::array<std::string, 4>> ways;
    std::string reason;  // of the most demanding denial
  };

  void WarnOfRule(int rule, const std::string& message, std::vector<Finding>& findings) const {
    findings.push_back(document_.root().Child("rule", rule).Warning(message));
    findings.back().rule_id = set_.rule(rule).id();
  }

  void Look(const Cell& cell) {
    std::vector<std::size_t> permits;
    index_.ForEachInScope(RuleIndex::Kind::kPermit, cell.situations.front(),
                          [&](std::size_t number) { permits.push_back(number); });
    for (const Request& situation : cell.situations) {
      const Outcome outcome = OutcomeOf(decide_, cell, situation);
      if (outcome.decision.reason_code == "conflicting_obligations") {
        NoteConflict(permits, outcome.decision.reason);
      }
      if (schema_ != nullptr && ActionTakesColumns(cell.action)) NoteColumn(cell, outcome);
      for (const std::size_t permit : permits) {
        Effect& effect = effects_[permit];
        effect.in_scope = true;
        if (IsAmong(permit, outcome.decision)) {
          effect.allows = true;
          if (cell.column != nullptr) {
            for (const DataClass c : cell.column->classes) effect.opened.insert({cell.action, c});
          }
        } else if (engine_.PermitMatches(permit, situation)) {
          effect.holds = true;
          NoteReason(outcome.decision, effect.reason);
        }
        if (!effect.changes_something) {
          effect.changes_something =
              !IsSameOutcome(outcome, OutcomeOf(Without(permit), cell, situation));
        }
      }
    }
  }

  // That the set is not in force tells the least.
  static void NoteReason(const Decision& denial, std::string& reason) {
    if (reason.empty() || denial.reason_code != "expired") reason = denial.reason;
  }

  void NoteColumn(const Cell& cell, const Outcome& outcome) {
    ColumnEffect& effect = columns_[{cell.action, cell.column->name}];
    if (!outcome.transform) return NoteReason(outcome.decision, effect.reason);
    effect.transforms.emplace(TextOf(*outcome.transform), *outcome.transform);
    if (ActionSeals(cell.action)) {
      effect.ways.insert(
          {cell.principal->name, cell.dataset->name, cell.purpose, TextOf(*outcome.transform)});
    }
    const std::string obstacle =
        TransformObstacle(*outcome.transform, *schema_->FindColumn(cell.column->name));
    if (obstacle.empty()) return;
    for (const std::string& id : outcome.decision.columns.front().from_rules) {
      for (int i = 0; i < set_.rule_size(); ++i) {
        if (set_.rule(i).id() != id) continue;
        effects_[static_cast<std::size_t>(i)].obstacles.insert(absl::StrCat(
            Action_Name(cell.action), " asks for ", TransformKind_Name(outcome.transform->kind()),
            " of column ", Quoted(cell.column->name), ", which cannot be: ", obstacle));
      }
    }
  }

  // A forbid by classes, none of which the schema has.
  void ReportForbid(int rule, std::vector<Finding>& findings) const {
    const Scope& scope = set_.rule(rule).scope();
    ClassMask classes = 0;
    for (const Column& column : schema_->columns()) classes |= MaskOfAll(column.classes);
    const bool is_met = (MaskOfAll(scope.data_class()) & classes) != 0;
    // What is evaluated may have learned from other data.
    const bool concerns_models =
        std::count(scope.action().begin(), scope.action().end(), EVALUATE) > 0;
    if (scope.data_class().empty() || is_met || concerns_models) return;
    WarnOfRule(rule, absl::StrCat("the forbid concerns no column of ", schema_->message_name()),
               findings);
  }

  // About the schema, so without a line of the policy file.
  void ReportColumn(const Column& column, std::vector<Finding>& findings) const {
    const auto effect_on = [&](Action action) {
      const auto found = columns_.find({action, column.name});
      return found == columns_.end() ? ColumnEffect{.transforms = {},
                                                    .ways = {},
                                                    .reason = "no permit covers all of its classes"}
                                     : found->second;
    };
    const auto warn = [&](absl::string_view what, absl::string_view why) {
      findings.push_back({.severity = Finding::Severity::kWarning,
                          .line = 0,
                          .column = 0,
                          .rule_id = "",
                          .message = absl::StrCat(what, " column ", Quoted(column.name), " of ",
                                                  schema_->message_name(), ": ", why)});
    };
    const auto drops = [](const auto& transform) { return transform.second.kind() == DROP; };
    const auto all_drop = [&drops](const ColumnEffect& effect) {
      return std::all_of(effect.transforms.begin(), effect.transforms.end(), drops);
    };
    const ColumnEffect ingested = effect_on(INGEST);
    const ColumnEffect sealed = effect_on(SEAL);
    if (sealed.transforms.empty()) return warn("no SEAL permit could ever seal", sealed.reason);
    if (ingested.transforms.empty()) {
      return warn("no INGEST permit could ever take in", ingested.reason);
    }
    if (!CanBeOneJob(ingested, sealed)) {
      return warn("no job could ever take in and seal",
                  "nobody may INGEST and SEAL it into one data set, for one purpose and under one "
                  "transform");
    }
    if (!PermitsTraining()) return;  // it is not meant to
    const ColumnEffect opened = effect_on(TRAIN);
    const auto opens = [&](const auto& applied) {
      return !drops(applied) &&
             std::any_of(opened.transforms.begin(), opened.transforms.end(),
                         [&](const auto& asked) {
                           return !drops(asked) && IsAtLeastAsStrict(applied.second, asked.second);
                         });
    };
    if (std::any_of(sealed.transforms.begin(), sealed.transforms.end(), opens)) return;
    warn("no TRAIN permit could ever open", all_drop(sealed) ? "it is dropped when it is sealed"
                                            : opened.transforms.empty() ? opened.reason
                                            : all_drop(opened)
                                                ? "it is withheld"
                                                : "it is never sealed as strictly as TRAIN asks");
  }

  // A job needs both permits; what INGEST does not keep, SEAL must treat alike.
  static bool CanBeOneJob(const ColumnEffect& ingested, const ColumnEffect& sealed) {
    Transform keep;
    keep.set_kind(KEEP);
    return std::any_of(sealed.ways.begin(), sealed.ways.end(), [&](std::array<std::string, 4> way) {
      if (ingested.ways.count(way) > 0) return true;
      way.back() = TextOf(keep);
      return ingested.ways.count(way) > 0;
    });
  }

  bool PermitsTraining() const {
    return std::any_of(set_.rule().begin(), set_.rule().end(), [](const Rule& rule) {
      const auto& actions = rule.scope().action();
      return rule.has_permit() && std::count(actions.begin(), actions.end(), TRAIN) > 0;
    });
  }

  bool IsAmong(std::size_t rule, const Decision& decision) const {
    const std::string& id = set_.rule(static_cast<int>(rule)).id();
    return decision.allow &&
           std::any_of(decision.determining_rules.begin(), decision.determining_rules.end(),
                       [&](const RuleRef& ref) { return ref.id == id; });
  }

  void NoteConflict(const std::vector<std::size_t>& permits, const std::string& reason) {
    for (const std::size_t permit : permits) {
      const std::string id = Printable(set_.rule(static_cast<int>(permit)).id());
      Effect& effect = effects_[permit];
      if (effect.conflict.empty() && absl::StrContains(reason, id)) effect.conflict = reason;
    }
  }

  // Decides by the set without one rule.
  std::function<Decision(const Request&)> Without(std::size_t rule) {
    std::unique_ptr<Altered>& altered = without_[rule];
    if (altered == nullptr) {
      PolicySet set = set_;
      set.mutable_rule()->DeleteSubrange(static_cast<int>(rule), 1);
      altered = std::make_unique<Altered>(std::move(set));
    }
    return [&altered = *altered](const Request& request) { return altered.engine.Decide(request); };
  }

  struct Altered {
    explicit Altered(PolicySet set) : document(std::move(set)), engine(document, Digest{}) {}
    PolicyDocument document;
    DecisionEngine engine;
  };

  const PolicyDocument& document_;
  const Schema* const schema_;
  const PolicySet& set_;
  const RuleIndex index_;
  const DecisionEngine& engine_;
  const std::function<Decision(const Request&)> decide_;
  std::vector<Effect> effects_;  // by rule
  std::map<std::pair<Action, std::string>, ColumnEffect> columns_;
  std::map<std::size_t, std::unique_ptr<Altered>> without_;
};

// Whether one forbid applies wherever another does, as far as that shows
// without deciding anything.
class ForbidCover {
 public:
  explicit ForbidCover(const PolicySet& set) : set_(set) {}

  bool Covers(const Rule& wide, const Rule& narrow) const {
    return CoversScope(wide.scope(), narrow.scope()) && CoversWindow(wide, narrow) &&
           AppliesByConditions(wide, narrow);
  }

 private:
  using Names = google::protobuf::RepeatedPtrField<std::string>;

  std::set<std::string> Principals(const Scope& scope) const {
    std::set<std::string> principals;
    for (const std::string& principal : scope.principal()) {
      absl::string_view name = principal;
      if (!absl::ConsumePrefix(&name, kGroupPrefix)) {
        principals.insert(principal);
        continue;
      }
      for (const Group& group : set_.group()) {
        if (group.name() == name) principals.insert(group.member().begin(), group.member().end());
      }
    }
    return principals;
  }

  template <class Covers>
  static bool EachIsCovered(const Names& narrow, const Names& wide, const Covers& covers) {
    return std::all_of(narrow.begin(), narrow.end(), [&](const std::string& name) {
      return std::any_of(wide.begin(), wide.end(),
                         [&](const std::string& scope) { return covers(scope, name); });
    });
  }

  // The quick comparisons come first: there may be thousands of forbids.
  bool CoversScope(const Scope& wide, const Scope& narrow) const {
    const auto has_action = [&wide](int action) {
      return std::count(wide.action().begin(), wide.action().end(), action) > 0;
    };
    if (!std::all_of(narrow.action().begin(), narrow.action().end(), has_action)) return false;
    const ClassMask wide_classes = MaskOfAll(wide.data_class());
    const ClassMask narrow_classes = MaskOfAll(narrow.data_class());
    if (wide_classes != 0 && (narrow_classes == 0 || (narrow_classes & ~wide_classes) != 0)) {
      return false;
    }
    const auto covers_purpose = [](absl::string_view scope, absl::string_view purpose) {
      return PurposeLiesUnder(purpose, scope);
    };
    if (!EachIsCovered(narrow.purpose(), wide.purpose(), covers_purpose)) return false;
    if (!EachIsCovered(narrow.dataset(), wide.dataset(), CoversDataset)) return false;
    const std::set<std::string> all = Principals(wide);
    const std::set<std::string> some = Principals(narrow);
    return all.count(std::string(kAnyPrincipal)) > 0 ||
           std::includes(all.begin(), all.end(), some.begin(), some.end());
  }

  static bool CoversDataset(const std::string& wide, const std::string& narrow) {
    if (wide == narrow || wide == "*") return true;
    // Something under PREFIX/ stands for all of it.
    absl::string_view prefix = narrow;
    if (prefix == "*") return false;
    if (!absl::ConsumeSuffix(&prefix, "*")) return DatasetMatches(wide, narrow);
    return absl::EndsWith(wide, "/*") && DatasetMatches(wide, absl::StrCat(prefix, "x"));
  }

  static bool CoversWindow(const Rule& wide, const Rule& narrow) {
    const auto begin = [](const Rule& rule) {
      return rule.has_not_before() ? *ToTime(rule.not_before()) : absl::InfinitePast();
    };
    const auto end = [](const Rule& rule) {
      return rule.has_not_after() ? *ToTime(rule.not_after()) : absl::InfiniteFuture();
    };
    return begin(wide) <= begin(narrow) && end(wide) >= end(narrow);
  }

  // A condition of the wide one keeps it from applying only where one of the narrow one
  // does, too. What is not known keeps neither.
  static bool AppliesByConditions(const Rule& wide, const Rule& narrow) {
    const auto is_met = [&](const Condition& when) {
      return std::any_of(narrow.when().begin(), narrow.when().end(),
                         [&](const Condition& other) { return Implies(other, when); });
    };
    const auto is_avoided = [&](const Condition& unless) {
      return std::any_of(narrow.unless().begin(), narrow.unless().end(),
                         [&](const Condition& other) { return Implies(unless, other); });
    };
    return std::all_of(wide.when().begin(), wide.when().end(), is_met) &&
           std::all_of(wide.unless().begin(), wide.unless().end(), is_avoided);
  }

  const PolicySet& set_;
};

void LintForbids(const PolicyDocument& document, std::vector<Finding>& findings) {
  const PolicySet& set = document.set();
  const ForbidCover cover(set);
  for (int i = 0; i < set.rule_size(); ++i) {
    for (int j = 0; j < set.rule_size(); ++j) {
      if (i == j || !set.rule(i).has_forbid() || !set.rule(j).has_forbid()) continue;
      // Of two that are the same, the later one is superfluous.
      if (!cover.Covers(set.rule(j), set.rule(i)) ||
          (j > i && cover.Covers(set.rule(i), set.rule(j)))) {
        continue;
      }
      findings.push_back(document.root().Child("rule", i).Warning(absl::StrCat(
          "the forbid changes nothing: rule ", Quoted(set.rule(j).id()), " forbids all of it")));
      findings.back().rule_id = set.rule(i).id();
      break;
    }
  }
}

void LintTests(const PolicyDocument& document, const DecisionEngine& engine,
               std::vector<Finding>& findings) {
  const PolicySet& set = document.set();
  if (set.test_size() == 0) return;  // which Lint() has said
  const std::set<std::string> deciding = DecidingRules(document, engine);
  for (int i = 0; i < set.rule_size(); ++i) {
    if (deciding.count(set.rule(i).id()) > 0) continue;
    findings.push_back(document.root().Child("rule", i).Warning("no test is decided by the rule"));
    findings.back().rule_id = set.rule(i).id();
  }
}

}  // namespace

std::vector<Finding> LintEffects(const PolicyDocument& document, const Schema* schema) {
  std::vector<Finding> findings;
  const DecisionEngine engine(document, Digest{});
  LintTests(document, engine, findings);
  LintForbids(document, findings);
  PermitEffects by_class(document, engine, nullptr);
  PermitEffects by_column(document, engine, schema);
  absl::Status status = by_class.Try();
  if (status.ok()) by_class.Report(findings);
  if (status.ok() && schema != nullptr) {
    status = by_column.Try();
    if (status.ok()) by_column.ReportOfSchema(by_class, findings);
  }
  if (!status.ok()) {
    findings.push_back(document.root().Warning(
        absl::StrCat("permits without effect were not looked for: ", status.message())));
  }
  return findings;
}

}  // namespace sealtrain::policy::internal
