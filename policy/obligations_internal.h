// Obligations: which transform is stricter, and what each action can carry out.
#ifndef SEALTRAIN_POLICY_OBLIGATIONS_INTERNAL_H_
#define SEALTRAIN_POLICY_OBLIGATIONS_INTERNAL_H_

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::policy::internal {

// What is wrong with the kind and the parameters of `transform`; empty: nothing.
// Does not look at on_class.
std::string TransformFault(const Transform& transform);

// Whether data under `applied` reveal no more than `required` allows.
// Both without fault.
bool IsAtLeastAsStrict(const Transform& applied, const Transform& required);

// The strictest of `transforms`, or nullptr if the strictest ones cannot be compared
// or there are none. It is one of them or, if each is weaker than another in something,
// `made`. What it asks for does not depend on the order of `transforms`, which are
// without fault.
const Transform* StrictestOf(absl::Span<const Transform* const> transforms, Transform& made);

// The smallest epsilon, delta and ledger, and the larger unit.
DifferentialPrivacy StrictestOf(const DifferentialPrivacy& a, const DifferentialPrivacy& b);
// The larger k, the smaller share.
KAnonymity StrictestOf(const KAnonymity& a, const KAnonymity& b);
// The smallest numbers, and the larger unit.
Release StrictestOf(const Release& a, const Release& b);

// `met` with `other`; what is not set asks for nothing.
template <typename T>
void MeetWith(std::optional<T>& met, const T& other) {
  if (met) {
    met = StrictestOf(*met, other);
  } else {
    met = other;
  }
}
template <typename T>
void MeetWith(std::optional<T>& met, const std::optional<T>& other) {
  if (other) MeetWith(met, *other);
}

// Of every kind the last word: REFUSE over SUPPRESS over SCRUB.
void MeetWith(std::map<TextScan::Kind, TextScan::Then>& met, TextScan::Kind kind,
              TextScan::Then then);

// Of two limits the smaller; none is no limit.
template <typename T>
void KeepSmaller(std::optional<T>& limit, const std::optional<std::type_identity_t<T>>& other) {
  if (other) limit = std::min(*other, limit.value_or(*other));
}

// Everything but PUBLIC, INTERNAL, FEATURE, LABEL and SUBJECT_KEY.
bool IsSensitive(DataClass c);

// Whether the stage of `action` can carry out this kind of obligation.
bool CanCarryOut(Action action, Obligation::KindCase kind);
// "transform", "dp", "lease"...
absl::string_view ObligationName(Obligation::KindCase kind);

// Nothing for what is out of protobuf's range.
std::optional<absl::Time> ToTime(const google::protobuf::Timestamp& timestamp);
std::optional<absl::Duration> ToDuration(const google::protobuf::Duration& duration);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_OBLIGATIONS_INTERNAL_H_
