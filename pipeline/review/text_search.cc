#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#include "absl/numeric/bits.h"
#include "sealtrain/pipeline/review/text_byte_internal.h"
#include "sealtrain/pipeline/review/text_form_internal.h"
#include "sealtrain/pipeline/review/text_search_internal.h"

namespace sealtrain::pipeline {
namespace {

using policy::TextScan;

constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();

}  // namespace

void TextSearch::Run(std::vector<TextFinding>& findings) {
  findings.clear();
  std::vector<TextFinding> ahead;  // found, but not what is before them; descending
  std::size_t at = 0;
  end_ = text_.size();
  while (true) {
    if (const std::optional<TextFinding> found = Next(at)) {
      ahead.push_back(*found);
      end_ = found->begin;
      at = std::max(begin_, end_ - std::min(end_, TextForm::kMaxBoundedBytes));
      continue;
    }
    if (ahead.empty()) return;
    findings.push_back(ahead.back());
    ahead.pop_back();
    at = begin_ = findings.back().end;
    end_ = ahead.empty() ? text_.size() : ahead.back().begin;
  }
}

// The first finding between the edges that begins at `at` or behind.
std::optional<TextFinding> TextSearch::Next(std::size_t at) {
  std::size_t email = NextEmail(at);
  bool in_word = at > begin_ && IsWordByte(text_[at - 1]);
  for (; at + 1 < end_; ++at) {  // nothing is shorter than two bytes
    ++steps_;
    std::uint32_t forms = scanner_.by_first_[in_word][static_cast<std::uint8_t>(text_[at])] &
                          scanner_.by_second_[static_cast<std::uint8_t>(text_[at + 1])];
    in_word = IsWordByte(text_[at]);
    if (forms == 0 && at != email) continue;
    TextFinding best = {.kind = TextScan::KIND_UNSPECIFIED, .begin = at, .end = at};
    if (at == email) {
      Try(*scanner_.email_, best);
      email = NextEmail(at + 1);
    }
    for (; forms != 0; forms &= forms - 1) {
      Try(*scanner_.forms_[static_cast<std::size_t>(absl::countr_zero(forms))], best);
    }
    if (best.end > at) return best;
  }
  return std::nullopt;
}

// Forms are tried in the order of their kinds, so that the lower stays.
void TextSearch::Try(const TextForm& form, TextFinding& best) {
  const std::size_t end =
      begin_ + form.Match(text_.substr(begin_, end_ - begin_), best.begin - begin_);
  steps_ += 1 + (std::max(end, best.begin) - best.begin);
  if (end > best.end) best = {.kind = form.kind(), .begin = best.begin, .end = end};
}

// Where the next address can begin. Nearly every word could be a local part, so
// they are looked for from their @.
std::size_t TextSearch::NextEmail(std::size_t from) {
  if (scanner_.email_ == nullptr) return kNowhere;
  for (std::size_t sign = NextSign(from); sign < end_; sign = NextSign(sign + 1)) {
    const std::size_t begin = LocalPartBefore(sign);
    if (begin < sign && begin >= from) return begin;
  }
  return kNowhere;
}

// Where it begins; `sign`, if there is none.
std::size_t TextSearch::LocalPartBefore(std::size_t sign) {
  const std::size_t least = std::max(begin_, sign - std::min(sign, TextForm::kMaxLocalPartBytes));
  std::size_t begin = sign;
  while (begin > least && IsLocalPartByte(text_[begin - 1])) --begin;
  steps_ += sign - begin;
  while (begin < sign && !IsWordByte(text_[begin])) ++begin;
  return begin;
}

// The next @ behind a local part, or what is no less than end_. The farthest answer
// is kept, also when the search steps back: there may be many findings before it, and
// many other @. An edge that moves takes local parts away and never makes one.
std::size_t TextSearch::NextSign(std::size_t from) {
  if (from > next_sign_) {
    no_sign_from_ = from;
    next_sign_ = FindSign(from, text_.size());
  } else if (from < no_sign_from_) {
    const std::size_t sign = FindSign(from, std::min(no_sign_from_, end_));
    if (sign < no_sign_from_) return sign;
  }
  return next_sign_;
}

// The first in [from, to); `to`, if there is none.
std::size_t TextSearch::FindSign(std::size_t from, std::size_t to) {
  for (; from < to; ++from) {
    const void* const found = std::memchr(text_.data() + from, '@', to - from);
    const std::size_t sign =
        found == nullptr ? to
                         : static_cast<std::size_t>(static_cast<const char*>(found) - text_.data());
    steps_ += sign - from;
    if (sign == to || LocalPartBefore(sign) < sign) return sign;
    from = sign;
  }
  return to;
}

}  // namespace sealtrain::pipeline
