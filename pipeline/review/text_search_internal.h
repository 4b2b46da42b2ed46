// One search of a text for the forms of a scanner.
#ifndef SEALTRAIN_PIPELINE_REVIEW_TEXT_SEARCH_INTERNAL_H_
#define SEALTRAIN_PIPELINE_REVIEW_TEXT_SEARCH_INTERNAL_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "sealtrain/pipeline/review/text_scan.h"

namespace sealtrain::pipeline {

// A finding is an edge: what is left and right of it is looked at as if the text
// ended there. On the left of the search that comes by itself. What stands before a
// finding was passed over with the finding behind it, which may be why it was none
// ("212-555-0123" before "/1x@example.org"), so the search steps back and looks again
// before it goes on. No further back than kMaxBoundedBytes: what can be longer does
// not depend on what is behind it. Each finding causes one step back, so the time is
// linear.
class TextSearch {
 public:
  // Both must outlive it.
  TextSearch(const TextScanner& scanner, absl::string_view text) : scanner_(scanner), text_(text) {}

  // As TextScanner::Find(). Once.
  void Run(std::vector<TextFinding>& findings);

  // Bytes looked at and forms tried so far: what the time is in proportion to, but not
  // at the mercy of the machine.
  std::size_t steps() const { return steps_; }

 private:
  std::optional<TextFinding> Next(std::size_t at);
  void Try(const TextForm& form, TextFinding& best);
  std::size_t NextEmail(std::size_t from);
  std::size_t LocalPartBefore(std::size_t sign);
  std::size_t NextSign(std::size_t from);
  std::size_t FindSign(std::size_t from, std::size_t to);

  const TextScanner& scanner_;
  const absl::string_view text_;
  std::size_t begin_ = 0;  // the edges
  std::size_t end_ = 0;
  // There is no @ behind a local part in [no_sign_from_, next_sign_).
  std::size_t no_sign_from_ = 0;
  std::size_t next_sign_ = 0;
  std::size_t steps_ = 0;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_REVIEW_TEXT_SEARCH_INTERNAL_H_
