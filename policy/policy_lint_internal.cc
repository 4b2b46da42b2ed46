#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/asked_names.h"
#include "sealtrain/policy/conditions_internal.h"
#include "sealtrain/policy/decision_engine_internal.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/obligations_internal.h"
#include "sealtrain/policy/policy_check_internal.h"

namespace sealtrain::policy::internal {
namespace {

constexpr double kLargeEpsilon = 10;
constexpr double kLargeDelta = 1e-3;
constexpr absl::Duration kLongInspection = absl::Hours(7 * 24);

bool HasAction(const Rule& rule, Action action) {
  return std::count(rule.scope().action().begin(), rule.scope().action().end(), action) > 0;
}

bool HasObligation(const Rule& rule, Obligation::KindCase kind) {
  const auto& obligations = rule.permit().obligation();
  return std::any_of(obligations.begin(), obligations.end(),
                     [kind](const Obligation& one) { return one.kind_case() == kind; });
}

class Linter {
 public:
  explicit Linter(const PolicyDocument& document) : set_(document.set()), root_(document.root()) {}

  std::vector<Finding> Run(std::optional<std::uint64_t> subjects) {
    subjects_ = subjects;
    if (set_.test_size() == 0) {
      Warn(root_, "the set has no tests: it cannot be put into force");
    }
    WarnOfLookAlike(root_, "the set's `id`", set_.id(), "id");
    WarnOfLookAlike(root_, "the set's `author`", set_.author(), "author");
    LintPurposes();
    for (const Group& group : set_.group()) groups_.insert(group.name());
    LintGroups();
    LintApprovers();
    for (int i = 0; i < set_.rule_size(); ++i) LintRule(set_.rule(i), root_.Child("rule", i));
    for (int i = 0; i < set_.test_size(); ++i) {
      LintPrincipal(root_.Child("test", i).Child("request"), set_.test(i).request().principal(),
                    "principal");
    }
    return std::move(findings_);
  }

 private:
  void Warn(const Place& place, const std::string& message, const char* field = nullptr,
            int index = -1) {
    findings_.push_back(place.Warning(message, field, index));
    findings_.back().rule_id = rule_id_;
  }

  // Of names that only people read: of two that look alike, they take the one for the other.
  void WarnOfLookAlike(const Place& place, absl::string_view what, absl::string_view name,
                       const char* field) {
    for (absl::string_view rest = name; !rest.empty();) {
      const std::optional<char32_t> point = TakeCodePoint(rest);
      if (!point) return;  // not UTF-8, which is an error
      if (*point < 0x80) continue;
      return Warn(
          place,
          absl::StrFormat("%s %s has U+%04X, which may look like another letter: ASCII only "
                          "is safe to read",
                          what, Quoted(name), static_cast<std::uint32_t>(*point)),
          field);
    }
  }

  // Of names that custody takes from those who ask.
  void WarnOfWord(const Place& place, absl::string_view nobody, absl::string_view name,
                  const char* field, int index = -1) {
    if (IsWord(name)) return;
    Warn(place, absl::StrCat(nobody, " ", Quoted(name), ": ASCII without spaces only"), field,
         index);
  }

  // Of a name in a place that could have been meant for others.
  void LintPrincipal(const Place& place, absl::string_view name, const char* field,
                     int index = -1) {
    WarnOfWord(place, "nobody can ask as", name, field, index);
    if (groups_.count(std::string(name)) == 0) return;
    Warn(place,
         absl::StrCat(Quoted(name), " is one principal, not the group of that name, which is ",
                      Quoted(absl::StrCat(kGroupPrefix, name))),
         field, index);
  }

  void LintPurposes() {
    for (int i = 0; i < set_.purpose_size(); ++i) {
      WarnOfWord(root_, "nobody can ask for", set_.purpose(i), "purpose", i);
      const bool used = std::any_of(set_.rule().begin(), set_.rule().end(), [&](const Rule& rule) {
        const auto& scopes = rule.scope().purpose();
        return std::any_of(scopes.begin(), scopes.end(), [&](const std::string& scope) {
          return PurposeLiesUnder(set_.purpose(i), scope);
        });
      });
      if (!used) {
        Warn(root_, absl::StrCat("no rule speaks of purpose ", Quoted(set_.purpose(i))), "purpose",
             i);
      }
    }
  }

