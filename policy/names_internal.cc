#include "sealtrain/policy/names_internal.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::policy::internal {

bool IsName(absl::string_view name) {
  if (name.empty() || name.size() > 256) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f;
  });
}

bool IsPrincipal(absl::string_view name) {
  return IsName(name) && !absl::StrContains(name, '*') &&
         !absl::EqualsIgnoreCase(name, kAnyPrincipal) &&
         !absl::StartsWithIgnoreCase(name, kGroupPrefix);
}

bool IsDataset(absl::string_view name) { return IsName(name) && !absl::StrContains(name, '*'); }

bool IsDatasetPattern(absl::string_view pattern) {
  if (pattern == "*") return true;
  absl::ConsumeSuffix(&pattern, "/*");
  return IsDataset(pattern);
}

bool IsPurpose(absl::string_view name) {
  if (!IsName(name) || absl::StrContains(name, '*')) return false;
  for (const absl::string_view segment : absl::StrSplit(name, '/')) {
    if (segment.empty()) return false;
  }
  return true;
}

bool IsHexDigest(absl::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool DatasetMatches(absl::string_view pattern, absl::string_view dataset) {
  if (pattern == "*") return true;
  if (!absl::EndsWith(pattern, "/*")) return pattern == dataset;
  pattern.remove_suffix(1);  // keeps the '/'
  return dataset.size() > pattern.size() && absl::StartsWith(dataset, pattern);
}

bool PurposeLiesUnder(absl::string_view purpose, absl::string_view scope) {
  if (!absl::ConsumePrefix(&purpose, scope)) return false;
  return purpose.empty() || purpose.front() == '/';
}

std::string Quoted(absl::string_view name) {
  return absl::StrCat("\"", absl::StrReplaceAll(Printable(name), {{"\"", "\\\""}}), "\"");
}

}  // namespace sealtrain::policy::internal
