#include "sealtrain/policy/obligations_internal.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/names_internal.h"

namespace sealtrain::policy::internal {
namespace {

int Strength(TransformKind kind) {
  switch (kind) {
    case DROP:
      return 5;
    case REDACT:
      return 4;
    case PSEUDONYMIZE:
      return 3;
    case TRUNCATE_IP:
    case BUCKET:
      return 2;
    case KEEP:
      return 1;
    default:
      return 0;  // never: transforms without fault only
  }
}

}  // namespace

std::string TransformFault(const Transform& transform) {
  const TransformKind kind = transform.kind();
  if (kind == TRANSFORM_UNSPECIFIED || !TransformKind_IsValid(kind)) return "`kind` is not given";
  // Its name only where it is told: decisions ask this, mostly of what is without fault.
  const auto takes_no = [kind](absl::string_view what) {
    return absl::StrCat(TransformKind_Name(kind), " takes no ", what);
  };
  if (kind == BUCKET && !transform.has_step()) return "BUCKET needs `step`";
  if (kind == TRUNCATE_IP && !(transform.has_prefix_v4() && transform.has_prefix_v6())) {
    return "TRUNCATE_IP needs `prefix_v4` and `prefix_v6`";
  }
  if (kind == PSEUDONYMIZE && !transform.has_domain()) return "PSEUDONYMIZE needs `domain`";
  if (kind != BUCKET && transform.has_step()) return takes_no("`step`");
  if (kind != TRUNCATE_IP && (transform.has_prefix_v4() || transform.has_prefix_v6())) {
    return takes_no("prefix");
  }
  if (kind != PSEUDONYMIZE && transform.has_domain()) return takes_no("`domain`");
  if (kind == BUCKET && !(transform.step() > 0 && std::isfinite(transform.step()))) {
    return "`step` must be positive";
  }
  if (transform.prefix_v4() > 32) return "`prefix_v4` is at most 32";
  if (transform.prefix_v6() > 128) return "`prefix_v6` is at most 128";
  if (kind == PSEUDONYMIZE && !IsName(transform.domain())) return "`domain` is not a name";
  return {};
}

bool IsAtLeastAsStrict(const Transform& applied, const Transform& required) {
  if (Strength(applied.kind()) != Strength(required.kind())) {
    return Strength(applied.kind()) > Strength(required.kind());
  }
  if (applied.kind() != required.kind()) return false;
  switch (applied.kind()) {
    case BUCKET:
      return applied.step() >= required.step();
    case TRUNCATE_IP:
      return applied.prefix_v4() <= required.prefix_v4() &&
             applied.prefix_v6() <= required.prefix_v6();
    case PSEUDONYMIZE:
      return applied.domain() == required.domain();
    default:
      return true;
  }
}

const Transform* StrictestOf(absl::Span<const Transform* const> transforms, Transform& made) {
  int strength = 0;
  for (const Transform* transform : transforms) {
    strength = std::max(strength, Strength(transform->kind()));
  }
  const Transform* met = nullptr;
  for (const Transform* transform : transforms) {
    if (Strength(transform->kind()) < strength) continue;
    if (met == nullptr || IsAtLeastAsStrict(*transform, *met)) {
      met = transform;
    } else if (!IsAtLeastAsStrict(*met, *transform)) {
      // Only prefixes can be met by what is neither.
      if (met->kind() != TRUNCATE_IP || transform->kind() != TRUNCATE_IP) return nullptr;
      made = *met;
      made.set_prefix_v4(std::min(met->prefix_v4(), transform->prefix_v4()));
      made.set_prefix_v6(std::min(met->prefix_v6(), transform->prefix_v6()));
      met = &made;
    }
  }
  return met;
}

DifferentialPrivacy StrictestOf(const DifferentialPrivacy& a, const DifferentialPrivacy& b) {
  DifferentialPrivacy met;
  met.set_epsilon_max(std::min(a.epsilon_max(), b.epsilon_max()));
  met.set_delta_max(std::min(a.delta_max(), b.delta_max()));
  met.set_unit(std::max(a.unit(), b.unit()));  // SUBJECT > RECORD
  met.set_ledger_epsilon(std::min(a.ledger_epsilon(), b.ledger_epsilon()));
  return met;
}

KAnonymity StrictestOf(const KAnonymity& a, const KAnonymity& b) {
  KAnonymity met;
  met.set_k(std::max(a.k(), b.k()));
  met.set_max_suppressed(std::min(a.max_suppressed(), b.max_suppressed()));
  return met;
}

Release StrictestOf(const Release& a, const Release& b) {
  Release met;
  met.set_epsilon_max(std::min(a.epsilon_max(), b.epsilon_max()));
  met.set_delta_max(std::min(a.delta_max(), b.delta_max()));
  met.set_unit(std::max(a.unit(), b.unit()));  // SUBJECT > RECORD
  met.set_max_bytes(std::min(a.max_bytes(), b.max_bytes()));
  return met;
}

void MeetWith(std::map<TextScan::Kind, TextScan::Then>& met, TextScan::Kind kind,
              TextScan::Then then) {
  TextScan::Then& last = met[kind];
  last = std::max(last, then);
}

bool IsSensitive(DataClass c) {
  switch (c) {
    case PUBLIC:
    case INTERNAL:
    case FEATURE:
    case LABEL:
    case SUBJECT_KEY:
      return false;
    default:
      return true;
  }
}

bool CanCarryOut(Action action, Obligation::KindCase kind) {
  switch (kind) {
    case Obligation::kTransform:
    case Obligation::kLease:
      return ActionTakesColumns(action);
    case Obligation::kDp:
      return action == TRAIN;
    case Obligation::kRetention:
      return ActionSeals(action) || action == TRAIN;
    case Obligation::kMaxOpens:
      return ActionOpens(action);
    case Obligation::kKAnonymity:
    case Obligation::kTextScan:
      return ActionSeals(action);
    case Obligation::kRelease:
      return action == TRAIN || action == EXPORT_MODEL;
    case Obligation::KIND_NOT_SET:
      break;
  }
  return false;
}

absl::string_view ObligationName(Obligation::KindCase kind) {
  switch (kind) {
    case Obligation::kTransform:
      return "transform";
    case Obligation::kDp:
      return "dp";
    case Obligation::kLease:
      return "lease";
    case Obligation::kRetention:
      return "retention";
    case Obligation::kMaxOpens:
      return "max_opens";
    case Obligation::kKAnonymity:
      return "k_anonymity";
    case Obligation::kTextScan:
      return "text_scan";
    case Obligation::kRelease:
      return "release";
    case Obligation::KIND_NOT_SET:
      break;
  }
  return "obligation";
}

std::optional<absl::Time> ToTime(const google::protobuf::Timestamp& timestamp) {
  constexpr std::int64_t kFirstSecond = -62135596800;  // 0001-01-01T00:00:00Z
  constexpr std::int64_t kLastSecond = 253402300799;   // 9999-12-31T23:59:59Z
  if (timestamp.seconds() < kFirstSecond || timestamp.seconds() > kLastSecond) return std::nullopt;
  if (timestamp.nanos() < 0 || timestamp.nanos() > 999999999) return std::nullopt;
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

std::optional<absl::Duration> ToDuration(const google::protobuf::Duration& duration) {
  constexpr std::int64_t kMaxSeconds = 315576000000;  // about 10,000 years
  if (duration.seconds() < -kMaxSeconds || duration.seconds() > kMaxSeconds) return std::nullopt;
  if (duration.nanos() < -999999999 || duration.nanos() > 999999999) return std::nullopt;
  if (duration.seconds() > 0 && duration.nanos() < 0) return std::nullopt;
  if (duration.seconds() < 0 && duration.nanos() > 0) return std::nullopt;
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace sealtrain::policy::internal
