#include "sealtrain/policy/duties.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/decision_engine_internal.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/obligations_internal.h"

namespace sealtrain::policy {
namespace {

using internal::MaskOfAll;

// A rule that had its say.
struct Voice {
  const Rule* rule;
  DutySource source;
};

class Trace {
 public:
  explicit Trace(Decision& decision) : decision_(decision) {}

  // `answer`: what `set` says to `request`, which it allows.
  void Consult(const LoadedPolicy& set, const Request& request, const Decision& answer) {
    const auto voice = [&set](const RuleRef& ref) {
      const auto& rules = set.proto().rule();
      const auto rule = std::find_if(rules.begin(), rules.end(),
                                     [&ref](const Rule& some) { return some.id() == ref.id; });
      return Voice{&*rule, {.rule = ref, .policy_version = set.proto().version()}};
    };
    for (const RuleRef& ref : answer.determining_rules) permits_.push_back(voice(ref));

    Request unapproved = request;
    unapproved.approvals = 0;
    const Decision without = set.Decide(unapproved);
    if (without.allow) return;
    for (const RuleRef& ref : answer.determining_rules) {
      const Voice permit = voice(ref);
      HearApprovals(permit.source, permit.rule->when());
    }
    for (const RuleRef& ref : without.determining_rules) {
      const Voice forbid = voice(ref);
      HearApprovals(forbid.source, forbid.rule->unless());
    }
  }

  void Run(const Request& request) {
    for (const ColumnPlan& plan : decision_.columns) {
      AddTransform(request, plan);
      AddScan(plan);
    }
    if (decision_.dp) {
      const DifferentialPrivacy& met = *decision_.dp;
      AddPrivacy(
          "dp", met, [](const Obligation& o) -> const auto& { return o.dp(); });
      Add("dp.ledger_epsilon", absl::StrCat(met.ledger_epsilon()),
          [&](const Obligation& o) { return o.dp().ledger_epsilon() == met.ledger_epsilon(); });
    }
    if (decision_.lease) {
      Add("lease", DescribeDuration(*decision_.lease), [&](const Obligation& o) {
        return o.has_lease() && internal::ToDuration(o.lease()) == decision_.lease;
      });
    }
    if (decision_.retention) {
      Add("retention", DescribeDuration(*decision_.retention), [&](const Obligation& o) {
        return o.has_retention() && internal::ToDuration(o.retention()) == decision_.retention;
      });
    }
    if (decision_.max_opens) {
      Add(kMaxOpensDuty, absl::StrCat(*decision_.max_opens),
          [&](const Obligation& o) { return o.max_opens() == *decision_.max_opens; });
    }
    if (decision_.k_anonymity) {
      const KAnonymity& met = *decision_.k_anonymity;
      Add("k_anonymity.k", absl::StrCat(met.k()),
          [&](const Obligation& o) { return o.k_anonymity().k() == met.k(); });
      Add("k_anonymity.max_suppressed", absl::StrCat(met.max_suppressed()),
          [&](const Obligation& o) {
            return o.has_k_anonymity() && o.k_anonymity().max_suppressed() == met.max_suppressed();
          });
    }
    if (decision_.release) {
      const Release& met = *decision_.release;
      AddPrivacy(
          "release", met, [](const Obligation& o) -> const auto& { return o.release(); });
      Add("release.max_bytes", absl::StrCat(met.max_bytes()),
          [&](const Obligation& o) { return o.release().max_bytes() == met.max_bytes(); });
    }
    if (approvals_ > 0) {
      decision_.duties.push_back({.name = kApprovalsDuty,
                                  .column = "",
                                  .value = absl::StrCat(approvals_),
                                  .from = std::move(approvals_from_)});
    }
  }

 private:
  void HearApprovals(const DutySource& source,
                     const google::protobuf::RepeatedPtrField<Condition>& conditions) {
    for (const Condition& condition : conditions) {
      const std::uint64_t asked = condition.approvals_at_least();  // 0: asks for something else
      if (asked == 0 || asked < approvals_) continue;
      if (asked > approvals_) approvals_from_.clear();
      approvals_ = asked;
      approvals_from_.push_back(source);
    }
  }

