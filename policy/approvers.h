// Those who approve policy sets and access requests, as a set names them.
#ifndef SEALTRAIN_POLICY_APPROVERS_H_
#define SEALTRAIN_POLICY_APPROVERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::policy {

// How many must approve an ERASE, and each set under which there are any, whatever it says.
inline constexpr std::uint64_t kApprovalsToErase = 2;

// Whether `approver` is the person who writes or asks as `principal`: by the
// principal that the set gives them, or by name.
bool IsPerson(const Approver& approver, absl::string_view principal);

// Without those of `names` that are the person behind `principal`: nobody approves
// for themselves.
std::vector<std::string> WithoutPerson(std::vector<std::string> names, const Approval& approval,
                                       absl::string_view principal);

// How many can approve a request of `principal` that all of `sets`, the one in force last, must
// allow: the approvers whom each has, with the same key, and who are not the person who asks.
std::uint64_t CountApproversFor(absl::Span<const Approval* const> sets,
                                absl::string_view principal);

// What `after` changes of who approves, a sentence each; empty: nothing.
std::vector<std::string> DiffApproval(const Approval& before, const Approval& after);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_APPROVERS_H_
