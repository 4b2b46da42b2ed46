#include "sealtrain/audit/vkey_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sealtrain::audit {

absl::StatusOr<std::vector<VerifierKey>> ParseVkeyFile(absl::string_view text) {
  if (!absl::ConsumeSuffix(&text, "\n")) return absl::DataLossError("no newline at its end");
  std::vector<VerifierKey> keys;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StatusOr<VerifierKey> key = ParseVkey(line);
    if (!key.ok()) return absl::DataLossError(key.status().message());
    if (keys.size() == kMaxLogKeys) return absl::DataLossError("too many keys");
    if (!keys.empty() && key->name != keys[0].name) {
      return absl::DataLossError("keys of different logs");
    }
    if (std::find(keys.begin(), keys.end(), *key) != keys.end()) {
      return absl::DataLossError("a key twice");
    }
    keys.push_back(*std::move(key));
  }
  return keys;
}

std::string FormatVkeyFile(absl::Span<const VerifierKey> keys) {
  std::string text;
  for (const VerifierKey& key : keys) absl::StrAppend(&text, FormatVkey(key), "\n");
  return text;
}

}  // namespace sealtrain::audit
