#include "sealtrain/policy/policy_tests_internal.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "sealtrain/base/number_text.h"
#include "sealtrain/policy/conditions_internal.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/mutants_internal.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/obligations_internal.h"
#include "sealtrain/policy/rule_index_internal.h"

namespace sealtrain::policy::internal {
namespace {

absl::Time TestTime(const PolicySet& set, const TestRequest& request) {
  if (request.has_now()) return *ToTime(request.now());
  if (set.has_not_before()) return *ToTime(set.not_before());
  return absl::FromCivil(absl::CivilDay(2000, 1, 1), absl::UTCTimeZone());
}

Request ToRequest(const PolicySet& set, const TestRequest& test) {
  Request request;
  request.principal = test.principal();
  request.action = test.action();
  request.dataset = test.dataset();
  request.purpose = test.purpose();
  for (const TestColumn& test_column : test.column()) {
    RequestedColumn column{.name = test_column.name(), .classes = {}, .applied = std::nullopt};
    for (const int c : test_column.data_class())
      column.classes.push_back(static_cast<DataClass>(c));
    if (test_column.has_applied()) column.applied = test_column.applied();
    request.columns.push_back(std::move(column));
  }
  for (const int c : test.model_class()) {
    request.model_classes.push_back(static_cast<DataClass>(c));
  }
  if (request.model_classes.empty()) request.model_classes = UnionOfClasses(request.columns);
  request.trust = test.trust();
  if (test.has_rows()) request.rows = test.rows();
  if (test.has_dataset_age()) request.dataset_age = ToDuration(test.dataset_age());
  if (test.has_approvals()) request.approvals = test.approvals();
  request.now = TestTime(set, test);
  return request;
}

// What `decision` has of one kind of obligation, against what is expected.
template <typename T>
std::string Shortfall(const std::optional<T>& met, const T& expected) {
  if (!met) return "there is none";
  if (StrictestOf(*met, expected).SerializeAsString() == met->SerializeAsString()) return "";
  return absl::StrCat("it is ", met->ShortDebugString());
}

template <typename T>
std::string ShortfallOfLimit(const std::optional<T>& met, const T& expected) {
  if (!met) return "there is none";
  return *met <= expected ? "" : "it is longer or larger";
}

// What the permits that allowed it ask to be done to the column. Of what opens, the plan says
// how the column comes out; how it had to be sealed for that is the question.
Transform RequiredTransform(const PolicySet& set, const ColumnPlan& plan) {
  std::vector<const Transform*> asked;
  for (const Rule& rule : set.rule()) {
    const auto& from = plan.from_rules;
    if (std::find(from.begin(), from.end(), rule.id()) == from.end()) continue;
    for (const Obligation& obligation : rule.permit().obligation()) {
      const Transform& transform = obligation.transform();
      if ((MaskOfAll(transform.on_class()) & MaskOfAll(plan.classes)) != 0) {
        asked.push_back(&transform);
      }
    }
  }
  Transform required;
  required.set_kind(KEEP);
  Transform made;
  if (!asked.empty()) required = *StrictestOf(asked, made);  // they meet, as the column is allowed
  return required;
}

std::string ShortfallOfTransform(const Transform& expected, const PolicySet& set,
                                 const Decision& decision) {
  for (const ColumnPlan& plan : decision.columns) {
    if ((MaskOfAll(plan.classes) & MaskOfAll(expected.on_class())) == 0) continue;
    const Transform required = RequiredTransform(set, plan);
    if (!IsAtLeastAsStrict(required, expected)) {
      return absl::StrCat("column ", Quoted(plan.name), " need only be under ",
                          DescribeTransform(required));
    }
  }
  return "";
}

std::string ShortfallOfScan(const TextScan& expected, const Decision& decision) {
  for (const ColumnPlan& plan : decision.columns) {
    if ((MaskOfAll(plan.classes) & MaskOfAll(expected.on_class())) == 0) continue;
    if (plan.transform.kind() != KEEP) continue;  // no text is left of it
    for (const int number : expected.look_for()) {
      const auto kind = static_cast<TextScan::Kind>(number);
      const auto then = plan.scan.find(kind);
      if (then == plan.scan.end() || then->second < expected.then()) {
        return absl::StrCat(
            "column ", Quoted(plan.name), " has ", TextScan::Kind_Name(kind), " ",
            then == plan.scan.end() ? "left in it" : TextScan::Then_Name(then->second));
      }
    }
  }
  return "";
}

// In what an allowing decision is looser than the obligation; empty: in nothing.
std::string Shortfall(const Obligation& expected, const PolicySet& set, const Decision& decision) {
  switch (expected.kind_case()) {
    case Obligation::kTransform:
      return ShortfallOfTransform(expected.transform(), set, decision);
    case Obligation::kDp:
      return Shortfall(decision.dp, expected.dp());
    case Obligation::kLease:
      return ShortfallOfLimit(decision.lease, *ToDuration(expected.lease()));
    case Obligation::kRetention:
      return ShortfallOfLimit(decision.retention, *ToDuration(expected.retention()));
    case Obligation::kMaxOpens:
      return ShortfallOfLimit(decision.max_opens, std::uint64_t{expected.max_opens()});
    case Obligation::kKAnonymity:
      return Shortfall(decision.k_anonymity, expected.k_anonymity());
    case Obligation::kTextScan:
      return ShortfallOfScan(expected.text_scan(), decision);
    case Obligation::kRelease:
      return Shortfall(decision.release, expected.release());
    case Obligation::KIND_NOT_SET:
      break;
  }
  return "it is empty";
}

// What differs from the expectation, one sentence each.
std::vector<std::string> Differences(const Expect& expect, const PolicySet& set,
                                     const Decision& decision) {
  std::vector<std::string> differences;
  if (expect.allow() != decision.allow) {
    differences.push_back(decision.allow
                              ? "expected deny, got allow"
                              : absl::StrCat("expected allow, got deny (", decision.reason_code,
                                             "): ", decision.reason));
    return differences;
  }
  for (const std::string& id : expect.determining_rule()) {
    const bool there =
        std::any_of(decision.determining_rules.begin(), decision.determining_rules.end(),
                    [&](const RuleRef& ref) { return ref.id == id; });
    if (!there) differences.push_back(absl::StrCat("rule ", Quoted(id), " did not determine it"));
  }
  const auto is_dropped = [&decision](const std::string& name) {
    return std::any_of(
        decision.columns.begin(), decision.columns.end(),
        [&](const ColumnPlan& plan) { return plan.name == name && plan.transform.kind() == DROP; });
  };
  for (const std::string& name : expect.column_dropped()) {
    if (!is_dropped(name)) differences.push_back(absl::StrCat("column ", Quoted(name), " is kept"));
  }
  for (const std::string& name : expect.column_opened()) {
    if (is_dropped(name))
      differences.push_back(absl::StrCat("column ", Quoted(name), " is dropped"));
  }
  if (expect.has_epsilon_max()) {
    if (!decision.dp) {
      differences.push_back("there is no differential privacy obligation");
    } else if (decision.dp->epsilon_max() != expect.epsilon_max()) {
      differences.push_back(absl::StrCat("epsilon_max is ", NumberText(decision.dp->epsilon_max()),
                                         ", not ", NumberText(expect.epsilon_max())));
    }
  }
  for (const Obligation& expected : expect.obligation()) {
    const std::string shortfall = Shortfall(expected, set, decision);
    if (shortfall.empty()) continue;
    differences.push_back(
        absl::StrCat("expected { ", expected.ShortDebugString(), " }, but ", shortfall));
  }
  return differences;
}

bool AllPass(const std::vector<TestResult>& results) {
  return std::all_of(results.begin(), results.end(),
                     [](const TestResult& result) { return result.passed; });
}

// The tests whose requests lie in the scope of a rule, and the set without all that
// these do not look at: other tests, and rules with none of them in scope.
struct Surroundings {
  std::vector<const Request*> requests;
  PolicySet set;
  int rule = 0;  // where the rule lies in `set`
};

class TestScopes {
 public:
  TestScopes(const PolicySet& set, const std::vector<Request>& requests)
      : set_(set), requests_(requests), head_(set) {
    head_.clear_rule();
    head_.clear_test();
    const RuleIndex index(set);
    tests_of_.resize(static_cast<std::size_t>(set.rule_size()));
    for (std::size_t test = 0; test < requests.size(); ++test) {
      std::vector<std::size_t>& rules = rules_of_.emplace_back();
      index.ForEachInScope(RuleIndex::Kind::kAny, requests[test], [&](std::size_t rule) {
        rules.push_back(rule);
        tests_of_[rule].push_back(test);
      });
    }
  }

