#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "sealtrain/pipeline/review/text_scan.h"

namespace sealtrain::pipeline {
namespace {

std::shared_ptr<const TextScanner> ScannerOfAll() {
  std::vector<policy::TextScan::Kind> kinds;
  for (int kind = 1; policy::TextScan::Kind_IsValid(kind); ++kind) {
    kinds.push_back(static_cast<policy::TextScan::Kind>(kind));
  }
  return TextScanner::Create(kinds).value();
}

// Findings lie in the text, in order and apart, and once they are taken out nothing
// more is found.
void Check(const TextScanner& scanner, absl::string_view text) {
  std::vector<TextFinding> findings;
  scanner.Find(text, findings);
  std::size_t end = 0;
  for (const TextFinding& finding : findings) {
    if (finding.begin < end || finding.end <= finding.begin) std::abort();
    end = finding.end;
  }
  if (end > text.size()) std::abort();
  std::string scrubbed;
  ScrubText(text, findings, scrubbed);
  scanner.Find(scrubbed, findings);
  if (!findings.empty()) std::abort();
}

}  // namespace
}  // namespace sealtrain::pipeline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain::pipeline;
  static const auto& scanner = *new std::shared_ptr<const TextScanner>(ScannerOfAll());
  Check(*scanner, absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
