#include "sealtrain/audit/statistics.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "sealtrain/audit/event_filter.h"
#include "sealtrain/audit/event_time.h"

namespace sealtrain::audit {
namespace {

std::string ValueOfKey(GroupKey key, const Event& event) {
  switch (key) {
    case GroupKey::kPrincipal:
      return event.actor().principal();
    case GroupKey::kPurpose:
      return event.purpose();
    case GroupKey::kDataset:
      return event.object().dataset();
    case GroupKey::kType:
      return TypeName(event.type());
    case GroupKey::kVerdict:
      return VerdictName(event.phase());
    case GroupKey::kHour:
      return absl::FormatTime("%H", TimeOf(event.wall_time_ns()), absl::UTCTimeZone());
    case GroupKey::kDay:
      return absl::FormatTime("%Y-%m-%d", TimeOf(event.wall_time_ns()), absl::UTCTimeZone());
    case GroupKey::kModel:
      return event.object().model();
    case GroupKey::kReason:
      return event.reason_code();
  }
  return "";
}

}  // namespace

const std::vector<std::string>& GroupKeyNames() {
  // In the order of the enumerators.
  static const auto& names = *new std::vector<std::string>{
      "principal", "purpose", "dataset", "type", "verdict", "hour", "day", "model", "reason"};
  return names;
}

std::string GroupKeyName(GroupKey key) { return GroupKeyNames()[static_cast<std::size_t>(key)]; }

absl::StatusOr<std::vector<GroupKey>> ParseGroupKeys(absl::string_view names) {
  std::vector<GroupKey> keys;
  for (const absl::string_view name : absl::StrSplit(names, ',')) {
    const auto known = absl::c_find(GroupKeyNames(), name);
    if (known == GroupKeyNames().end()) {
      return absl::InvalidArgumentError(absl::StrCat("nothing to count by: \"", name, "\" (",
                                                     absl::StrJoin(GroupKeyNames(), ", "), ")"));
    }
    const auto key = static_cast<GroupKey>(known - GroupKeyNames().begin());
    if (absl::c_linear_search(keys, key)) {
      return absl::InvalidArgumentError(absl::StrCat(name, " is named twice"));
    }
    keys.push_back(key);
  }
  return keys;
}

Statistics::Statistics(std::vector<GroupKey> keys) : keys_(std::move(keys)) {}

absl::Status Statistics::Add(const Event& event) {
  std::vector<std::string> values;
  values.reserve(keys_.size());
  for (const GroupKey key : keys_) values.push_back(ValueOfKey(key, event));
  auto found = groups_.find(values);
  if (found == groups_.end()) {
    if (groups_.size() == kMaxGroups) {
      return absl::OutOfRangeError(
          absl::StrCat("more than ", kMaxGroups, " groups: count by less, or filter"));
    }
    found = groups_.emplace(values, Group{.values = values}).first;
  }
  Group& group = found->second;
  ++group.entries;
  switch (event.phase()) {
    case INTENT:
      ++group.intents;
      break;
    case DENIED:
      ++group.denied;
      break;
    case SUCCEEDED:
      ++group.succeeded;
      break;
    default:
      ++group.failed;
  }
  return absl::OkStatus();
}

std::vector<Statistics::Group> Statistics::Largest(std::size_t limit) const {
  std::vector<Group> largest;
  largest.reserve(groups_.size());
  for (const auto& [values, group] : groups_) largest.push_back(group);
  std::stable_sort(largest.begin(), largest.end(),
                   [](const Group& a, const Group& b) { return a.entries > b.entries; });
  if (limit != 0 && limit < largest.size()) largest.resize(limit);
  return largest;
}

}  // namespace sealtrain::audit