  Surroundings Of(int rule) const {
    Surroundings around{.requests = {}, .set = head_};
    std::set<std::size_t> rules;
    for (const std::size_t test : tests_of_[static_cast<std::size_t>(rule)]) {
      around.requests.push_back(&requests_[test]);
      *around.set.add_test() = set_.test(static_cast<int>(test));
      rules.insert(rules_of_[test].begin(), rules_of_[test].end());
    }
    for (const std::size_t other : rules) {
      if (other == static_cast<std::size_t>(rule)) around.rule = around.set.rule_size();
      *around.set.add_rule() = set_.rule(static_cast<int>(other));
    }
    return around;
  }

 private:
  const PolicySet& set_;
  const std::vector<Request>& requests_;
  PolicySet head_;
  std::vector<std::vector<std::size_t>> tests_of_;  // of each rule
  std::vector<std::vector<std::size_t>> rules_of_;  // of each test
};

std::vector<ConditionCoverage> CoverConditions(const Rule& rule, const RuleRef& ref,
                                               const std::vector<const Request*>& requests) {
  std::vector<ConditionCoverage> coverage;
  const auto cover = [&](const char* word, const auto& conditions) {
    for (const Condition& condition : conditions) {
      ConditionCoverage& covered = coverage.emplace_back();
      covered.rule = ref;
      covered.text = absl::StrCat(word, " ", ConditionText(condition));
      for (const Request* request : requests) {
        (Evaluate(condition, *request) == Truth::kTrue ? covered.held : covered.failed) = true;
      }
    }
  };
  cover("when", rule.when());
  cover("unless", rule.unless());
  return coverage;
}

// Some test fails with `mutant` in the place of the rule.
bool IsNoticed(const Surroundings& around, const Mutant& mutant) {
  if (around.requests.empty()) return false;
  PolicySet set = around.set;
  mutant.apply(*set.mutable_rule(around.rule));
  const PolicyDocument document(std::move(set));
  return !AllPass(RunTests(document, DecisionEngine(document, Digest{})));
}

}  // namespace

std::vector<TestResult> RunTests(const PolicyDocument& document, const DecisionEngine& engine) {
  const PolicySet& set = document.set();
  std::vector<TestResult> results;
  for (int i = 0; i < set.test_size(); ++i) {
    const Test& test = set.test(i);
    const std::vector<std::string> differences =
        Differences(test.expect(), set, engine.Decide(ToRequest(set, test.request())));
    results.push_back({.name = test.name(),
                       .line = document.root().Child("test", i).line(),
                       .passed = differences.empty(),
                       .message = absl::StrJoin(differences, "; ")});
  }
  return results;
}

std::set<std::string> DecidingRules(const PolicyDocument& document, const DecisionEngine& engine) {
  std::set<std::string> deciding;
  for (const Test& test : document.set().test()) {
    const Decision decision = engine.Decide(ToRequest(document.set(), test.request()));
    for (const RuleRef& rule : decision.determining_rules) deciding.insert(rule.id);
  }
  return deciding;
}

TestReport ReportTests(const PolicyDocument& document, const DecisionEngine& engine) {
  // A step is one rule that one test has to do with, or four bytes of what these say;
  // this many take seconds.
  constexpr std::uint64_t kMaxSteps = 10'000'000;

  const PolicySet& set = document.set();
  TestReport report;
  report.tests = RunTests(document, engine);
  if (!AllPass(report.tests)) return report;
  const std::set<std::string> deciding = DecidingRules(document, engine);
  std::vector<Request> requests;
  for (const Test& test : set.test()) requests.push_back(ToRequest(set, test.request()));
  const TestScopes scopes(set, requests);
  std::uint64_t steps = 0;
  for (int i = 0; i < set.rule_size(); ++i) {
    const Rule& rule = set.rule(i);
    const RuleRef ref{.id = rule.id(), .line = document.RuleLine(i)};
    report.rules.push_back({.rule = ref, .decided = deciding.count(ref.id) > 0});
    const Surroundings around = scopes.Of(i);
    for (ConditionCoverage& covered : CoverConditions(rule, ref, around.requests)) {
      report.conditions.push_back(std::move(covered));
    }
    const std::uint64_t rules = static_cast<std::uint64_t>(around.set.rule_size());
    const std::uint64_t steps_of_each =
        rules * (around.requests.size() + 4) +  // to make an engine is like a few tests
        around.set.ByteSizeLong() / 4;
    for (const Mutant& mutant : MutantsOf(rule)) {
      steps += steps_of_each;
      if (steps > kMaxSteps) {
        ++report.untried_mutants;
        continue;
      }
      report.mutants.push_back({.rule = ref,
                                .part = mutant.part,
                                .change = mutant.change,
                                .noticed = IsNoticed(around, mutant)});
    }
  }
  return report;
}

}  // namespace sealtrain::policy::internal

namespace sealtrain::policy {

bool TestReport::complete() const {
  const auto all = [](const auto& list, auto is_fine) {
    return std::all_of(list.begin(), list.end(), is_fine);
  };
  return untried_mutants == 0 &&
         all(rules, [](const RuleCoverage& rule) { return rule.decided; }) &&
         all(conditions, [](const ConditionCoverage& c) { return c.complete(); }) &&
         all(mutants, [](const MutantResult& mutant) { return mutant.noticed; });
}

}  // namespace sealtrain::policy
