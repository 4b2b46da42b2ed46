// A loaded, checked policy set and its decisions.
//
// Decision rules: default deny; forbid wins; unknown never opens; obligations
// of all matching permits meet at the strictest, and ones that cannot be
// compared deny; every requested column must be covered, class by class, by
// the matching permits. Pure: no clock, no I/O, no state.
//
// How obligations meet. Transforms by strength DROP > REDACT > PSEUDONYMIZE >
// TRUNCATE_IP = BUCKET > KEEP; same kind: the coarser parameters; two kinds of
// the same strength, or two pseudonym domains, deny. DP: smallest epsilon,
// delta and ledger, the larger unit. Durations: the shortest.
// A column covered by permits without any transform for its classes is kept,
// except that a sensitive class (everything but PUBLIC, INTERNAL, FEATURE,
// LABEL, SUBJECT_KEY) must have one, KEEP included, or the request is denied.
// SEAL: a SUBJECT_KEY column must get PSEUDONYMIZE, never KEEP.
// TRAIN, EVALUATE: only KEEP and DROP can be carried out when opening; any
// other transform counts as KEEP if the review applied it, or a stricter one,
// when the column was sealed, and denies otherwise.
//
// An obligation that the action cannot carry out denies. docs/policy.md has the
// rules in full, with the order in which reasons are reported.
//
// Immutable after Load, so thread-safe.
#ifndef SEALTRAIN_POLICY_LOADED_POLICY_H_
#define SEALTRAIN_POLICY_LOADED_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/policy.pb.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy {

// A finding of Check. `line`, `column`: 1-based place in the file, 0 if none.
struct Finding {
  enum class Severity { kError, kWarning };
  Severity severity;
  int line = 0;
  int column = 0;
  std::string rule_id;
  std::string message;
};

struct TestResult {
  std::string name;
  int line = 0;
  bool passed = false;
  std::string message;  // what differed, when it failed
};

// What the tests of a file say about its rules.
struct RuleCoverage {
  RuleRef rule;
  bool decided = false;  // some test was decided by it, alone or with others
};
struct ConditionCoverage {
  RuleRef rule;
  std::string text;  // "unless trust_at_least LOCKED"
  // In some test in the scope of the rule it was surely true; was not.
  bool held = false;
  bool failed = false;

  bool complete() const { return held && failed; }
};
// One change of a rule.
struct MutantResult {
  RuleRef rule;
  std::string part;      // "when rows_at_least 1000", "dp.epsilon_max 3"
  std::string change;    // "taken out", "3.3"
  bool noticed = false;  // some test fails with it
};
struct TestReport {
  std::vector<TestResult> tests;
  // As in the file. Empty if a test failed: then nothing can be said.
  std::vector<RuleCoverage> rules;
  std::vector<ConditionCoverage> conditions;
  std::vector<MutantResult> mutants;
  std::size_t untried_mutants = 0;  // of which nothing is known, as it takes too long

  // Nothing could be changed without a test that fails.
  bool complete() const;
};

class LoadedPolicy {
 public:
  // Parses and checks `text`, at most 1 MiB. `file_name` is for messages only.
  // InvalidArgument: syntax or meaning, as "FILE:LINE:COLUMN: what", the first
  // of them; Check() gives all. Does not run the tests.
  static absl::StatusOr<LoadedPolicy> Load(absl::string_view text, absl::string_view file_name);
  LoadedPolicy(LoadedPolicy&&) noexcept;
  LoadedPolicy& operator=(LoadedPolicy&&) noexcept;
  ~LoadedPolicy();

  const PolicySet& proto() const;
  const Digest& sha256() const;  // of the exact bytes

  Decision Decide(const Request& request) const;

  // Runs the tests of the file. A set with a failing test, or with none,
  // must not be put into force.
  std::vector<TestResult> RunTests() const;
  // Runs them, and those in the scope of a rule again for each way to alter it that
  // docs/policy.md, section 8, names; up to a number of steps that takes seconds.
  TestReport ReportTests() const;

 private:
  struct Impl;
  explicit LoadedPolicy(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Everything that is wrong or doubtful with a policy file, in order of lines.
// With a schema also what concerns its columns and classes; with the number of
// subjects, whose loss delta is the odds of, also whether delta is small enough.
std::vector<Finding> Check(absl::string_view text, absl::string_view file_name,
                           const Schema* schema,
                           std::optional<std::uint64_t> subjects = std::nullopt);

// Of all columns, each class once, ascending: what a model inherits that learns from them.
std::vector<DataClass> UnionOfClasses(const std::vector<RequestedColumn>& columns);

// A request for all columns of `schema` (SEAL), with no facts set.
Request SealRequestFor(const Schema& schema);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_LOADED_POLICY_H_
