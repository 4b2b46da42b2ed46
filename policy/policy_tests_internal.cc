#include "sealtrain/policy/policy_tests_internal.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "sealtrain/policy/conditions_internal.h"
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

// What differs from the expectation, one sentence each.
std::vector<std::string> Differences(const Expect& expect, const Decision& decision) {
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
      differences.push_back(absl::StrCat("epsilon_max is ", decision.dp->epsilon_max(), ", not ",
                                         expect.epsilon_max()));
    }
  }
  return differences;
}

bool AllPass(const PolicySet& set) {
  const PolicyDocument document(set);
  const DecisionEngine engine(document, Digest{});
  const std::vector<TestResult> results = RunTests(document, engine);
  return std::all_of(results.begin(), results.end(),
                     [](const TestResult& result) { return result.passed; });
}

using Conditions = google::protobuf::RepeatedPtrField<Condition>;

Condition TakeOut(Conditions& conditions, int index) {
  Condition condition = conditions.Get(index);
  conditions.DeleteSubrange(index, 1);
  return condition;
}

// What the tests in the scope of the rule made of each of its conditions, and
// what becomes of the tests without it.
class ConditionProbe {
 public:
  ConditionProbe(const PolicySet& set, const RuleIndex& index, const std::vector<Request>& requests)
      : set_(set), index_(index), requests_(requests) {}

  void Probe(int rule, const RuleRef& ref, std::vector<ConditionCoverage>& coverage) const {
    const std::vector<Request> in_scope = RequestsInScopeOf(rule);
    for (const bool is_unless : {false, true}) {
      const Conditions& conditions = is_unless ? set_.rule(rule).unless() : set_.rule(rule).when();
      for (int i = 0; i < conditions.size(); ++i) {
        ConditionCoverage& covered = coverage.emplace_back();
        covered.rule = ref;
        covered.text = absl::StrCat(is_unless ? "unless " : "when ", ConditionText(conditions[i]));
        for (const Request& request : in_scope) {
          (Evaluate(conditions[i], request) == Truth::kTrue ? covered.held : covered.failed) = true;
        }
        PolicySet mutant = set_;
        Rule& mutated = *mutant.mutable_rule(rule);
        Conditions& from = is_unless ? *mutated.mutable_unless() : *mutated.mutable_when();
        Conditions& to = is_unless ? *mutated.mutable_when() : *mutated.mutable_unless();
        Condition condition = TakeOut(from, i);
        covered.removal_noticed = !AllPass(mutant);
        *to.Add() = std::move(condition);
        covered.inversion_noticed = !AllPass(mutant);
      }
    }
  }

 private:
  std::vector<Request> RequestsInScopeOf(int rule) const {
    const RuleIndex::Kind kind =
        set_.rule(rule).has_permit() ? RuleIndex::Kind::kPermit : RuleIndex::Kind::kForbid;
    std::vector<Request> in_scope;
    for (const Request& request : requests_) {
      index_.ForEachInScope(kind, request, [&](std::size_t number) {
        if (number == static_cast<std::size_t>(rule)) in_scope.push_back(request);
      });
    }
    return in_scope;
  }

  const PolicySet& set_;
  const RuleIndex& index_;
  const std::vector<Request>& requests_;
};

}  // namespace

std::vector<TestResult> RunTests(const PolicyDocument& document, const DecisionEngine& engine) {
  const PolicySet& set = document.set();
  std::vector<TestResult> results;
  for (int i = 0; i < set.test_size(); ++i) {
    const Test& test = set.test(i);
    const std::vector<std::string> differences =
        Differences(test.expect(), engine.Decide(ToRequest(set, test.request())));
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
  const PolicySet& set = document.set();
  TestReport report{.tests = RunTests(document, engine), .rules = {}, .conditions = {}};
  if (!std::all_of(report.tests.begin(), report.tests.end(),
                   [](const TestResult& result) { return result.passed; })) {
    return report;
  }
  const std::set<std::string> deciding = DecidingRules(document, engine);
  std::vector<Request> requests;
  for (const Test& test : set.test()) requests.push_back(ToRequest(set, test.request()));
  const RuleIndex index(set);
  const ConditionProbe probe(set, index, requests);
  for (int i = 0; i < set.rule_size(); ++i) {
    const RuleRef ref{.id = set.rule(i).id(), .line = document.RuleLine(i)};
    report.rules.push_back({.rule = ref, .decided = deciding.count(ref.id) > 0});
    probe.Probe(i, ref, report.conditions);
  }
  return report;
}

}  // namespace sealtrain::policy::internal
