#include "sealtrain/policy/mutants_internal.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "sealtrain/base/number_text.h"
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

std::string NameOfClass(int number) { return DataClassName(static_cast<DataClass>(number)); }

// A tenth more or less, in few digits.
double Slightly(double number, double factor) {
  double changed = 0;
  const bool reads = absl::SimpleAtod(absl::StrFormat("%.3g", factor * number), &changed);
  return reads ? changed : factor * number;
}
double SlightlyMore(double number) { return Slightly(number, 1.1); }
double SlightlyLess(double number) { return Slightly(number, 0.9); }

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

// Takes each of several different entries of a list out of it.
template <typename List, typename TakeOut>
void ForEachOfSeveral(const List& list, TakeOut take_out) {
  const std::set<typename List::value_type> entries(list.begin(), list.end());
  if (entries.size() < 2) return;
  for (const auto& entry : entries) take_out(entry);
}

template <typename List, typename Entry>
void Erase(List* list, const Entry& entry) {
  list->erase(std::remove(list->begin(), list->end(), entry), list->end());
}

class Mutation {
 public:
  explicit Mutation(const Rule& rule) : rule_(rule) {}

  std::vector<Mutant> Run() {
    for (int i = 0; i < rule_.when_size(); ++i) {
      MutateCondition("when", i, rule_.when(i), &Rule::mutable_when, &Rule::mutable_unless);
    }
    for (int i = 0; i < rule_.unless_size(); ++i) {
      MutateCondition("unless", i, rule_.unless(i), &Rule::mutable_unless, &Rule::mutable_when);
    }
    for (int i = 0; i < rule_.permit().obligation_size(); ++i) {
      MutateObligation(i, rule_.permit().obligation(i));
    }
    if (rule_.has_forbid()) MutateForbid(rule_.scope());
    return std::move(mutants_);
  }

 private:
  void Add(std::string part, std::string change, std::function<void(Rule&)> apply) {
    mutants_.push_back(
        {.part = std::move(part), .change = std::move(change), .apply = std::move(apply)});
  }
  void Add(int index, std::string part, std::string change,
           std::function<void(Obligation&)> apply) {
    Add(std::move(part), std::move(change), [index, apply = std::move(apply)](Rule& rule) {
      apply(*rule.mutable_permit()->mutable_obligation(index));
    });
  }

  using List = Conditions* (Rule::*)();
  void MutateCondition(const char* word, int index, const Condition& condition, List from,
                       List to) {
    const std::string part = absl::StrCat(word, " ", ConditionText(condition));
    Add(part, "taken out", [=](Rule& rule) { (rule.*from)()->DeleteSubrange(index, 1); });
    Add(part, "turned round", [=](Rule& rule) {
      (rule.*from)()->DeleteSubrange(index, 1);
      *(rule.*to)()->Add() = condition;
    });
    for (const Condition& moved : Neighbours(condition)) {
      Add(part, ConditionText(moved), [=](Rule& rule) { *(rule.*from)()->Mutable(index) = moved; });
    }
  }

  void MutateObligation(int index, const Obligation& obligation) {
    if (obligation.has_transform()) return MutateTransform(index, obligation.transform());
    Add(std::string(ObligationName(obligation.kind_case())), "taken out", [index](Rule& rule) {
      rule.mutable_permit()->mutable_obligation()->DeleteSubrange(index, 1);
    });
    switch (obligation.kind_case()) {
      case Obligation::kDp: {
        MutatePrivacy(index, "dp", obligation.dp(), &Obligation::mutable_dp);
        const double ledger = obligation.dp().ledger_epsilon();
        const double more = SlightlyMore(ledger);
        return Add(index, absl::StrCat("dp.ledger_epsilon ", NumberText(ledger)), NumberText(more),
                   [more](Obligation& o) { o.mutable_dp()->set_ledger_epsilon(more); });
      }
      case Obligation::kLease:
        return Prolong(index, "lease", obligation.lease(), &Obligation::mutable_lease);
      case Obligation::kRetention:
        return Prolong(index, "retention", obligation.retention(), &Obligation::mutable_retention);
      case Obligation::kMaxOpens: {
        const std::uint64_t opens = obligation.max_opens();
        if (opens == std::numeric_limits<std::uint64_t>::max()) return;
        return Add(index, absl::StrCat("max_opens ", opens), absl::StrCat(opens + 1),
                   [opens](Obligation& o) { o.set_max_opens(opens + 1); });
      }
      case Obligation::kKAnonymity: {
        const std::uint64_t k = obligation.k_anonymity().k();
        Add(index, absl::StrCat("k_anonymity.k ", k), absl::StrCat(k - 1),
            [k](Obligation& o) { o.mutable_k_anonymity()->set_k(k - 1); });
        const double share = obligation.k_anonymity().max_suppressed();
        if (share == 1) return;
        const double more = share == 0 ? 0.01 : std::min(1.0, SlightlyMore(share));
        return Add(index, absl::StrCat("k_anonymity.max_suppressed ", NumberText(share)),
                   NumberText(more),
                   [more](Obligation& o) { o.mutable_k_anonymity()->set_max_suppressed(more); });
      }
      case Obligation::kTextScan:
        return MutateScan(index, obligation.text_scan());
      case Obligation::kRelease: {
        MutatePrivacy(index, "release", obligation.release(), &Obligation::mutable_release);
        const std::uint64_t bytes = obligation.release().max_bytes();
        if (bytes == std::numeric_limits<std::uint64_t>::max()) return;
        return Add(index, absl::StrCat("release.max_bytes ", bytes), absl::StrCat(bytes + 1),
                   [bytes](Obligation& o) { o.mutable_release()->set_max_bytes(bytes + 1); });
      }
      default:
        return;
    }
  }

