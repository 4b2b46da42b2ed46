#include "sealtrain/pipeline/review/text_scan.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/review/text_form_internal.h"
#include "sealtrain/pipeline/review/text_search_internal.h"

namespace sealtrain::pipeline {

using policy::TextScan;

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
  TextSearch(*this, text).Run(findings);
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
