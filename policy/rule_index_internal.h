// Finds the rules in whose scope a request lies, without looking at each: for
// every principal, data set and purpose that the rules name, one bit for each
// rule. The rules in scope are the bits that all of them have. What this takes
// grows with the number of rules by a 64th of an operation each, whatever the
// rules look like, and nothing is allocated.
#ifndef SEALTRAIN_POLICY_RULE_INDEX_INTERNAL_H_
#define SEALTRAIN_POLICY_RULE_INDEX_INTERNAL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
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

  enum class Kind { kPermit, kForbid };

  // Calls visit(number) for each rule of this kind whose scope holds action,
  // principal, data set and purpose of the request, in the order of the file.
  template <typename Visit>
  void ForEachInScope(Kind kind, const Request& request, Visit visit) const {
    const Choice principals = Principals(request.principal);
    const Choice datasets = Datasets(request.dataset);
    const Choice purposes = Purposes(request.purpose);
    const Bits& rules = OfAction(kind, request.action);
    for (std::size_t word = 0; word < words_; ++word) {
      VisitBits(
          rules[word] & WordOf(principals, word) & WordOf(datasets, word) & WordOf(purposes, word),
          word, visit);
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
    const Choice principals = Principals(request.principal);
    const Choice datasets = Datasets(request.dataset);
    const Choice purposes = Purposes(request.purpose);
    const Bits& rules = OfAction(kind, request.action);
    for (std::size_t word = 0; word < words_; ++word) {
      const std::uint64_t principal = WordOf(principals, word);
      const std::uint64_t dataset = WordOf(datasets, word);
      const std::uint64_t purpose = WordOf(purposes, word);
      VisitBits(rules[word], word, [&](std::size_t rule) {
        const std::uint64_t bit = std::uint64_t{1} << (rule % 64);
        visit(rule, Holds{.principal = (principal & bit) != 0,
                          .dataset = (dataset & bit) != 0,
                          .purpose = (purpose & bit) != 0});
      });
    }
  }

 private:
  using Bits = std::vector<std::uint64_t>;  // words_ of them
  using BitsByName = absl::flat_hash_map<std::string, Bits>;
  // Rules that hold one of several names.
  using Choice = absl::InlinedVector<const std::uint64_t*, 12>;

  static std::uint64_t WordOf(const Choice& choice, std::size_t word) {
    std::uint64_t bits = 0;
    for (const std::uint64_t* some : choice) bits |= some[word];
    return bits;
  }
  template <typename Visit>
  static void VisitBits(std::uint64_t bits, std::size_t word, Visit visit) {
    for (; bits != 0; bits &= bits - 1) {
      visit(64 * word + static_cast<std::size_t>(absl::countr_zero(bits)));
    }
  }

  const Bits& OfAction(Kind kind, Action action) const {
    return (kind == Kind::kPermit ? permits_ : forbids_)[static_cast<std::size_t>(action)];
  }
  Choice Principals(absl::string_view principal) const;
  Choice Datasets(absl::string_view dataset) const;
  Choice Purposes(absl::string_view purpose) const;

  const std::size_t words_;
  std::array<Bits, Action_ARRAYSIZE> permits_;
  std::array<Bits, Action_ARRAYSIZE> forbids_;
  Bits any_principal_;
  BitsByName principals_;  // of members of groups too
  Bits any_dataset_;
  BitsByName datasets_;        // exact names
  BitsByName datasets_under_;  // PREFIX of PREFIX/*
  BitsByName purposes_;
};

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_RULE_INDEX_INTERNAL_H_