  // Of `dp` and `release`.
  template <typename Privacy>
  void MutatePrivacy(int index, const char* name, const Privacy& privacy,
                     Privacy* (Obligation::*of)()) {
    const double epsilon = SlightlyMore(privacy.epsilon_max());
    const double delta = SlightlyMore(privacy.delta_max());
    Add(index, absl::StrCat(name, ".epsilon_max ", NumberText(privacy.epsilon_max())),
        NumberText(epsilon), [=](Obligation& o) { (o.*of)()->set_epsilon_max(epsilon); });
    Add(index, absl::StrCat(name, ".delta_max ", NumberText(privacy.delta_max())),
        NumberText(delta), [=](Obligation& o) { (o.*of)()->set_delta_max(delta); });
    if (privacy.unit() == RECORD) return;
    Add(index, absl::StrCat(name, ".unit SUBJECT"), "RECORD",
        [=](Obligation& o) { (o.*of)()->set_unit(RECORD); });
  }

  void Prolong(int index, const char* name, const google::protobuf::Duration& duration,
               google::protobuf::Duration* (Obligation::*of)()) {
    const absl::Duration time = *ToDuration(duration);
    const absl::Duration longer = time + absl::Seconds(1);
    google::protobuf::Duration changed;
    Set(changed, longer);
    if (!ToDuration(changed)) return;
    Add(index, absl::StrCat(name, " ", DescribeDuration(time)), DescribeDuration(longer),
        [=](Obligation& o) { *(o.*of)() = changed; });
  }

  void MutateScan(int index, const TextScan& scan) {
    if (scan.then() > TextScan::SCRUB) {
      const auto weaker = static_cast<TextScan::Then>(scan.then() - 1);
      Add(index, absl::StrCat("text_scan.then ", TextScan::Then_Name(scan.then())),
          TextScan::Then_Name(weaker),
          [weaker](Obligation& o) { o.mutable_text_scan()->set_then(weaker); });
    }
    ForEachOfSeveral(scan.on_class(), [&](int c) {
      Add(index, absl::StrCat("text_scan.on_class ", NameOfClass(c)), "taken out",
          [c](Obligation& o) { Erase(o.mutable_text_scan()->mutable_on_class(), c); });
    });
    ForEachOfSeveral(scan.look_for(), [&](int number) {
      const auto kind = static_cast<TextScan::Kind>(number);
      Add(index, absl::StrCat("text_scan.look_for ", TextScan::Kind_Name(kind)), "taken out",
          [kind](Obligation& o) { Erase(o.mutable_text_scan()->mutable_look_for(), kind); });
    });
  }

  void MutateTransform(int index, const Transform& transform) {
    if (transform.kind() == KEEP) return;  // asks for nothing
    const std::string part = absl::StrCat(
        "transform ", DescribeTransform(transform), " on ",
        absl::StrJoin(transform.on_class(), " ",
                      [](std::string* out, int c) { absl::StrAppend(out, NameOfClass(c)); }));
    const auto replace = [&](const Transform& other) {
      Add(index, part, DescribeTransform(other),
          [other](Obligation& o) { *o.mutable_transform() = other; });
    };
    Transform keep;
    *keep.mutable_on_class() = transform.on_class();
    keep.set_kind(KEEP);
    replace(keep);
    ForEachOfSeveral(transform.on_class(), [&](int c) {
      Add(index, part, absl::StrCat("without ", NameOfClass(c)),
          [c](Obligation& o) { Erase(o.mutable_transform()->mutable_on_class(), c); });
    });
    Transform other = transform;
    if (transform.has_step()) {
      other.set_step(SlightlyLess(transform.step()));
      replace(other);
    }
    if (transform.has_domain()) {
      other.set_domain(absl::StrCat(transform.domain(), "-2"));
      replace(other);
    }
    if (transform.has_prefix_v4() && transform.prefix_v4() < 32) {
      other.set_prefix_v4(transform.prefix_v4() + 1);
      replace(other);
      other.set_prefix_v4(transform.prefix_v4());
    }
    if (transform.has_prefix_v6() && transform.prefix_v6() < 128) {
      other.set_prefix_v6(transform.prefix_v6() + 1);
      replace(other);
    }
  }

  void MutateForbid(const Scope& scope) {
    // An empty scope matches nothing.
    Add("forbid", "taken out", [](Rule& rule) { rule.clear_scope(); });
    const auto as_is = [](const std::string& name) { return name; };
    const auto action = [](int number) { return Action_Name(static_cast<Action>(number)); };
    Narrow("principal", scope.principal(), &Scope::mutable_principal, as_is);
    Narrow("action", scope.action(), &Scope::mutable_action, action);
    Narrow("dataset", scope.dataset(), &Scope::mutable_dataset, as_is);
    Narrow("purpose", scope.purpose(), &Scope::mutable_purpose, as_is);
    Narrow("data_class", scope.data_class(), &Scope::mutable_data_class, NameOfClass);
  }

  template <typename Entries, typename TextOf>
  void Narrow(const char* name, const Entries& entries, Entries* (Scope::*of)(), TextOf text_of) {
    ForEachOfSeveral(entries, [&](const auto& entry) {
      Add(absl::StrCat("scope.", name, " ", text_of(entry)), "taken out",
          [=](Rule& rule) { Erase((rule.mutable_scope()->*of)(), entry); });
    });
  }

  const Rule& rule_;
  std::vector<Mutant> mutants_;
};

}  // namespace

std::vector<Mutant> MutantsOf(const Rule& rule) { return Mutation(rule).Run(); }

}  // namespace sealtrain::policy::internal
