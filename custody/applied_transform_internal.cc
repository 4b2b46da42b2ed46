#include "sealtrain/custody/applied_transform_internal.h"

#include <algorithm>

namespace sealtrain::custody {
namespace {

// 0: a kind that we do not know.
int Strength(policy::TransformKind kind) {
  switch (kind) {
    case policy::KEEP:
      return 1;
    case policy::BUCKET:
    case policy::TRUNCATE_IP:
      return 2;
    case policy::PSEUDONYMIZE:
      return 3;
    case policy::REDACT:
      return 4;
    case policy::DROP:
      return 5;
    default:
      return 0;
  }
}

const SealedColumn* FindColumn(const SealPlan& plan, absl::string_view id) {
  const auto found = std::find_if(plan.column().begin(), plan.column().end(),
                                  [id](const SealedColumn& c) { return c.id() == id; });
  return found == plan.column().end() ? nullptr : &*found;
}

}  // namespace

std::optional<policy::Transform> Weakest(const policy::Transform& a, const policy::Transform& b) {
  const int strength_a = Strength(a.kind());
  const int strength_b = Strength(b.kind());
  if (strength_a == 0 || strength_b == 0) return std::nullopt;
  if (strength_a != strength_b) return strength_a < strength_b ? a : b;
  if (a.kind() != b.kind()) return std::nullopt;
  policy::Transform weakest = a;
  switch (a.kind()) {
    case policy::BUCKET:
      weakest.set_step(std::min(a.step(), b.step()));
      return weakest;
    case policy::TRUNCATE_IP:
      weakest.set_prefix_v4(std::max(a.prefix_v4(), b.prefix_v4()));
      weakest.set_prefix_v6(std::max(a.prefix_v6(), b.prefix_v6()));
      return weakest;
    case policy::PSEUDONYMIZE:
      if (a.domain() != b.domain()) return std::nullopt;
      return weakest;
    default:
      return weakest;
  }
}

std::optional<policy::Transform> AppliedToColumn(const Manifest& manifest,
                                                 absl::string_view column_id) {
  std::optional<policy::Transform> weakest;
  for (const SealPlan& plan : manifest.plan()) {
    const SealedColumn* column = FindColumn(plan, column_id);
    if (column == nullptr) return std::nullopt;
    weakest = weakest.has_value() ? Weakest(*weakest, column->applied()) : column->applied();
    if (!weakest.has_value() || Strength(weakest->kind()) == 0) return std::nullopt;
  }
  return weakest;
}

}  // namespace sealtrain::custody
