#include "sealtrain/policy/conditions_internal.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/obligations_internal.h"

namespace sealtrain::policy::internal {
namespace {

Truth TruthOf(bool value) { return value ? Truth::kTrue : Truth::kFalse; }

}  // namespace

Truth Evaluate(const Condition& condition, const Request& request) {
  switch (condition.kind_case()) {
    case Condition::kTrustAtLeast:
      if (request.trust == TRUST_UNSPECIFIED || !Trust_IsValid(request.trust)) {
        return Truth::kUnknown;
      }
      return TruthOf(request.trust >= condition.trust_at_least());
    case Condition::kRowsAtLeast:
      if (!request.rows) return Truth::kUnknown;
      return TruthOf(*request.rows >= condition.rows_at_least());
    case Condition::kDatasetAgeBelow: {
      // A negative age means that a clock is wrong, an infinite one that there
      // was no commit: neither is an age.
      if (!request.dataset_age || *request.dataset_age < absl::ZeroDuration() ||
          *request.dataset_age == absl::InfiniteDuration()) {
        return Truth::kUnknown;
      }
      const std::optional<absl::Duration> limit = ToDuration(condition.dataset_age_below());
      return limit ? TruthOf(*request.dataset_age < *limit) : Truth::kUnknown;
    }
    case Condition::kApprovalsAtLeast:
      if (!request.approvals) return Truth::kUnknown;
      return TruthOf(*request.approvals >= condition.approvals_at_least());
    case Condition::KIND_NOT_SET:
      break;
  }
  return Truth::kUnknown;
}

bool Implies(const Condition& a, const Condition& b) {
  if (a.kind_case() != b.kind_case()) return false;
  switch (a.kind_case()) {
    case Condition::kTrustAtLeast:
      return a.trust_at_least() >= b.trust_at_least();
    case Condition::kRowsAtLeast:
      return a.rows_at_least() >= b.rows_at_least();
    case Condition::kDatasetAgeBelow:
      return ToDuration(a.dataset_age_below()) <= ToDuration(b.dataset_age_below());
    case Condition::kApprovalsAtLeast:
      return a.approvals_at_least() >= b.approvals_at_least();
    case Condition::KIND_NOT_SET:
      break;
  }
  return false;
}

bool CanBeKnown(const Condition& condition, Action action) {
  const bool is_of_rows = condition.kind_case() == Condition::kRowsAtLeast ||
                          condition.kind_case() == Condition::kDatasetAgeBelow;
  return !is_of_rows || ActionKnowsRows(action);
}

std::string UnknownNote(const Condition& condition, Action action) {
  if (CanBeKnown(condition, action)) return " (not known)";
  return absl::StrCat(" (never known of ", Action_Name(action), ")");
}

std::string ConditionText(const Condition& condition) {
  switch (condition.kind_case()) {
    case Condition::kTrustAtLeast:
      return absl::StrCat("trust_at_least ", Trust_Name(condition.trust_at_least()));
    case Condition::kRowsAtLeast:
      return absl::StrCat("rows_at_least ", condition.rows_at_least());
    case Condition::kDatasetAgeBelow:
      return absl::StrCat(
          "dataset_age_below ",
          absl::FormatDuration(
              ToDuration(condition.dataset_age_below()).value_or(absl::ZeroDuration())));
    case Condition::kApprovalsAtLeast:
      return absl::StrCat("approvals_at_least ", condition.approvals_at_least());
    case Condition::KIND_NOT_SET:
      break;
  }
  return "an empty condition";
}

}  // namespace sealtrain::policy::internal
