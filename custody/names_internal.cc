#include "sealtrain/custody/names_internal.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/policy/asked_names.h"

namespace sealtrain::custody {
namespace {

constexpr std::size_t kMaxShownBytes = 64;

// What the store calls its own folders: a data set of that name would lie
// inside another one's.
bool HasReservedPart(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  return std::any_of(parts.begin(), parts.end(), [](absl::string_view part) {
    return part == "manifests" || part == "models" || part == "reviews" || part == "shards";
  });
}

std::string Shown(absl::string_view text) {
  return absl::StrCat("\"", Printable(text.substr(0, kMaxShownBytes)),
                      text.size() > kMaxShownBytes ? "..." : "", "\"");
}

}  // namespace

absl::Status CheckName(absl::string_view what, absl::string_view name) {
  if (policy::IsPathName(name) && !HasReservedPart(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      what, " ", Shown(name),
      " is not a name: 1 to 8 parts of a-z, 0-9, '_' and, not in front, '-', joined "
      "by '/', at most ",
      policy::kMaxPathNameBytes, " bytes, none of them manifests, models, reviews or shards"));
}

absl::Status CheckWord(absl::string_view what, absl::string_view word) {
  if (policy::IsWord(word)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, " ", Shown(word), " is not 1 to ",
                                                 policy::kMaxWordBytes,
                                                 " bytes of ASCII without spaces"));
}

}  // namespace sealtrain::custody
