#include "sealtrain/policy/approvers.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"

namespace sealtrain::policy {
namespace {

std::map<std::string, const Approver*> ByName(const Approval& approval) {
  std::map<std::string, const Approver*> by_name;
  for (const Approver& approver : approval.approver()) by_name[approver.name()] = &approver;
  return by_name;
}

}  // namespace

bool IsPerson(const Approver& approver, absl::string_view principal) {
  return approver.name() == principal ||
         (approver.has_principal() && approver.principal() == principal);
}

std::vector<std::string> WithoutPerson(std::vector<std::string> names, const Approval& approval,
                                       absl::string_view principal) {
  for (const Approver& approver : approval.approver()) {
    if (!IsPerson(approver, principal)) continue;
    names.erase(std::remove(names.begin(), names.end(), approver.name()), names.end());
  }
  return names;
}

std::uint64_t CountApproversFor(absl::Span<const Approval* const> sets,
                                absl::string_view principal) {
  const auto& approvers = sets.back()->approver();
  return static_cast<std::uint64_t>(
      std::count_if(approvers.begin(), approvers.end(), [&](const Approver& approver) {
        return std::all_of(sets.begin(), sets.end(), [&](const Approval* set) {
          return std::any_of(
              set->approver().begin(), set->approver().end(), [&](const Approver& same) {
                return same.name() == approver.name() &&
                       same.public_key() == approver.public_key() && !IsPerson(same, principal);
              });
        });
      }));
}

std::vector<std::string> DiffApproval(const Approval& before, const Approval& after) {
  std::vector<std::string> changes;
  if (before.required() != after.required()) {
    changes.push_back(
        absl::StrCat("approvals required: ", before.required(), " -> ", after.required()));
  }
  const std::map<std::string, const Approver*> old = ByName(before);
  const std::map<std::string, const Approver*> now = ByName(after);
  for (const auto& [name, approver] : old) {
    const auto found = now.find(name);
    if (found == now.end()) {
      changes.push_back(absl::StrCat(name, " approves no longer"));
      continue;
    }
    if (approver->public_key() != found->second->public_key()) {
      changes.push_back(absl::StrCat(name, " approves with another key"));
    }
    if (approver->principal() != found->second->principal()) {
      changes.push_back(absl::StrCat(name, " asks as another principal: \"", approver->principal(),
                                     "\" -> \"", found->second->principal(), "\""));
    }
  }
  for (const auto& [name, approver] : now) {
    if (old.count(name) == 0) changes.push_back(absl::StrCat(name, " approves, too"));
  }
  return changes;
}

}  // namespace sealtrain::policy