  // Where requests are approved, one's own must be told from another's.
  void LintApprovers() {
    const auto asks = [](const Condition& condition) { return condition.has_approvals_at_least(); };
    const bool used = std::any_of(set_.rule().begin(), set_.rule().end(), [&](const Rule& rule) {
      return std::any_of(rule.when().begin(), rule.when().end(), asks) ||
             std::any_of(rule.unless().begin(), rule.unless().end(), asks);
    });
    for (int i = 0; i < set_.approval().approver_size(); ++i) {
      const Approver& approver = set_.approval().approver(i);
      const Place place = root_.Child("approval").Child("approver", i);
      WarnOfWord(place, "nobody can approve as", approver.name(), "name");
      if (approver.has_principal()) {
        LintPrincipal(place, approver.principal(), "principal");
      }
      if (!used || approver.has_principal()) continue;
      Warn(place,
           absl::StrCat("approver ", Quoted(approver.name()),
                        " has no `principal`: a request of their own counts as another's unless "
                        "they ask by that name"));
    }
  }

  void LintGroups() {
    std::set<std::string> used;
    for (const Rule& rule : set_.rule()) {
      for (const std::string& principal : rule.scope().principal()) {
        absl::string_view name = principal;
        if (absl::ConsumePrefix(&name, kGroupPrefix)) used.insert(std::string(name));
      }
    }
    for (int i = 0; i < set_.group_size(); ++i) {
      const Place place = root_.Child("group", i);
      WarnOfLookAlike(place, "the group's `name`", set_.group(i).name(), "name");
      for (int j = 0; j < set_.group(i).member_size(); ++j) {
        LintPrincipal(place, set_.group(i).member(j), "member", j);
      }
      if (used.count(set_.group(i).name()) == 0) {
        Warn(place, absl::StrCat("no rule speaks of group ", Quoted(set_.group(i).name())));
      }
      if (set_.group(i).member().empty()) empty_groups_.insert(set_.group(i).name());
    }
  }

  void LintRule(const Rule& rule, const Place& place) {
    rule_id_ = rule.id();
    WarnOfLookAlike(place, "the rule's `id`", rule.id(), "id");
    if (!CanMatchAnybody(rule.scope())) {
      Warn(place, "the rule can never match: its groups have no members");
    }
    if (!WindowMeetsTheSets(rule)) {
      Warn(place, "the rule can never match: its window lies outside the set's");
    }
    LintNames(rule.scope(), place.Child("scope"));
    LintConditions(rule, place);
    if (rule.has_permit()) LintPermit(rule, place);
    rule_id_.clear();
  }

  bool CanMatchAnybody(const Scope& scope) const {
    return std::any_of(scope.principal().begin(), scope.principal().end(),
                       [&](const std::string& principal) {
                         absl::string_view name = principal;
                         return !absl::ConsumePrefix(&name, kGroupPrefix) ||
                                empty_groups_.count(std::string(name)) == 0;
                       });
  }

  bool WindowMeetsTheSets(const Rule& rule) const {
    absl::Time begin = absl::InfinitePast();
    absl::Time end = absl::InfiniteFuture();
    if (rule.has_not_before()) begin = std::max(begin, *ToTime(rule.not_before()));
    if (set_.has_not_before()) begin = std::max(begin, *ToTime(set_.not_before()));
    if (rule.has_not_after()) end = std::min(end, *ToTime(rule.not_after()));
    if (set_.has_not_after()) end = std::min(end, *ToTime(set_.not_after()));
    return begin < end;
  }

  // Those that can never tell one request from another.
  void LintConditions(const Rule& rule, const Place& place) {
    const auto lint = [&](const auto& conditions, const char* field) {
      for (int i = 0; i < conditions.size(); ++i) {
        const Condition& condition = conditions.Get(i);
        const std::string text = absl::StrCat("`", ConditionText(condition), "`");
        if (condition.kind_case() == Condition::kRowsAtLeast && condition.rows_at_least() == 0) {
          Warn(place, absl::StrCat(text, " is true of every data set"), field, i);
        }
        if (condition.trust_at_least() == PLAIN) {
          Warn(place, absl::StrCat(text, " is true of whoever asks"), field, i);
        }
        for (int j = 0; j < conditions.size(); ++j) {
          const Condition& other = conditions.Get(j);
          const bool is_when = &conditions == &rule.when();
          const auto covers = [is_when](const Condition& a, const Condition& b) {
            return is_when ? Implies(a, b) : Implies(b, a);
          };
          // Of two that are the same, the later one is superfluous.
          if (i == j || !covers(other, condition) || (j > i && covers(condition, other))) continue;
          Warn(place, absl::StrCat(text, " changes nothing beside `", ConditionText(other), "`"),
               field, i);
          break;
        }
      }
    };
    lint(rule.when(), "when");
    lint(rule.unless(), "unless");
    if (!rule.has_forbid()) return;  // of a permit, that it never allows anything is said
    for (const Condition& when : rule.when()) {
      for (int i = 0; i < rule.unless_size(); ++i) {
        if (!Implies(when, rule.unless(i))) continue;
        Warn(place,
             absl::StrCat("the forbid never applies where this is known: `", ConditionText(when),
                          "` is true only where `", ConditionText(rule.unless(i)), "` is"),
             "unless", i);
      }
    }
  }

