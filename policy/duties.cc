#include "sealtrain/policy/duties.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/number_text.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/approvers.h"
#include "sealtrain/policy/conditions_internal.h"
#include "sealtrain/policy/decision_engine_internal.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/obligations_internal.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy {
namespace {

using internal::MaskOfAll;

const Rule& RuleOf(const LoadedPolicy& set, const RuleRef& ref) {
  const auto& rules = set.proto().rule();
  return *std::find_if(rules.begin(), rules.end(),
                       [&ref](const Rule& some) { return some.id() == ref.id; });
}

// A rule that had its say.
struct Voice {
  const Rule* rule;
  DutySource source;
};

// What one set has to say in an answer that allows.
struct Say {
  const LoadedPolicy& set;
  const Decision& answer;
  const Decision* unapproved;  // its denial where nobody had approved; null: it takes no approvals
};

// Calls `hear` with what each set says, the one in force first.
template <typename Hear>
void ForEachSay(absl::Span<const LoadedPolicy> sets, const Request& request,
                const Decision& decision, Hear hear) {
  const auto consult = [&](const LoadedPolicy& set, const Decision& answer) {
    if (request.approvals.value_or(0) == 0) return hear(Say{set, answer, nullptr});
    Request unapproved = request;
    unapproved.approvals = 0;
    const Decision without = set.Decide(unapproved);
    hear(Say{set, answer, without.allow ? nullptr : &without});
  };
  const LoadedPolicy& in_force = sets.back();
  consult(in_force, decision);
  if (!ActionGivesOut(request.action)) return;
  const std::vector<Digest>& under = request.sealed_under;
  for (const LoadedPolicy& set : sets) {
    if (set.sha256() == in_force.sha256()) continue;
    if (std::find(under.begin(), under.end(), set.sha256()) == under.end()) continue;
    consult(set, set.Decide(request));
  }
}

class Trace {
 public:
  Trace(Action action, Decision& decision) : action_(action), decision_(decision) {}

  void Hear(const Say& say) {
    const auto voice = [&set = say.set](const RuleRef& ref) {
      return Voice{&RuleOf(set, ref), {.rule = ref, .policy_version = set.proto().version()}};
    };
    std::vector<Voice>& permits = permits_.emplace_back();
    for (const RuleRef& ref : say.answer.determining_rules) permits.push_back(voice(ref));
    if (say.unapproved == nullptr) return;
    for (const Voice& permit : permits) {
      HearApprovals(permit.source, permit.rule->when());
      // Whoever permits it asks for them, whether in words or not.
      if (action_ == ERASE) HearApprovals(permit.source, kApprovalsToErase);
    }
    for (const RuleRef& ref : say.unapproved->determining_rules) {
      const Voice forbid = voice(ref);
      HearApprovals(forbid.source, forbid.rule->unless());
    }
  }

