#include "sealtrain/policy/rule_index_internal.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/strip.h"
#include "sealtrain/policy/names_internal.h"

namespace sealtrain::policy::internal {
namespace {

// What `name` lies under: it up to before its last '/'. Empty, which no name is: nothing.
absl::string_view Parent(absl::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == name.npos ? "" : name.substr(0, slash);
}

// PREFIX/* holds what goes on behind the slash.
absl::string_view DatasetParent(absl::string_view dataset) {
  return Parent(dataset.substr(0, dataset.size() - 1));
}

}  // namespace

RuleIndex::RuleIndex(const PolicySet& set)
    : words_((static_cast<std::size_t>(set.rule_size()) + 63) / 64) {
  const Bits none(words_, 0);
  for (auto& of_kind : rules_) of_kind.fill(none);
  any_principal_ = none;
  any_dataset_ = none;
  no_purpose_ = none;

  absl::flat_hash_map<absl::string_view, const Group*> groups;
  for (const Group& group : set.group()) groups[group.name()] = &group;

  for (int i = 0; i < set.rule_size(); ++i) {
    const auto add = [word = static_cast<std::size_t>(i) / 64,
                      bit = std::uint64_t{1} << (i % 64)](Bits& bits) { bits[word] |= bit; };
    const auto add_name = [&](BitsByName& names, absl::string_view name) {
      add(names.try_emplace(name, none).first->second);
    };
    const Rule& rule = set.rule(i);
    for (const Kind kind : {rule.has_permit() ? Kind::kPermit : Kind::kForbid, Kind::kAny}) {
      for (const int action : rule.scope().action()) {
        add(rules_[static_cast<std::size_t>(kind)][static_cast<std::size_t>(action)]);
      }
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

  // Of every name all that hold it, so that one is looked up and not all that it lies under.
  for (const std::string& purpose : set.purpose()) purposes_.try_emplace(purpose, none);
  const auto add_all = [](Bits& bits, const Bits& more) {
    for (std::size_t word = 0; word < bits.size(); ++word) bits[word] |= more[word];
  };
  const auto add_above = [&](BitsByName& names) {
    for (auto& [name, bits] : names) {
      for (absl::string_view above = Parent(name); !above.empty(); above = Parent(above)) {
        const auto found = names.find(above);
        if (found != names.end()) add_all(bits, found->second);
      }
    }
  };
  add_above(purposes_);
  // A rule may name one that is not declared, above those that it is for.
  const absl::flat_hash_set<absl::string_view> declared(set.purpose().begin(), set.purpose().end());
  absl::erase_if(purposes_, [&declared](const auto& of) { return !declared.contains(of.first); });
  add_above(datasets_under_);
  for (auto& [prefix, bits] : datasets_under_) add_all(bits, any_dataset_);
  for (auto& [name, bits] : datasets_) {
    add_all(bits, Nearest(datasets_under_, DatasetParent(name), any_dataset_));
  }
  for (auto& [name, bits] : principals_) add_all(bits, any_principal_);
}

const RuleIndex::Bits& RuleIndex::Nearest(const BitsByName& names, absl::string_view name,
                                          const Bits& otherwise) {
  for (; !name.empty(); name = Parent(name)) {
    const auto found = names.find(name);
    if (found != names.end()) return found->second;
  }
  return otherwise;
}

const RuleIndex::Bits& RuleIndex::OfPrincipal(absl::string_view principal) const {
  const auto named = principals_.find(principal);
  return named == principals_.end() ? any_principal_ : named->second;
}

const RuleIndex::Bits& RuleIndex::OfDataset(absl::string_view dataset) const {
  const auto named = datasets_.find(dataset);
  if (named != datasets_.end()) return named->second;
  return Nearest(datasets_under_, DatasetParent(dataset), any_dataset_);
}

const RuleIndex::Bits& RuleIndex::OfPurpose(absl::string_view purpose) const {
  const auto declared = purposes_.find(purpose);
  return declared == purposes_.end() ? no_purpose_ : declared->second;
}

}  // namespace sealtrain::policy::internal
