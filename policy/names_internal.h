// Names in a policy and how they match. All compare as exact bytes.
#ifndef SEALTRAIN_POLICY_NAMES_INTERNAL_H_
#define SEALTRAIN_POLICY_NAMES_INTERNAL_H_

#include <string>

#include "absl/strings/string_view.h"

namespace sealtrain::policy::internal {

inline constexpr char kAnyPrincipal[] = "any";
inline constexpr char kGroupPrefix[] = "group:";

// What IsName asks for, in words. (No file has control characters.)
inline constexpr char kNameForm[] = "1 to 256 bytes";

// 1 to 256 bytes, none of them a control character.
bool IsName(absl::string_view name);
// A name that can ask: without '*', not "any" and not "group:...", in capitals neither,
// so that none looks as if it stood for others.
bool IsPrincipal(absl::string_view name);
// A name without '*'.
bool IsDataset(absl::string_view name);
// An exact data set, "PREFIX/*" or "*".
bool IsDatasetPattern(absl::string_view pattern);
// A name without '*' of segments that are not empty, joined by '/'.
bool IsPurpose(absl::string_view name);
// 64 lower-case hex digits.
bool IsHexDigest(absl::string_view text);

bool DatasetMatches(absl::string_view pattern, absl::string_view dataset);
// Whether `purpose` is `scope` or lies under it, by whole segments.
bool PurposeLiesUnder(absl::string_view purpose, absl::string_view scope);

// Printable() in quotes, with quotes escaped.
std::string Quoted(absl::string_view name);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_NAMES_INTERNAL_H_
