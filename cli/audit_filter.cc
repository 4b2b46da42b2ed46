#include "sealtrain/cli/audit_filter.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/descriptor.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/cli/audit_time.h"

namespace sealtrain::cli {
namespace {

std::string Written(const std::string& enumerator) {
  return absl::AsciiStrToLower(absl::StrReplaceAll(enumerator, {{"_", "-"}}));
}

// The values of an enum but its "unspecified" one, which no entry has.
absl::StatusOr<int> ParseEnumerator(const google::protobuf::EnumDescriptor& type,
                                    const std::string& name, const char* what) {
  std::vector<std::string> known;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() == 0) continue;
    known.push_back(Written(type.value(i)->name()));
    if (known.back() == Written(name)) return type.value(i)->number();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no such ", what, ": ", name, " (", absl::StrJoin(known, ", "), ")"));
}

// No values ask nothing.
template <typename Values, typename Matches>
bool AnyOf(const Values& values, Matches matches) {
  return values.empty() || std::any_of(values.begin(), values.end(), matches);
}

bool IsDataset(const audit::Object& object, const std::string& wanted) {
  return object.dataset() == wanted ||
         absl::StrCat(object.dataset(), "@", object.generation()) == wanted;
}

bool IsBelow(const std::string& purpose, const std::string& wanted) {
  return purpose == wanted || absl::StartsWith(purpose, absl::StrCat(wanted, "/"));
}

bool HasColumn(const audit::Object& object, const std::string& wanted) {
  const auto in = [&](const auto& columns) {
    return std::find(columns.begin(), columns.end(), wanted) != columns.end();
  };
  return in(object.column()) || in(object.withheld_column());
}

}  // namespace

std::string VerdictName(audit::Phase phase) { return Written(audit::Phase_Name(phase)); }
std::string TypeName(audit::EventType type) { return Written(audit::EventType_Name(type)); }

absl::StatusOr<Filter> Filter::Parse(const FilterFlags& flags, absl::Time now) {
  Filter filter;
  filter.flags_ = flags;
  if (!flags.since.empty()) {
    ST_ASSIGN_OR_RETURN(filter.since_, ParseTime(flags.since, now));
  }
  if (!flags.until.empty()) {
    ST_ASSIGN_OR_RETURN(filter.until_, ParseTime(flags.until, now));
  }
  if (filter.since_ >= filter.until_) {
    return absl::InvalidArgumentError("nothing lies between --since and --until");
  }
  for (const std::vector<std::string>* names :
       {&flags.principals, &flags.purposes, &flags.datasets, &flags.columns, &flags.models}) {
    if (absl::c_linear_search(*names, "")) return absl::InvalidArgumentError("an empty name");
  }
  for (const std::string& purpose : flags.purposes) {
    if (absl::StrContains(absl::StrCat("/", purpose, "/"), "//")) {
      return absl::InvalidArgumentError(absl::StrCat("no purpose is called ", purpose));
    }
  }
  for (const std::string& dataset : flags.datasets) {
    const std::size_t at = dataset.find('@');
    std::uint64_t generation = 0;
    if (at != dataset.npos && (!absl::SimpleAtoi(dataset.substr(at + 1), &generation) ||
                               absl::StrCat(generation) != dataset.substr(at + 1))) {
      return absl::InvalidArgumentError(absl::StrCat("no generation behind the @: ", dataset));
    }
  }
  for (const std::string& name : flags.verdicts) {
    ST_ASSIGN_OR_RETURN(const int phase,
                        ParseEnumerator(*audit::Phase_descriptor(), name, "verdict"));
    filter.phases_.push_back(static_cast<audit::Phase>(phase));
  }
  for (const std::string& name : flags.types) {
    ST_ASSIGN_OR_RETURN(const int type,
                        ParseEnumerator(*audit::EventType_descriptor(), name, "type"));
    filter.types_.push_back(static_cast<audit::EventType>(type));
  }
  return filter;
}

bool Filter::Matches(const audit::Event& event) const {
  const absl::Time time = TimeOf(event.wall_time_ns());
  const audit::Object& object = event.object();
  return time >= since_ && time < until_ &&
         AnyOf(phases_, [&](audit::Phase phase) { return event.phase() == phase; }) &&
         AnyOf(types_, [&](audit::EventType type) { return event.type() == type; }) &&
         AnyOf(flags_.principals,
               [&](const std::string& name) { return event.actor().principal() == name; }) &&
         AnyOf(flags_.purposes,
               [&](const std::string& name) { return IsBelow(event.purpose(), name); }) &&
         AnyOf(flags_.datasets, [&](const std::string& name) { return IsDataset(object, name); }) &&
         AnyOf(flags_.columns, [&](const std::string& name) { return HasColumn(object, name); }) &&
         AnyOf(flags_.models, [&](const std::string& name) { return object.model() == name; });
}

}  // namespace sealtrain::cli