  // Custody takes fewer names than a policy may hold: a rule for another one
  // looks like protection, or like access, and is neither.
  void LintNames(const Scope& scope, const Place& place) {
    for (int i = 0; i < scope.dataset_size(); ++i) {
      absl::string_view name = scope.dataset(i);
      if (name == "*") continue;
      absl::ConsumeSuffix(&name, "/*");
      if (!IsPathName(name)) {
        Warn(place,
             absl::StrCat("no data set can have a name like ", Quoted(scope.dataset(i)),
                          ": parts of a-z, 0-9, '_' and, not in front, '-', joined by '/'"),
             "dataset", i);
      }
    }
    for (int i = 0; i < scope.principal_size(); ++i) {
      const std::string& name = scope.principal(i);
      if (name == kAnyPrincipal || absl::StartsWith(name, kGroupPrefix)) continue;
      LintPrincipal(place, name, "principal", i);
    }
  }

  void LintPermit(const Rule& rule, const Place& place) {
    if (HasAction(rule, TRAIN)) LintTraining(rule, place);
    if (HasAction(rule, INSPECT)) LintInspection(rule, place);
    if (HasAction(rule, EXPORT_MODEL) && !HasObligation(rule, Obligation::kRelease)) {
      Warn(place, "the permit lets models leave under no `release` of its own");
    }
    LintFactsOfExport(rule, place);
    const Scope& scope = rule.scope();
    if (!rule.has_not_after() && !set_.has_not_after()) {
      Warn(place, "the permit never ends: neither it nor the set has `not_after`");
    }
    for (int i = 0; i < scope.principal_size(); ++i) {
      if (scope.principal(i) == kAnyPrincipal) {
        Warn(place.Child("scope"), "the permit is for anybody", "principal", i);
      }
    }
    const ClassMask classes = MaskOfAll(scope.data_class());
    for (int i = 0; i < scope.action_size(); ++i) {
      const auto action = static_cast<Action>(scope.action(i));
      if (classes == 0 && (ActionTakesColumns(action) || ActionUsesModel(action))) {
        Warn(place.Child("scope"),
             absl::StrCat("the permit covers no data class, so ", Action_Name(action), " gets no ",
                          ActionTakesColumns(action) ? "column" : "model", " by it"),
             "action", i);
      }
    }
    for (int i = 0; i < rule.permit().obligation_size(); ++i) {
      LintObligation(rule, rule.permit().obligation(i),
                     place.Child("permit").Child("obligation", i));
    }
  }

  void LintTraining(const Rule& rule, const Place& place) {
    if (rule.permit().obligation().empty()) {
      Warn(place, "the permit lets TRAIN happen without any obligation");
    } else if (!HasObligation(rule, Obligation::kDp) &&
               !HasObligation(rule, Obligation::kRelease)) {
      // With a `release`, a model of a run without differential privacy never leaves.
      Warn(place,
           "the permit lets TRAIN happen without differential privacy, and its models leave");
    }
  }

  // What is never known of an export never lets it happen.
  void LintFactsOfExport(const Rule& rule, const Place& place) {
    if (!HasAction(rule, EXPORT_MODEL)) return;
    const auto lint = [&](const auto& conditions, const char* field) {
      for (int i = 0; i < conditions.size(); ++i) {
        const Condition::KindCase kind = conditions.Get(i).kind_case();
        if (kind != Condition::kRowsAtLeast && kind != Condition::kDatasetAgeBelow) continue;
        Warn(place,
             "EXPORT_MODEL never happens by the permit: rows and age are not known of the data "
             "that a model learned from",
             field, i);
      }
    };
    lint(rule.when(), "when");
    lint(rule.unless(), "unless");
  }

