// The forms that a text scan knows: what each looks like and may stand beside.
#ifndef SEALTRAIN_PIPELINE_REVIEW_TEXT_FORM_INTERNAL_H_
#define SEALTRAIN_PIPELINE_REVIEW_TEXT_FORM_INTERNAL_H_

#include <re2/re2.h>

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::pipeline {

// Immutable, thread-safe.
class TextForm {
 public:
  static constexpr std::size_t kMaxLocalPartBytes = 64;  // RFC 5321, 4.5.3.1.1
  static constexpr std::size_t kMaxBoundedBytes = 66;

  struct Rule {
    policy::TextScan::Kind kind;
    // No letter, digit or underscore stands right before it; nor behind, if bounded.
    bool alone = true;
    // RE2 syntax over bytes; the longest match counts. Whatever is repeated without
    // bound must hold no place where the same form can begin, or time is quadratic. Nor
    // does a form end amid such a run: at each edge in it another could begin.
    const char* pattern;
    // What its first two bytes can be; an address is found from its @ instead.
    absl::string_view first_bytes;
    absl::string_view second_bytes;
    // Shortcut: false only if the pattern cannot match at the begin of `text`.
    bool (*may_begin)(absl::string_view text) = nullptr;
    // Whether a match is one; if not, shorter ones are tried.
    bool (*valid)(absl::string_view match) = nullptr;
    // Length of the longest match, at most kMaxBoundedBytes. 0: not bounded; then
    // there is no `valid`, and what comes behind does not matter.
    std::size_t max_bytes = 0;

    // None of these bytes stands right before it;
    absl::string_view not_after;
    // nor, before it or behind, one of these and beyond that a digit,
    absl::string_view not_by_digit;
    // or one of these and beyond that a hex digit or the same byte.
    absl::string_view not_by_hex;
  };
  // All of them, ascending by kind; no more than 32.
  static absl::Span<const Rule> Rules();

  // `rule` must outlive the form. Internal: its pattern cannot be compiled.
  static absl::StatusOr<std::unique_ptr<const TextForm>> Create(const Rule& rule);

  policy::TextScan::Kind kind() const { return rule_.kind; }
  // The end of the longest one that begins at text[at]; 0: there is none. The ends
  // of `text` are taken for such that anything may stand beside.
  std::size_t Match(absl::string_view text, std::size_t at) const;

 private:
  explicit TextForm(const Rule& rule);

  bool BeginsWell(absl::string_view text, std::size_t at) const;
  bool EndsWell(absl::string_view text, std::size_t end) const;
  std::size_t MatchIn(absl::string_view text) const;  // length of the longest; 0: none

  const Rule& rule_;
  const RE2 pattern_;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_REVIEW_TEXT_FORM_INTERNAL_H_
