#include "sealtrain/custody/names_internal.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::custody {
namespace {

constexpr std::size_t kMaxNameBytes = 128;
constexpr std::size_t kMaxSegments = 8;
constexpr std::size_t kMaxWordBytes = 255;
constexpr std::size_t kMaxShownBytes = 64;

// What the store calls its own folders: a data set of that name would lie
// inside another one's.
bool IsReserved(absl::string_view segment) {
  return segment == "manifests" || segment == "models" || segment == "reviews" ||
         segment == "shards";
}

bool IsSegment(absl::string_view segment) {
  // A name with '-' in front would be taken for an option.
  return !segment.empty() && segment.front() != '-' && !IsReserved(segment) &&
         std::all_of(segment.begin(), segment.end(), [](char c) {
           return absl::ascii_islower(static_cast<unsigned char>(c)) ||
                  absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_' || c == '-';
         });
}

std::string Shown(absl::string_view text) {
  return absl::StrCat("\"", Printable(text.substr(0, kMaxShownBytes)),
                      text.size() > kMaxShownBytes ? "..." : "", "\"");
}

}  // namespace

absl::Status CheckName(absl::string_view what, absl::string_view name) {
  if (name.size() <= kMaxNameBytes) {
    const std::vector<absl::string_view> segments = absl::StrSplit(name, '/');
    if (segments.size() <= kMaxSegments &&
        std::all_of(segments.begin(), segments.end(), IsSegment)) {
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat(what, " ", Shown(name),
                   " is not a name: 1 to 8 parts of a-z, 0-9, '_' and, not in front, '-', joined "
                   "by '/', at most ",
                   kMaxNameBytes, " bytes, none of them manifests, models, reviews or shards"));
}

absl::Status CheckWord(absl::string_view what, absl::string_view word) {
  if (!word.empty() && word.size() <= kMaxWordBytes &&
      std::all_of(word.begin(), word.end(),
                  [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); })) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(what, " ", Shown(word), " is not 1 to ",
                                                 kMaxWordBytes, " bytes of ASCII without spaces"));
}

}  // namespace sealtrain::custody
