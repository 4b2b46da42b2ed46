#include "sealtrain/policy/sealed_decision.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/obligations_internal.h"

namespace sealtrain::policy {
namespace {

// A denial in the name of the set in force.
Decision Deny(const LoadedPolicy& in_force, std::string code, std::string reason,
              std::string fix_hint) {
  Decision denial;
  denial.reason_code = std::move(code);
  denial.reason = std::move(reason);
  denial.fix_hint = std::move(fix_hint);
  denial.policy_id = in_force.proto().id();
  denial.policy_version = in_force.proto().version();
  denial.policy_sha256 = in_force.sha256();
  return denial;
}

std::string Named(const LoadedPolicy& set) {
  return absl::StrCat(internal::Quoted(set.proto().id()), " version ", set.proto().version());
}

// Makes `decision` as strict as `other`, which answers the same request.
void Tighten(Decision& decision, const Decision& other) {
  for (std::size_t i = 0; i < decision.columns.size(); ++i) {
    ColumnPlan& plan = decision.columns[i];
    const ColumnPlan& theirs = other.columns[i];
    // Opening keeps or withholds; what the review had to do is decided by now.
    if (theirs.transform.kind() != DROP || plan.transform.kind() == DROP) continue;
    plan.transform = theirs.transform;
    plan.from_rules.clear();
    for (const std::string& rule : theirs.from_rules) {
      plan.from_rules.push_back(absl::StrCat(rule, " of version ", other.policy_version));
    }
  }
  internal::MeetWith(decision.dp, other.dp);
  internal::MeetWith(decision.release, other.release);
  internal::KeepSmaller(decision.lease, other.lease);
  internal::KeepSmaller(decision.retention, other.retention);
  internal::KeepSmaller(decision.max_opens, other.max_opens);
}

}  // namespace

void TightenRelease(Decision& decision, const std::optional<Release>& inherited) {
  internal::MeetWith(decision.release, inherited);
}

void TightenSealing(Decision& seal, const Decision& ingest) {
  internal::MeetWith(seal.k_anonymity, ingest.k_anonymity);
  internal::KeepSmaller(seal.retention, ingest.retention);
  for (std::size_t i = 0; i < seal.columns.size(); ++i) {
    ColumnPlan& plan = seal.columns[i];
    if (plan.transform.kind() != KEEP) continue;  // no text is left of it
    for (const auto& [kind, then] : ingest.columns[i].scan) {
      internal::MeetWith(plan.scan, kind, then);
    }
  }
}

Decision DecideSealed(absl::Span<const LoadedPolicy> sets, const Request& request) {
  const LoadedPolicy& in_force = sets.back();
  Decision decision = in_force.Decide(request);
  if (!ActionGivesOut(request.action)) return decision;
  for (const Digest& sha256 : request.sealed_under) {
    if (!decision.allow) return decision;
    if (sha256 == in_force.sha256()) continue;
    const auto set = std::find_if(sets.begin(), sets.end(), [&sha256](const LoadedPolicy& some) {
      return some.sha256() == sha256;
    });
    if (set == sets.end()) {
      return Deny(in_force, "unknown_fact",
                  "data were sealed under a policy set that was never in force here", "");
    }
    const Decision then = set->Decide(request);
    if (!then.allow) {
      return Deny(in_force, "sealed_under",
                  absl::StrCat("data were sealed under ", Named(*set),
                               ", which does not allow it: ", then.reason),
                  absl::StrCat("`dataset reseal` puts them under ", Named(in_force),
                               ", if that permits you CHANGE_POLICY"));
    }
    Tighten(decision, then);
  }
  return decision;
}

}  // namespace sealtrain::policy
