// Finds the rules in whose scope a request lies, without looking at each: for
// every principal, data set and purpose that the rules name, one bit for each
// rule that holds it. The rules in scope are the bits that the request's three
// have. What this takes grows with the number of rules by a 64th of an operation
// each, whatever the rules look like, and nothing is allocated.
#ifndef SEALTRAIN_POLICY_RULE_INDEX_INTERNAL_H_
#define SEALTRAIN_POLICY_RULE_INDEX_INTERNAL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/numeric/bits.h"
#include "absl/strings/string_view.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::policy::internal {

// Immutable, so thread-safe. Rules are numbered as in the set.
class RuleIndex {
 public:
  // The set must be without errors.
  explicit RuleIndex(const PolicySet& set);

  enum class Kind { kPermit, kForbid, kAny };

  // Calls visit(number) for each rule of this kind whose scope holds action,
  // principal, data set and purpose of the request, in the order of the file.
  template <typename Visit>
  void ForEachInScope(Kind kind, const Request& request, Visit visit) const {
    const Bits& rules = OfAction(kind, request.action);
    const Bits& principals = OfPrincipal(request.principal);
    const Bits& datasets = OfDataset(request.dataset);
    const Bits& purposes = OfPurpose(request.purpose);
    for (std::size_t word = 0; word < words_; ++word) {
      // Most rules are for somebody else.
      const std::uint64_t bits = rules[word] & principals[word];
      if (bits != 0) VisitBits(bits & datasets[word] & purposes[word], word, visit);
    }
  }

  // The same, whatever their principals, data sets and purposes; visit(number,
  // holds) is told which of these three the scope holds.
  struct Holds {
    bool principal;
    bool dataset;
    bool purpose;
  };
  template <typename Visit>
  void ForEachOfAction(Kind kind, const Request& request, Visit visit) const {
    const Bits& rules = OfAction(kind, request.action);
    const Bits& principals = OfPrincipal(request.principal);
    const Bits& datasets = OfDataset(request.dataset);
    const Bits& purposes = OfPurpose(request.purpose);
    for (std::size_t word = 0; word < words_; ++word) {
      const std::uint64_t principal = principals[word];
      const std::uint64_t dataset = datasets[word];
      const std::uint64_t purpose = purposes[word];
      VisitBits(rules[word], word, [&](std::size_t rule) {
        const std::uint64_t bit = std::uint64_t{1} << (rule % 64);
        visit(rule, Holds{.principal = (principal & bit) != 0,
                          .dataset = (dataset & bit) != 0,
                          .purpose = (purpose & bit) != 0});
      });
    }
  }

  // Whether the set declares the purpose. If not, no rule is in scope of a request for it.
  bool IsDeclared(absl::string_view purpose) const { return purposes_.contains(purpose); }

 private:
  using Bits = std::vector<std::uint64_t>;  // words_ of them
  using BitsByName = absl::flat_hash_map<std::string, Bits>;

  template <typename Visit>
  static void VisitBits(std::uint64_t bits, std::size_t word, Visit visit) {
    for (; bits != 0; bits &= bits - 1) {
      visit(64 * word + static_cast<std::size_t>(absl::countr_zero(bits)));
    }
  }

  const Bits& OfAction(Kind kind, Action action) const {
    return rules_[static_cast<std::size_t>(kind)][static_cast<std::size_t>(action)];
  }
  // Of `name`, or else of the first above it that is there.
  static const Bits& Nearest(const BitsByName& names, absl::string_view name,
                             const Bits& otherwise);
  const Bits& OfPrincipal(absl::string_view principal) const;
  const Bits& OfDataset(absl::string_view dataset) const;
  const Bits& OfPurpose(absl::string_view purpose) const;

  const std::size_t words_;
  std::array<std::array<Bits, Action_ARRAYSIZE>, 3> rules_;  // by kind and action
  // All rules that hold the name: those that name it, those that name what it lies under,
  // and those that name any.
  BitsByName principals_;  // of members of groups too
  Bits any_principal_;
  BitsByName datasets_;        // exact names
  BitsByName datasets_under_;  // PREFIX of PREFIX/*
  Bits any_dataset_;
  BitsByName purposes_;  // that are declared
  Bits no_purpose_;
};

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_RULE_INDEX_INTERNAL_H_
