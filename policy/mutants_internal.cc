#include "sealtrain/policy/mutants_internal.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "sealtrain/policy/conditions_internal.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/obligations_internal.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy::internal {
namespace {

using Conditions = google::protobuf::RepeatedPtrField<Condition>;

void Set(google::protobuf::Duration& duration, absl::Duration to) {
  duration.set_seconds(absl::IDivDuration(to, absl::Seconds(1), &to));
  duration.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(to)));
}

// `condition` with its threshold one step higher and one lower, as far as there is one.
std::vector<Condition> Neighbours(const Condition& condition) {
  std::vector<Condition> neighbours;
  for (const int step : {1, -1}) {
    Condition moved = condition;
    const auto count = [step](std::uint64_t number, std::uint64_t least) {
      const bool fits =
          step > 0 ? number < std::numeric_limits<std::uint64_t>::max() : number > least;
      return fits ? std::optional(step > 0 ? number + 1 : number - 1) : std::nullopt;
    };
    switch (condition.kind_case()) {
      case Condition::kTrustAtLeast: {
        const int trust = condition.trust_at_least() + step;
        if (trust == TRUST_UNSPECIFIED || !Trust_IsValid(trust)) continue;
        moved.set_trust_at_least(static_cast<Trust>(trust));
        break;
      }
      case Condition::kRowsAtLeast: {
        const std::optional<std::uint64_t> rows = count(condition.rows_at_least(), 0);
        if (!rows) continue;
        moved.set_rows_at_least(*rows);
        break;
      }
      case Condition::kApprovalsAtLeast: {
        const std::optional<std::uint64_t> approvals = count(condition.approvals_at_least(), 1);
        if (!approvals) continue;
        moved.set_approvals_at_least(*approvals);
        break;
      }
      case Condition::kDatasetAgeBelow: {
        const absl::Duration age =
            *ToDuration(condition.dataset_age_below()) + step * absl::Seconds(1);
        if (age <= absl::ZeroDuration()) continue;
        Set(*moved.mutable_dataset_age_below(), age);
        break;
      }
      case Condition::KIND_NOT_SET:
        continue;
    }
    neighbours.push_back(std::move(moved));
  }
  return neighbours;
}

class Mutation {
 public:
  explicit Mutation(const Rule& rule) : rule_(rule) {}

  std::vector<Mutant> Run() {
    for (int i = 0; i < rule_.when_size(); ++i) {
      MutateCondition("when", i, &Rule::mutable_when, &Rule::mutable_unless);
    }
    for (int i = 0; i < rule_.unless_size(); ++i) {
      MutateCondition("unless", i, &Rule::mutable_unless, &Rule::mutable_when);
    }
    for (int i = 0; i < rule_.permit().obligation_size(); ++i) MutateObligation(i);
    return std::move(mutants_);
  }

 private:
  // A copy of the rule, to be changed.
  Rule& Add(std::string part, std::string change) {
    mutants_.push_back({.part = std::move(part), .change = std::move(change), .rule = rule_});
    return mutants_.back().rule;
  }
  Obligation& Add(int index, std::string part, std::string change) {
    return *Add(std::move(part), std::move(change)).mutable_permit()->mutable_obligation(index);
  }

  using List = Conditions* (Rule::*)();
  void MutateCondition(const char* word, int index, List from, List to) {
    Rule copy = rule_;
    const Condition condition = (copy.*from)()->Get(index);
    const std::string part = absl::StrCat(word, " ", ConditionText(condition));
    (Add(part, "taken out").*from)()->DeleteSubrange(index, 1);
    Rule& turned = Add(part, "turned round");
    (turned.*from)()->DeleteSubrange(index, 1);
    *(turned.*to)()->Add() = condition;
    for (const Condition& moved : Neighbours(condition)) {
      *(Add(part, ConditionText(moved)).*from)()->Mutable(index) = moved;
    }
  }