  void Run() {
    for (const ColumnPlan& plan : decision_.columns) {
      AddTransform(plan);
      AddScan(plan);
    }
    if (decision_.dp) {
      const DifferentialPrivacy& met = *decision_.dp;
      AddPrivacy(
          "dp", met, [](const Obligation& o) -> const auto& { return o.dp(); });
      Add("dp.ledger_epsilon", NumberText(met.ledger_epsilon()),
          [&](const Obligation& o) { return o.dp().ledger_epsilon() == met.ledger_epsilon(); });
    }
    if (decision_.lease) {
      Add("lease", DescribeLease(decision_.lease), [&](const Obligation& o) {
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
      Add("k_anonymity.max_suppressed", NumberText(met.max_suppressed()), [&](const Obligation& o) {
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
      // 0: it asks for something else.
      if (const std::uint64_t asked = condition.approvals_at_least(); asked > 0) {
        HearApprovals(source, asked);
      }
    }
  }
  void HearApprovals(const DutySource& source, std::uint64_t asked) {
    if (asked < approvals_) return;
    if (asked > approvals_) approvals_from_.clear();
    approvals_ = asked;
    approvals_from_.push_back(source);
  }

  // A duty of those permits with an obligation that `asks` for it.
  template <typename Asks>
  void Add(std::string name, std::string value, Asks asks) {
    AddOf(permits_, std::move(name), "", std::move(value), asks);
  }
  template <typename Asks>
  void AddOf(absl::Span<const std::vector<Voice>> permits_by_set, std::string name,
             std::string column, std::string value, Asks asks) {
    Duty duty{.name = std::move(name),
              .column = std::move(column),
              .value = std::move(value),
              .from = {}};
    for (const std::vector<Voice>& permits : permits_by_set) {
      for (const Voice& permit : permits) {
        const auto& obligations = permit.rule->permit().obligation();
        if (std::any_of(obligations.begin(), obligations.end(), asks)) {
          duty.from.push_back(permit.source);
        }
      }
    }
    decision_.duties.push_back(std::move(duty));
  }

  // Of `dp` and `release`. No such number is 0, which an obligation of another kind has.
  template <typename Privacy, typename Get>
  void AddPrivacy(const std::string& name, const Privacy& met, Get get) {
    Add(absl::StrCat(name, ".epsilon_max"), NumberText(met.epsilon_max()),
        [&](const Obligation& o) { return get(o).epsilon_max() == met.epsilon_max(); });
    Add(absl::StrCat(name, ".delta_max"), NumberText(met.delta_max()),
        [&](const Obligation& o) { return get(o).delta_max() == met.delta_max(); });
    Add(absl::StrCat(name, ".unit"), PrivacyUnit_Name(met.unit()),
        [&](const Obligation& o) { return get(o).unit() == met.unit(); });
  }

  void AddTransform(const ColumnPlan& plan) {
    const absl::Span<const std::vector<Voice>> all = permits_;
    const std::vector<const Transform*> asked = Asked(all, plan);
    Transform made;
    const Transform* met = internal::StrictestOf(asked, made);
    if (plan.transform.kind() == DROP && (met == nullptr || met->kind() != DROP)) {
      return decision_.duties.push_back(
          {.name = "transform", .column = plan.name, .value = "DROP", .from = {}});
    }
    if (met != nullptr) return AddStrictest(all, plan);
    // Nobody asks, and it is kept; or several sets do that cannot be compared, but each in itself.
    for (std::size_t set = 0; set < all.size(); ++set) AddStrictest(all.subspan(set, 1), plan);
  }

  static bool Concerns(const Obligation& obligation, const ColumnPlan& plan) {
    return (MaskOfAll(obligation.transform().on_class()) & MaskOfAll(plan.classes)) != 0;
  }

  static std::vector<const Transform*> Asked(absl::Span<const std::vector<Voice>> permits_by_set,
                                             const ColumnPlan& plan) {
    std::vector<const Transform*> asked;
    for (const std::vector<Voice>& permits : permits_by_set) {
      for (const Voice& permit : permits) {
        for (const Obligation& o : permit.rule->permit().obligation()) {
          if (Concerns(o, plan)) asked.push_back(&o.transform());
        }
      }
    }
    return asked;
  }

  // What these permits ask for together, which can be compared; nothing if that is nothing.
  void AddStrictest(absl::Span<const std::vector<Voice>> permits_by_set, const ColumnPlan& plan) {
    const std::vector<const Transform*> asked = Asked(permits_by_set, plan);
    if (asked.empty()) return;
    const auto is_strictest = [&](const Obligation& o) {
      return Concerns(o, plan) && std::none_of(asked.begin(), asked.end(), [&](const auto* other) {
               return internal::IsAtLeastAsStrict(*other, o.transform()) &&
                      !internal::IsAtLeastAsStrict(o.transform(), *other);
             });
    };
    Transform made;
    AddOf(permits_by_set, "transform", plan.name,
          DescribeTransform(*internal::StrictestOf(asked, made)), is_strictest);
  }

  void AddScan(const ColumnPlan& plan) {
    for (const auto& [kind, then] : plan.scan) {
      const auto asks = [&plan, kind = kind, then = then](const Obligation& o) {
        const TextScan& scan = o.text_scan();
        return (MaskOfAll(scan.on_class()) & MaskOfAll(plan.classes)) != 0 && scan.then() == then &&
               std::count(scan.look_for().begin(), scan.look_for().end(), kind) > 0;
      };
      AddOf(permits_, absl::StrCat("text_scan.", TextScan::Kind_Name(kind)), plan.name,
            TextScan::Then_Name(then), asks);
    }
  }

  const Action action_;
  Decision& decision_;
  std::vector<std::vector<Voice>> permits_;  // of each set
  std::uint64_t approvals_ = 0;
  std::vector<DutySource> approvals_from_;  // who asks for so many
};

// What would keep `rule`, which forbids `request`, from doing so.
std::string EndOfForbid(const Rule& rule, const Request& request) {
  std::vector<std::string> ways;
  const auto add = [&](absl::string_view how, const Condition& condition) {
    const bool unknown = internal::Evaluate(condition, request) == internal::Truth::kUnknown;
    ways.push_back(
        absl::StrCat(how, internal::ConditionText(condition),
                     unknown ? internal::UnknownNote(condition, request.action) : std::string()));
  };
  for (const Condition& condition : rule.unless()) add("with ", condition);
  for (const Condition& condition : rule.when()) add("without ", condition);
  if (rule.scope().data_class_size() > 0) {
    std::vector<std::string> classes;
    for (const int c : rule.scope().data_class()) {
      classes.push_back(DataClassName(static_cast<DataClass>(c)));
    }
    ways.push_back(absl::StrCat("asked without ", absl::StrJoin(classes, ", ")));
  }
  return ways.empty() ? "nothing that a fact could change" : absl::StrJoin(ways, "; or ");
}

}  // namespace

void TraceDuties(absl::Span<const LoadedPolicy> sets, const Request& request, Decision& decision) {
  decision.duties.clear();
  decision.would_end.clear();
  if (!decision.allow) {
    if (decision.reason_code != "forbidden") return;
    for (const RuleRef& ref : decision.determining_rules) {
      decision.would_end.push_back(EndOfForbid(RuleOf(sets.back(), ref), request));
    }
    return;
  }
  Trace trace(request.action, decision);
  ForEachSay(sets, request, decision, [&trace](const Say& say) { trace.Hear(say); });
  trace.Run();
}

std::string GroundsOf(absl::Span<const LoadedPolicy> sets, const Request& request,
                      const Decision& decision) {
  std::string grounds;
  // No id has a control character.
  const auto add = [&grounds](const Decision& answer, absl::string_view end) {
    for (const RuleRef& rule : answer.determining_rules) absl::StrAppend(&grounds, rule.id, "\1");
    absl::StrAppend(&grounds, end);
  };
  ForEachSay(sets, request, decision, [&add](const Say& say) {
    add(say.answer, "\2");
    if (say.unapproved != nullptr) add(*say.unapproved, "\3");
  });
  return grounds;
}

}  // namespace sealtrain::policy
