#include "sealtrain/policy/rule_index_internal.h"

#include "absl/strings/strip.h"
#include "sealtrain/policy/names_internal.h"

namespace sealtrain::policy::internal {
namespace {

// Calls visit(prefix) for each prefix of `name` that ends before a '/', the
// shortest first.
template <typename Visit>
void ForEachAncestor(absl::string_view name, Visit visit) {
  for (std::size_t slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
    visit(name.substr(0, slash));
  }
}

}  // namespace

RuleIndex::RuleIndex(const PolicySet& set)
    : words_((static_cast<std::size_t>(set.rule_size()) + 63) / 64) {
  const Bits none(words_, 0);
  permits_.fill(none);
  forbids_.fill(none);
  any_principal_ = none;
  any_dataset_ = none;

  absl::flat_hash_map<absl::string_view, const Group*> groups;
  for (const Group& group : set.group()) groups[group.name()] = &group;

  for (int i = 0; i < set.rule_size(); ++i) {
    const auto add = [word = static_cast<std::size_t>(i) / 64,
                      bit = std::uint64_t{1} << (i % 64)](Bits& bits) { bits[word] |= bit; };
    const auto add_name = [&](BitsByName& names, absl::string_view name) {
      add(names.try_emplace(name, none).first->second);
    };
    const Rule& rule = set.rule(i);
    for (const int action : rule.scope().action()) {
      add((rule.has_permit() ? permits_ : forbids_)[static_cast<std::size_t>(action)]);
    }
    for (const std::string& principal : rule.scope().principal()) {
      absl::string_view name = principal;
      if (name == kAnyPrincipal) {
        add(any_principal_);
      } else if (absl::ConsumePrefix(&name, kGroupPrefix)) {
        for (const std::string& member : groups.at(name)->member()) add_name(principals_, member);
      } else {
        add_name(principals_, name);
      }
    }
    for (absl::string_view dataset : rule.scope().dataset()) {
      if (dataset == "*") {
        add(any_dataset_);
      } else if (absl::ConsumeSuffix(&dataset, "/*")) {
        add_name(datasets_under_, dataset);
      } else {
        add_name(datasets_, dataset);
      }
    }
    for (const std::string& purpose : rule.scope().purpose()) add_name(purposes_, purpose);
  }
}

RuleIndex::Choice RuleIndex::Principals(absl::string_view principal) const {
  Choice choice = {any_principal_.data()};
  const auto named = principals_.find(principal);
  if (named != principals_.end()) choice.push_back(named->second.data());
  return choice;
}

RuleIndex::Choice RuleIndex::Datasets(absl::string_view dataset) const {
  Choice choice = {any_dataset_.data()};
  const auto add = [&choice](const BitsByName& names, absl::string_view name) {
    const auto found = names.find(name);
    if (found != names.end()) choice.push_back(found->second.data());
  };
  add(datasets_, dataset);
  // PREFIX/* holds what goes on behind the slash.
  ForEachAncestor(dataset, [&](absl::string_view prefix) {
    if (prefix.size() + 1 < dataset.size()) add(datasets_under_, prefix);
  });
  return choice;
}

RuleIndex::Choice RuleIndex::Purposes(absl::string_view purpose) const {
  Choice choice;
  const auto add = [&](absl::string_view name) {
    const auto found = purposes_.find(name);
    if (found != purposes_.end()) choice.push_back(found->second.data());
  };
  add(purpose);
  ForEachAncestor(purpose, add);
  return choice;
}

}  // namespace sealtrain::policy::internal
