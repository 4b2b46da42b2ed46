#include "sealtrain/policy/loaded_policy.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/policy/decision_engine_internal.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/obligations_internal.h"
#include "sealtrain/policy/policy_check_internal.h"
#include "sealtrain/policy/policy_document_internal.h"

namespace sealtrain::policy {
namespace {

using internal::DecisionEngine;
using internal::PolicyDocument;
using internal::Quoted;

void SortByPlace(std::vector<Finding>& findings) {
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
}

// All errors of the document.
std::vector<Finding> Errors(const PolicyDocument& document) {
  std::vector<Finding> findings = document.syntax_errors();
  if (findings.empty()) findings = internal::CheckMeaning(document);
  SortByPlace(findings);
  return findings;
}

absl::Time TestTime(const PolicySet& set, const TestRequest& request) {
  if (request.has_now()) return *internal::ToTime(request.now());
  if (set.has_not_before()) return *internal::ToTime(set.not_before());
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
  request.trust = test.trust();
  if (test.has_rows()) request.rows = test.rows();
  if (test.has_dataset_age()) request.dataset_age = internal::ToDuration(test.dataset_age());
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

}  // namespace

struct LoadedPolicy::Impl {
  Impl(std::unique_ptr<const PolicyDocument> parsed, const Digest& digest)
      : document(std::move(parsed)), sha256(digest), engine(*document, sha256) {}

  std::unique_ptr<const PolicyDocument> document;
  Digest sha256;
  DecisionEngine engine;
};

LoadedPolicy::LoadedPolicy(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LoadedPolicy::LoadedPolicy(LoadedPolicy&&) noexcept = default;
LoadedPolicy& LoadedPolicy::operator=(LoadedPolicy&&) noexcept = default;
LoadedPolicy::~LoadedPolicy() = default;

absl::StatusOr<LoadedPolicy> LoadedPolicy::Load(absl::string_view text,
                                                absl::string_view file_name) {
  auto document = std::make_unique<const PolicyDocument>(text);
  if (const std::vector<Finding> errors = Errors(*document); !errors.empty()) {
    const Finding& first = errors.front();
    std::string rule;
    if (!first.rule_id.empty()) rule = absl::StrCat("rule ", Quoted(first.rule_id), ": ");
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ":", first.line, ":", first.column, ": ", rule, first.message));
  }
  return LoadedPolicy(std::make_unique<Impl>(std::move(document), crypto::Sha256(AsBytes(text))));
}

const PolicySet& LoadedPolicy::proto() const { return impl_->document->set(); }
const Digest& LoadedPolicy::sha256() const { return impl_->sha256; }

Decision LoadedPolicy::Decide(const Request& request) const {
  return impl_->engine.Decide(request);
}

std::vector<TestResult> LoadedPolicy::RunTests() const {
  std::vector<TestResult> results;
  for (int i = 0; i < proto().test_size(); ++i) {
    const Test& test = proto().test(i);
    const std::vector<std::string> differences =
        Differences(test.expect(), Decide(ToRequest(proto(), test.request())));
    results.push_back({.name = test.name(),
                       .line = impl_->document->root().Child("test", i).line(),
                       .passed = differences.empty(),
                       .message = absl::StrJoin(differences, "; ")});
  }
  return results;
}

std::vector<Finding> Check(absl::string_view text, absl::string_view, const Schema* schema) {
  const PolicyDocument document(text);
  std::vector<Finding> findings = Errors(document);
  if (findings.empty()) findings = internal::Lint(document, schema);
  SortByPlace(findings);
  return findings;
}

Request SealRequestFor(const Schema& schema) {
  Request request;
  request.action = SEAL;
  for (const Column& column : schema.columns()) {
    request.columns.push_back(
        {.name = column.name, .classes = column.classes, .applied = std::nullopt});
  }
  return request;
}

}  // namespace sealtrain::policy