  void LintInspection(const Rule& rule, const Place& place) {
    const auto begin = [](const auto& windowed) {
      return windowed.has_not_before() ? *ToTime(windowed.not_before()) : absl::InfinitePast();
    };
    const auto end = [](const auto& windowed) {
      return windowed.has_not_after() ? *ToTime(windowed.not_after()) : absl::InfiniteFuture();
    };
    if (std::min(end(rule), end(set_)) - std::max(begin(rule), begin(set_)) > kLongInspection) {
      Warn(place, "the permit lets people look at records for more than seven days on end");
    }
  }

  // Of `dp` or `release`.
  template <class WithPrivacy>
  void LintDelta(const Rule& rule, const WithPrivacy& duty, const Place& place) {
    if (subjects_ && duty.delta_max() > 1 / static_cast<double>(*subjects_)) {
      Warn(place, absl::StrCat("a delta above 1/", *subjects_, " may expose a whole subject"),
           "delta_max");
    }
    if (duty.unit() != RECORD) return;  // how many subjects there are, no rule says
    for (const Condition& condition : rule.when()) {
      if (condition.kind_case() != Condition::kRowsAtLeast || condition.rows_at_least() == 0) {
        continue;
      }
      if (duty.delta_max() > 1 / static_cast<double>(condition.rows_at_least())) {
        Warn(place,
             absl::StrCat("a delta above 1/", condition.rows_at_least(),
                          " may expose a whole record of the data sets that the rule asks for"),
             "delta_max");
      }
    }
  }

  // Of `dp` or `release`.
  template <class WithPrivacy>
  void LintPrivacy(const WithPrivacy& duty, const Place& place) {
    if (duty.epsilon_max() > kLargeEpsilon) {
      Warn(place, absl::StrCat("an epsilon above ", kLargeEpsilon, " promises next to nothing"),
           "epsilon_max");
    }
    if (duty.delta_max() > kLargeDelta) {
      Warn(place,
           absl::StrCat("a delta above ", kLargeDelta,
                        " lets more than one person in a thousand be exposed outright"),
           "delta_max");
    }
  }

  // Of a transform or a text scan.
  template <class WithClasses>
  void LintOnClass(const Rule& rule, const WithClasses& duty, const Place& place) {
    for (int i = 0; i < duty.on_class_size(); ++i) {
      const auto c = static_cast<DataClass>(duty.on_class(i));
      if ((MaskOfAll(rule.scope().data_class()) & MaskOf(c)) == 0) {
        Warn(place, absl::StrCat("the rule's scope does not cover ", DataClassName(c)), "on_class",
             i);
      }
    }
  }

  void LintObligation(const Rule& rule, const Obligation& obligation, const Place& place) {
    std::set<int> seen;
    for (const int number : rule.scope().action()) {
      const auto action = static_cast<Action>(number);
      if (seen.insert(number).second && !CanCarryOut(action, obligation.kind_case())) {
        Warn(place, absl::StrCat(Action_Name(action), " cannot carry out `",
                                 ObligationName(obligation.kind_case()),
                                 "`: the rule makes it impossible wherever it matches"));
      }
    }
    if (obligation.has_transform()) {
      LintOnClass(rule, obligation.transform(), place.Child("transform"));
    } else if (obligation.has_text_scan()) {
      LintOnClass(rule, obligation.text_scan(), place.Child("text_scan"));
    }
    if (obligation.has_release()) {
      LintPrivacy(obligation.release(), place.Child("release"));
      LintDelta(rule, obligation.release(), place.Child("release"));
    }
    if (!obligation.has_dp()) return;
    const Place at = place.Child("dp");
    LintPrivacy(obligation.dp(), at);
    LintDelta(rule, obligation.dp(), at);
    if (obligation.dp().epsilon_max() > obligation.dp().ledger_epsilon()) {
      Warn(at, "one run may spend more than the ledger holds", "epsilon_max");
    }
  }

  const PolicySet& set_;
  const Place root_;
  std::vector<Finding> findings_;
  std::string rule_id_;  // of the rule that is being linted
  std::set<std::string> groups_;
  std::set<std::string> empty_groups_;
  std::optional<std::uint64_t> subjects_;
};

}  // namespace

std::vector<Finding> Lint(const PolicyDocument& document, std::optional<std::uint64_t> subjects) {
  return Linter(document).Run(subjects);
}

}  // namespace sealtrain::policy::internal
