#include <algorithm>
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
#include "sealtrain/policy/decision_engine_internal.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/obligations_internal.h"
#include "sealtrain/policy/policy_check_internal.h"
#include "sealtrain/policy/policy_tests_internal.h"
#include "sealtrain/policy/request_space_internal.h"
#include "sealtrain/policy/rule_index_internal.h"

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

// What permits come to, found while every cell is looked at.
class PermitEffects {
 public:
  PermitEffects(const PolicyDocument& document, const DecisionEngine& engine)
      : document_(document),
        set_(document.set()),
        index_(set_),
        decide_([&engine](const Request& request) { return engine.Decide(request); }),
        effects_(static_cast<std::size_t>(set_.rule_size())) {}

  void Look(const Cell& cell) {
    std::vector<std::size_t> permits;
    index_.ForEachInScope(RuleIndex::Kind::kPermit, cell.situations.front(),
                          [&](std::size_t number) { permits.push_back(number); });
    for (const Request& situation : cell.situations) {
      const Outcome outcome = OutcomeOf(decide_, cell, situation);
      if (outcome.decision.reason_code == "conflicting_obligations") {
        NoteConflict(permits, outcome.decision.reason);
      }
      for (const std::size_t permit : permits) {
        Effect& effect = effects_[permit];
        effect.in_scope = true;
        if (IsAmong(permit, outcome.decision)) {
          effect.allows = true;
          if (cell.column != nullptr) {
            for (const DataClass c : cell.column->classes) effect.opened.insert({cell.action, c});
          }
        } else if (effect.reason.empty() || outcome.decision.reason_code != "expired") {
          effect.reason = outcome.decision.reason;
        }
        if (!effect.changes_something) {
          effect.changes_something =
              !IsSameOutcome(outcome, OutcomeOf(Without(permit), cell, situation));
        }
      }
    }
  }

  void Report(std::vector<Finding>& findings) const {
    for (int i = 0; i < set_.rule_size(); ++i) {
      const Rule& rule = set_.rule(i);
      const Effect& effect = effects_[static_cast<std::size_t>(i)];
      const auto warn = [&](const std::string& message) {
        findings.push_back(document_.root().Child("rule", i).Warning(message));
        findings.back().rule_id = rule.id();
      };
      if (!effect.conflict.empty()) warn(effect.conflict);
      if (!effect.in_scope) continue;
      if (!effect.allows) {
        warn(absl::StrCat("the permit can never allow anything: ", effect.reason));
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

 private:
  struct Effect {
    bool in_scope = false;
    bool allows = false;
    bool changes_something = false;
    std::string reason;    // of the most demanding denial in its scope
    std::string conflict;  // that it is part of
    std::set<std::pair<Action, DataClass>> opened;
  };

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
    return [engine = &altered->engine](const Request& request) { return engine->Decide(request); };
  }

  struct Altered {
    explicit Altered(PolicySet set) : document(std::move(set)), engine(document, Digest{}) {}
    PolicyDocument document;
    DecisionEngine engine;
  };

  const PolicyDocument& document_;
  const PolicySet& set_;
  const RuleIndex index_;
  const std::function<Decision(const Request&)> decide_;
  std::vector<Effect> effects_;  // by rule
  std::map<std::size_t, std::unique_ptr<Altered>> without_;
};

// Whether one forbid applies wherever another does, as far as that shows
// without deciding anything.
class ForbidCover {
 public:
  explicit ForbidCover(const PolicySet& set) : set_(set) {}

  bool Covers(const Rule& wide, const Rule& narrow) const {
    return CoversScope(wide.scope(), narrow.scope()) && CoversWindow(wide, narrow) &&
           AreAmong(wide.when(), narrow.when()) && AreAmong(wide.unless(), narrow.unless());
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

  template <class Conditions>
  static bool AreAmong(const Conditions& some, const Conditions& all) {
    return std::all_of(some.begin(), some.end(), [&](const Condition& condition) {
      return std::any_of(all.begin(), all.end(), [&](const Condition& other) {
        return TextOf(condition) == TextOf(other);
      });
    });
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

std::vector<Finding> LintEffects(const PolicyDocument& document) {
  std::vector<Finding> findings;
  const DecisionEngine engine(document, Digest{});
  LintTests(document, engine, findings);
  LintForbids(document, findings);
  const RequestSpace space({&document.set()}, /*schema=*/nullptr, {}, kMaxLintDecisions);
  PermitEffects effects(document, engine);
  const absl::Status status =
      space.ForEachCell([&effects](const Cell& cell) { effects.Look(cell); });
  if (status.ok()) {
    effects.Report(findings);
  } else {
    findings.push_back(document.root().Warning(
        absl::StrCat("permits without effect were not looked for: ", status.message())));
  }
  return findings;
}

}  // namespace sealtrain::policy::internal
