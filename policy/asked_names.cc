#include "sealtrain/policy/asked_names.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace sealtrain::policy {
namespace {

constexpr std::size_t kMaxParts = 8;

bool IsPart(absl::string_view part) {
  // A name with '-' in front would be taken for an option.
  return !part.empty() && part.front() != '-' && std::all_of(part.begin(), part.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  });
}

}  // namespace

bool IsPathName(absl::string_view name) {
  if (name.size() > kMaxPathNameBytes) return false;
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  return parts.size() <= kMaxParts && std::all_of(parts.begin(), parts.end(), IsPart);
}

bool IsWord(absl::string_view word) {
  return !word.empty() && word.size() <= kMaxWordBytes &&
         std::all_of(word.begin(), word.end(),
                     [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); });
}

}  // namespace sealtrain::policy
