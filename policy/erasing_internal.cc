#include "sealtrain/policy/erasing_internal.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/policy/approvers.h"

namespace sealtrain::policy::internal {

Decision Decide(const DecisionEngine& engine, const PolicySet& set, const Request& request) {
  Decision decision = engine.Decide(request);
  if (request.action != ERASE || !decision.allow) return decision;
  const auto deny = [&decision](std::string reason, std::string fix_hint) {
    decision.allow = false;
    decision.determining_rules.clear();
    decision.reason_code = "too_few_approvals";
    decision.reason = std::move(reason);
    decision.fix_hint = std::move(fix_hint);
    return decision;
  };
  // Who may change alone who approves could approve twice.
  if (set.approval().required() < kApprovalsToErase) {
    return deny(absl::StrCat("nothing that an entry seals is destroyed under a policy set that "
                             "takes effect with fewer than ",
                             kApprovalsToErase, " approvals (`required`)"),
                "apply a version that requires more");
  }
  if (request.approvals.value_or(0) < kApprovalsToErase) {
    return deny(
        absl::StrCat("what an entry seals is destroyed with ", kApprovalsToErase,
                     " approvals of that at least, and there are ",
                     request.approvals ? absl::StrCat(*request.approvals) : "none that is known"),
        "have it approved, see `sealtrain access request --entry`");
  }
  return decision;
}

}  // namespace sealtrain::policy::internal