  void MutateObligation(int index) {
    const Obligation& obligation = rule_.permit().obligation(index);
    if (obligation.has_transform()) return MutateTransform(index, obligation.transform());
    Add(std::string(ObligationName(obligation.kind_case())), "taken out")
        .mutable_permit()
        ->mutable_obligation()
        ->DeleteSubrange(index, 1);
    switch (obligation.kind_case()) {
      case Obligation::kDp: {
        const auto of = [](Obligation& o) { return o.mutable_dp(); };
        MutatePrivacy(index, "dp", obligation.dp(), of);
        const double ledger = obligation.dp().ledger_epsilon();
        Add(index, absl::StrCat("dp.ledger_epsilon ", ledger), absl::StrCat(2 * ledger))
            .mutable_dp()
            ->set_ledger_epsilon(2 * ledger);
        return;
      }
      case Obligation::kLease:
        return Prolong(index, "lease", obligation.lease(), &Obligation::mutable_lease);
      case Obligation::kRetention:
        return Prolong(index, "retention", obligation.retention(), &Obligation::mutable_retention);
      case Obligation::kMaxOpens: {
        const std::uint64_t opens = obligation.max_opens();
        if (opens == std::numeric_limits<std::uint64_t>::max()) return;
        return Add(index, absl::StrCat("max_opens ", opens), absl::StrCat(opens + 1))
            .set_max_opens(opens + 1);
      }
      case Obligation::kKAnonymity: {
        const KAnonymity& k_anonymity = obligation.k_anonymity();
        Add(index, absl::StrCat("k_anonymity.k ", k_anonymity.k()),
            absl::StrCat(k_anonymity.k() - 1))
            .mutable_k_anonymity()
            ->set_k(k_anonymity.k() - 1);
        const double share = k_anonymity.max_suppressed();
        if (share == 1) return;
        const double more = share == 0 ? 0.01 : std::min(1.0, 2 * share);
        return Add(index, absl::StrCat("k_anonymity.max_suppressed ", share), absl::StrCat(more))
            .mutable_k_anonymity()
            ->set_max_suppressed(more);
      }
      case Obligation::kTextScan:
        return MutateScan(index, obligation.text_scan());
      case Obligation::kRelease: {
        const auto of = [](Obligation& o) { return o.mutable_release(); };
        MutatePrivacy(index, "release", obligation.release(), of);
        const std::uint64_t bytes = obligation.release().max_bytes();
        if (bytes > std::numeric_limits<std::uint64_t>::max() / 2) return;
        return Add(index, absl::StrCat("release.max_bytes ", bytes), absl::StrCat(2 * bytes))
            .mutable_release()
            ->set_max_bytes(2 * bytes);
      }
      default:
        return;
    }
  }

  // Of `dp` and `release`.
  template <typename Privacy, typename Of>
  void MutatePrivacy(int index, const char* name, const Privacy& privacy, Of of) {
    const double epsilon = privacy.epsilon_max();
    const double delta = privacy.delta_max();
    of(Add(index, absl::StrCat(name, ".epsilon_max ", epsilon), absl::StrCat(2 * epsilon)))
        ->set_epsilon_max(2 * epsilon);
    of(Add(index, absl::StrCat(name, ".delta_max ", delta), absl::StrCat(2 * delta)))
        ->set_delta_max(2 * delta);
    if (privacy.unit() == RECORD) return;
    of(Add(index, absl::StrCat(name, ".unit SUBJECT"), "RECORD"))->set_unit(RECORD);
  }

  void Prolong(int index, const char* name, const google::protobuf::Duration& duration,
               google::protobuf::Duration* (Obligation::*of)()) {
    const absl::Duration time = *ToDuration(duration);
    google::protobuf::Duration twice;
    Set(twice, 2 * time);
    if (!ToDuration(twice)) return;
    *(Add(index, absl::StrCat(name, " ", DescribeDuration(time)), DescribeDuration(2 * time)).*
      of)() = twice;
  }

  void MutateScan(int index, const TextScan& scan) {
    if (scan.then() > TextScan::SCRUB) {
      const auto weaker = static_cast<TextScan::Then>(scan.then() - 1);
      Add(index, absl::StrCat("text_scan.then ", TextScan::Then_Name(scan.then())),
          TextScan::Then_Name(weaker))
          .mutable_text_scan()
          ->set_then(weaker);
    }
    if (scan.look_for_size() == 1) return;
    for (int i = 0; i < scan.look_for_size(); ++i) {
      auto& look_for =
          *Add(index, absl::StrCat("text_scan.look_for ", TextScan::Kind_Name(scan.look_for(i))),
               "taken out")
               .mutable_text_scan()
               ->mutable_look_for();
      look_for.erase(look_for.begin() + i);
    }
  }

  void MutateTransform(int index, const Transform& transform) {
    if (transform.kind() == KEEP) return;  // asks for nothing
    const std::string part =
        absl::StrCat("transform ", DescribeTransform(transform), " on ",
                     absl::StrJoin(transform.on_class(), " ", [](std::string* out, int c) {
                       absl::StrAppend(out, DataClassName(static_cast<DataClass>(c)));
                     }));
    Transform keep;
    *keep.mutable_on_class() = transform.on_class();
    keep.set_kind(KEEP);
    *Add(index, part, "KEEP").mutable_transform() = keep;
    const auto finer = [&](const Transform& mutant) {
      *Add(index, part, DescribeTransform(mutant)).mutable_transform() = mutant;
    };
    Transform mutant = transform;
    if (transform.has_step()) {
      mutant.set_step(transform.step() / 2);
      finer(mutant);
    }
    if (transform.has_prefix_v4() && transform.prefix_v4() < 32) {
      mutant.set_prefix_v4(transform.prefix_v4() + 1);
      finer(mutant);
      mutant.set_prefix_v4(transform.prefix_v4());
    }
    if (transform.has_prefix_v6() && transform.prefix_v6() < 128) {
      mutant.set_prefix_v6(transform.prefix_v6() + 1);
      finer(mutant);
    }
  }

  const Rule& rule_;
  std::vector<Mutant> mutants_;
};

}  // namespace

std::vector<Mutant> MutantsOf(const Rule& rule) { return Mutation(rule).Run(); }

}  // namespace sealtrain::policy::internal