  // A duty of the permits with an obligation that `asks` for it.
  template <typename Asks>
  void Add(std::string name, std::string value, Asks asks, std::string column = "") {
    Duty duty{.name = std::move(name),
              .column = std::move(column),
              .value = std::move(value),
              .from = {}};
    for (const Voice& permit : permits_) {
      const auto& obligations = permit.rule->permit().obligation();
      if (std::any_of(obligations.begin(), obligations.end(), asks)) {
        duty.from.push_back(permit.source);
      }
    }
    decision_.duties.push_back(std::move(duty));
  }

  // Of `dp` and `release`. No such number is 0, which an obligation of another kind has.
  template <typename Privacy, typename Get>
  void AddPrivacy(const std::string& name, const Privacy& met, Get get) {
    Add(absl::StrCat(name, ".epsilon_max"), absl::StrCat(met.epsilon_max()),
        [&](const Obligation& o) { return get(o).epsilon_max() == met.epsilon_max(); });
    Add(absl::StrCat(name, ".delta_max"), absl::StrCat(met.delta_max()),
        [&](const Obligation& o) { return get(o).delta_max() == met.delta_max(); });
    Add(absl::StrCat(name, ".unit"), PrivacyUnit_Name(met.unit()),
        [&](const Obligation& o) { return get(o).unit() == met.unit(); });
  }

  void AddTransform(const Request& request, const ColumnPlan& plan) {
    const auto concerns = [&plan](const Obligation& o) {
      return (MaskOfAll(o.transform().on_class()) & MaskOfAll(plan.classes)) != 0;
    };
    std::vector<const Transform*> asked;
    for (const Voice& permit : permits_) {
      for (const Obligation& o : permit.rule->permit().obligation()) {
        if (concerns(o)) asked.push_back(&o.transform());
      }
    }
    Transform met = plan.transform;
    if (ActionOpens(request.action) && !asked.empty()) {
      // The plan says what comes out; what had to be done for that is the duty.
      met = internal::StrictestOf(asked).value_or(met);
    }
    if (plan.transform.kind() == DROP && met.kind() != DROP) {
      return decision_.duties.push_back(
          {.name = "transform", .column = plan.name, .value = "DROP", .from = {}});
    }
    if (asked.empty()) return;  // kept, as nobody asks for anything
    const auto is_strictest = [&](const Obligation& o) {
      return concerns(o) && std::none_of(asked.begin(), asked.end(), [&](const Transform* other) {
               return internal::IsAtLeastAsStrict(*other, o.transform()) &&
                      !internal::IsAtLeastAsStrict(o.transform(), *other);
             });
    };
    Add("transform", DescribeTransform(met), is_strictest, plan.name);
  }

  void AddScan(const ColumnPlan& plan) {
    for (const auto& [kind, then] : plan.scan) {
      const auto asks = [&plan, kind = kind, then = then](const Obligation& o) {
        const TextScan& scan = o.text_scan();
        return (MaskOfAll(scan.on_class()) & MaskOfAll(plan.classes)) != 0 && scan.then() == then &&
               std::count(scan.look_for().begin(), scan.look_for().end(), kind) > 0;
      };
      Add(absl::StrCat("text_scan.", TextScan::Kind_Name(kind)), TextScan::Then_Name(then), asks,
          plan.name);
    }
  }

  Decision& decision_;
  std::vector<Voice> permits_;
  std::uint64_t approvals_ = 0;
  std::vector<DutySource> approvals_from_;  // who asks for so many
};

}  // namespace

void TraceDuties(absl::Span<const LoadedPolicy> sets, const Request& request, Decision& decision) {
  decision.duties.clear();
  if (!decision.allow) return;
  const LoadedPolicy& in_force = sets.back();
  Trace trace(decision);
  trace.Consult(in_force, request, decision);
  if (ActionGivesOut(request.action)) {
    for (const LoadedPolicy& set : sets) {
      const auto& under = request.sealed_under;
      const bool is_earlier = set.sha256() != in_force.sha256();
      if (is_earlier && std::find(under.begin(), under.end(), set.sha256()) != under.end()) {
        trace.Consult(set, request, set.Decide(request));
      }
    }
  }
  trace.Run(request);
}

}  // namespace sealtrain::policy
