// Policy text: loading, checking, testing and deciding end without a crash;
// Load and Check agree on what is an error; pages hold no control characters.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/policy_format.h"

namespace {

using namespace sealtrain::policy;  // NOLINT: the whole file is about it

void Require(bool condition) {
  if (!condition) std::abort();
}

// Requests in the words of the policy itself, so that its rules come to match.
void DecideAll(const LoadedPolicy& policy) {
  for (const Rule& rule : policy.proto().rule()) {
    Request request;
    request.action = static_cast<Action>(rule.scope().action(0));
    request.principal = rule.scope().principal(0) == "any" ? "p" : rule.scope().principal(0);
    // A name that the pattern matches.
    request.dataset = absl::StrReplaceAll(rule.scope().dataset(0), {{"*", "x"}});
    request.purpose = rule.scope().purpose(0);
    request.trust = SANDBOXED;
    request.rows = 1000;
    request.now = absl::FromUnixSeconds(1700000000);
    RequestedColumn column{.name = "c", .classes = {}, .applied = std::nullopt};
    for (const int c : rule.scope().data_class())
      column.classes.push_back(static_cast<sealtrain::DataClass>(c));
    request.columns.push_back(column);
    const Decision unknown = policy.Decide(request);
    Require(!unknown.allow || unknown.columns.size() == 1);
    request.columns[0].applied.emplace();
    request.columns[0].applied->set_kind(KEEP);
    const Decision decision = policy.Decide(request);
    Require(decision.allow == (decision.reason_code == "allowed"));
    Require(decision.allow || decision.columns.empty());
    for (const char c : ExplainDecision(request, decision)) {
      Require(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<Finding> findings = Check(text, "f", nullptr);
  const absl::StatusOr<LoadedPolicy> policy = LoadedPolicy::Load(text, "f");
  bool has_error = false;
  for (const Finding& finding : findings) {
    has_error = has_error || finding.severity == Finding::Severity::kError;
  }
  Require(policy.ok() == !has_error);
  if (!policy.ok()) return 0;
  DecideAll(*policy);
  policy->ReportTests();
  // What can be laid out at all is laid out for good at once.
  if (const absl::StatusOr<std::string> page = FormatPolicy(text, "f"); page.ok()) {
    const absl::StatusOr<std::string> again = FormatPolicy(*page, "f");
    Require(again.ok() && *again == *page);
  }
  return 0;
}
