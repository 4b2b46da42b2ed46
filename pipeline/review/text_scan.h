// Finds strings in free text that identify people, machines and accounts, and
// takes them out. docs/formats/review.md, 3, says what exactly is looked for.
#ifndef SEALTRAIN_PIPELINE_REVIEW_TEXT_SCAN_H_
#define SEALTRAIN_PIPELINE_REVIEW_TEXT_SCAN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::pipeline {

class TextForm;

// Bytes [begin, end) of a text.
struct TextFinding {
  policy::TextScan::Kind kind;
  std::size_t begin;
  std::size_t end;

  friend bool operator==(const TextFinding&, const TextFinding&) = default;
};

// Immutable, thread-safe. Takes time linear in the length of the text, whatever it is.
// Some MiB of memory while it lives, for the automata of RE2.
class TextScanner {
 public:
  // InvalidArgument: no kind, or one that is unspecified or unknown.
  static absl::StatusOr<std::shared_ptr<const TextScanner>> Create(
      absl::Span<const policy::TextScan::Kind> kinds);
  ~TextScanner();

  // Replaces `findings` by those in `text`, ascending and never overlapping: of
  // those that overlap it is the one that begins first, then the longer, then the
  // one of the lower kind, and what is left of the other is looked at afresh.
  // Nothing stays unseen for standing next to a finding: once ScrubText() has put
  // all of them away, nothing more is found.
  //
  // `text` should be UTF-8. Any bytes are safe, but only ASCII is recognised:
  // digits and letters that merely look like it are not.
  void Find(absl::string_view text, std::vector<TextFinding>& findings) const;

 private:
  friend class TextSearch;

  TextScanner();

  std::vector<std::unique_ptr<const TextForm>> forms_;  // ascending by kind
  const TextForm* email_ = nullptr;                     // of forms_
  // Shortcuts. Bit i: forms_[i] can have this byte as its first, [0] at the begin of
  // a word, [1] behind a letter, digit or underscore; or as its second.
  using FormsByByte = std::array<std::uint32_t, 256>;
  std::array<FormsByByte, 2> by_first_ = {};
  FormsByByte by_second_ = {};
};

// Replaces `out` by `text` with the name of its kind in the place of each finding,
// as in "[EMAIL_ADDRESS]". Requires findings of Find() in `text`; `out` is UTF-8
// if `text` is.
void ScrubText(absl::string_view text, absl::Span<const TextFinding> findings, std::string& out);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_REVIEW_TEXT_SCAN_H_
