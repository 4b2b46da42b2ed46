#include "sealtrain/policy/known_names.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/policy/asked_names.h"
#include "sealtrain/policy/names_internal.h"

namespace sealtrain::policy {
namespace {

using internal::Quoted;

constexpr std::size_t kMaxShown = 12;

// "a, b, c and 4 others"; those that begin most like `asked` first.
std::string Listed(const std::set<std::string>& names, absl::string_view asked) {
  const auto alike = [asked](const std::string& name) {
    return std::mismatch(name.begin(), name.end(), asked.begin(), asked.end()).first - name.begin();
  };
  std::vector<std::string> shown(names.begin(), names.end());
  std::stable_sort(
      shown.begin(), shown.end(),
      [&alike](const std::string& a, const std::string& b) { return alike(a) > alike(b); });
  const std::size_t left_out = shown.size() - std::min(shown.size(), kMaxShown);
  shown.resize(shown.size() - left_out);
  std::string list = Printable(absl::StrJoin(shown, ", "));
  if (left_out > 0) absl::StrAppend(&list, " and ", left_out, left_out == 1 ? " other" : " others");
  return list;
}

}  // namespace

absl::Status CheckPurposeIsKnown(const PolicySet& set, absl::string_view purpose) {
  const std::set<std::string> declared(set.purpose().begin(), set.purpose().end());
  if (declared.count(std::string(purpose)) > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the policy declares no purpose ", Quoted(purpose),
                                                 ", but ", Listed(declared, purpose)));
}

absl::Status CheckDatasetIsKnown(const PolicySet& set, absl::string_view dataset) {
  if (!internal::IsDataset(dataset)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(dataset), " is not the name of one data set"));
  }
  std::set<std::string> patterns;
  for (const Rule& rule : set.rule()) {
    for (const std::string& pattern : rule.scope().dataset()) {
      if (internal::DatasetMatches(pattern, dataset)) return absl::OkStatus();
      patterns.insert(pattern);
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no rule speaks of data set ", Quoted(dataset), ", but of ",
                   patterns.empty() ? "none" : Listed(patterns, dataset)));
}

absl::Status CheckPrincipalCanAsk(const PolicySet& set, absl::string_view principal) {
  if (internal::IsPrincipal(principal)) {
    if (IsWord(principal)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("nobody can ask as ", Quoted(principal), ": ",
                                                   kMaxWordBytes,
                                                   " bytes of ASCII without spaces at most"));
  }
  std::set<std::string> members;
  for (const Group& group : set.group()) {
    if (absl::StrCat(internal::kGroupPrefix, group.name()) != principal) continue;
    members.insert(group.member().begin(), group.member().end());
  }
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(principal), " is not the name of one principal",
                   members.empty() ? "" : absl::StrCat(", but of ", Listed(members, ""))));
}

absl::Status CheckColumnsAreKnown(const Schema& schema, absl::Span<const std::string> names) {
  std::set<std::string> asked;
  for (const std::string& name : names) {
    if (schema.FindColumn(name) == nullptr) {
      std::set<std::string> columns;
      for (const Column& column : schema.columns()) columns.insert(column.name);
      return absl::InvalidArgumentError(
          absl::StrCat("no such column: ", Quoted(name), ", but ", Listed(columns, name)));
    }
    if (!asked.insert(name).second) {
      return absl::InvalidArgumentError(absl::StrCat(Quoted(name), " is asked for twice"));
    }
  }
  return absl::OkStatus();
}

}  // namespace sealtrain::policy
