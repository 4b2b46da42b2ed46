#include "sealtrain/policy/loaded_policy.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/policy/decision_engine_internal.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/policy_check_internal.h"
#include "sealtrain/policy/policy_document_internal.h"
#include "sealtrain/policy/policy_tests_internal.h"

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
  return internal::RunTests(*impl_->document, impl_->engine);
}

TestReport LoadedPolicy::ReportTests() const {
  return internal::ReportTests(*impl_->document, impl_->engine);
}

std::vector<Finding> Check(absl::string_view text, absl::string_view, const Schema* schema,
                           std::optional<std::uint64_t> subjects) {
  const PolicyDocument document(text);
  std::vector<Finding> findings = Errors(document);
  if (findings.empty()) {
    findings = internal::Lint(document, subjects);
    for (Finding& finding : internal::LintEffects(document, schema)) {
      findings.push_back(std::move(finding));
    }
  }
  SortByPlace(findings);
  return findings;
}

std::vector<DataClass> UnionOfClasses(const std::vector<RequestedColumn>& columns) {
  std::set<DataClass> classes;
  for (const RequestedColumn& column : columns) {
    classes.insert(column.classes.begin(), column.classes.end());
  }
  return {classes.begin(), classes.end()};
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
