#include "sealtrain/pipeline/review/text_scan.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/numeric/bits.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/review/text_byte_internal.h"
#include "sealtrain/pipeline/review/text_form_internal.h"

namespace sealtrain::pipeline {
namespace {

using policy::TextScan;

constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();

}  // namespace

// One call of Find().
//
// A finding is an edge: what is left and right of it is looked at as if the text
// ended there. On the left of the search that comes by itself. What stands before a
// finding was passed over with the finding behind it, which may be why it was none
// ("212-555-0123" before "/1x@example.org"), so the search steps back and looks again
// before it goes on. No further back than kMaxBoundedBytes: what can be longer does
// not depend on what is behind it. Each finding causes one step back, so the time is
// linear.
class TextScanner::Search {
 public:
  Search(const TextScanner& scanner, absl::string_view text) : scanner_(scanner), text_(text) {}

  void Run(std::vector<TextFinding>& findings) {
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

 private:
  // The first finding between the edges that begins at `at` or behind.
  std::optional<TextFinding> Next(std::size_t at) {
    std::size_t email = NextEmail(at);
    bool in_word = at > begin_ && IsWordByte(text_[at - 1]);
    for (; at + 1 < end_; ++at) {  // nothing is shorter than two bytes
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
  void Try(const TextForm& form, TextFinding& best) const {
    const std::size_t end =
        begin_ + form.Match(text_.substr(begin_, end_ - begin_), best.begin - begin_);
    if (end > best.end) best = {.kind = form.kind(), .begin = best.begin, .end = end};
  }

  // Where the next address can begin. Nearly every word could be a local part, so
  // they are looked for from their @.
  std::size_t NextEmail(std::size_t from) {
    if (scanner_.email_ == nullptr) return kNowhere;
    for (std::size_t sign = NextSign(from); sign < end_; sign = NextSign(sign + 1)) {
      const std::size_t begin = LocalPartBefore(sign);
      if (begin < sign && begin >= from) return begin;
    }
    return kNowhere;
  }

  // Where it begins; `sign`, if there is none.
  std::size_t LocalPartBefore(std::size_t sign) const {
    const std::size_t least = std::max(begin_, sign - std::min(sign, TextForm::kMaxLocalPartBytes));
    std::size_t begin = sign;
    while (begin > least && IsLocalPartByte(text_[begin - 1])) --begin;
    while (begin < sign && !IsWordByte(text_[begin])) ++begin;
    return begin;
  }

  // The next @ behind a local part, or what is no less than end_. The farthest answer
  // is kept, also when the search steps back: there may be many findings before it, and
  // many other @. An edge that moves takes local parts away and never makes one.
  std::size_t NextSign(std::size_t from) {
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
  std::size_t FindSign(std::size_t from, std::size_t to) const {
    for (; from < to; ++from) {
      const void* const sign = std::memchr(text_.data() + from, '@', to - from);
      if (sign == nullptr) return to;
      from = static_cast<std::size_t>(static_cast<const char*>(sign) - text_.data());
      if (LocalPartBefore(from) < from) return from;
    }
    return to;
  }

  const TextScanner& scanner_;
  const absl::string_view text_;
  std::size_t begin_ = 0;  // the edges
  std::size_t end_ = 0;
  // There is no @ behind a local part in [no_sign_from_, next_sign_).
  std::size_t no_sign_from_ = 0;
  std::size_t next_sign_ = 0;
};

TextScanner::TextScanner() = default;
TextScanner::~TextScanner() = default;

absl::StatusOr<std::shared_ptr<const TextScanner>> TextScanner::Create(
    absl::Span<const TextScan::Kind> kinds) {
  if (kinds.empty()) return absl::InvalidArgumentError("a text scan that looks for nothing");
  for (const TextScan::Kind kind : kinds) {
    if (kind == TextScan::KIND_UNSPECIFIED || !TextScan::Kind_IsValid(kind)) {
      return absl::InvalidArgumentError(absl::StrCat("a text scan cannot look for kind ", kind));
    }
  }
  std::shared_ptr<TextScanner> scanner(new TextScanner);
  for (const TextForm::Rule& rule : TextForm::Rules()) {
    if (!absl::c_linear_search(kinds, rule.kind)) continue;
    ST_ASSIGN_OR_RETURN(std::unique_ptr<const TextForm> form, TextForm::Create(rule));
    const std::uint32_t bit = std::uint32_t{1} << scanner->forms_.size();
    for (const char byte : rule.first_bytes) {
      scanner->by_first_[0][static_cast<std::uint8_t>(byte)] |= bit;
      if (!rule.alone) scanner->by_first_[1][static_cast<std::uint8_t>(byte)] |= bit;
    }
    for (const char byte : rule.second_bytes) {
      scanner->by_second_[static_cast<std::uint8_t>(byte)] |= bit;
    }
    if (rule.kind == TextScan::EMAIL_ADDRESS) scanner->email_ = form.get();
    scanner->forms_.push_back(std::move(form));
  }
  return scanner;
}

void TextScanner::Find(absl::string_view text, std::vector<TextFinding>& findings) const {
  Search(*this, text).Run(findings);
}

void ScrubText(absl::string_view text, absl::Span<const TextFinding> findings, std::string& out) {
  out.clear();
  std::size_t done = 0;
  for (const TextFinding& finding : findings) {
    absl::StrAppend(&out, text.substr(done, finding.begin - done), "[",
                    TextScan::Kind_Name(finding.kind), "]");
    done = finding.end;
  }
  absl::StrAppend(&out, text.substr(done));
}

}  // namespace sealtrain::pipeline
