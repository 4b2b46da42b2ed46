#include "sealtrain/audit/event_filter.h"

#include <string.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "sealtrain/audit/event_time.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::audit {
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

bool IsDataset(const Object& object, const std::string& wanted) {
  return object.dataset() == wanted ||
         absl::StrCat(object.dataset(), "@", object.generation()) == wanted;
}

bool IsBelow(const std::string& purpose, const std::string& wanted) {
  return purpose == wanted || absl::StartsWith(purpose, absl::StrCat(wanted, "/"));
}

std::string FullTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

// As one word for a shell.
std::string Quoted(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("_@%+=:,./-", static_cast<char>(c));
  });
  if (plain && !text.empty()) return text;
  if (Printable(text) == text) {
    return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
  }
  // What Printable() would escape must come back as the same bytes.
  std::string quoted = "$'";
  for (const char c : text) {
    absl::StrAppend(&quoted, "\\x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
  }
  return absl::StrCat(quoted, "'");
}

// What lies at the top of an event, at a fraction of the cost of decoding it.
struct Head {
  std::uint64_t wall_time_ns = 0;
  int type = 0;
  int phase = 0;
};

// Nothing if the bytes are no message. Of a field that stands there more than once the
// last counts, as it does for Protobuf's parser.
std::optional<Head> ReadHead(absl::string_view bytes) {
  using google::protobuf::internal::WireFormatLite;
  constexpr auto kTime =
      WireFormatLite::MakeTag(Event::kWallTimeNsFieldNumber, WireFormatLite::WIRETYPE_FIXED64);
  constexpr auto kType =
      WireFormatLite::MakeTag(Event::kTypeFieldNumber, WireFormatLite::WIRETYPE_VARINT);
  constexpr auto kPhase =
      WireFormatLite::MakeTag(Event::kPhaseFieldNumber, WireFormatLite::WIRETYPE_VARINT);
  google::protobuf::io::CodedInputStream input(AsBytes(bytes).data(),
                                               static_cast<int>(bytes.size()));
  Head head;
  const auto read = [&](std::uint32_t tag) {
    std::uint32_t number = 0;
    switch (tag) {
      case kTime:
        return input.ReadLittleEndian64(&head.wall_time_ns);
      case kType:
        if (!input.ReadVarint32(&number)) return false;
        head.type = static_cast<int>(number);
        return true;
      case kPhase:
        if (!input.ReadVarint32(&number)) return false;
        head.phase = static_cast<int>(number);
        return true;
      default:
        return WireFormatLite::SkipField(&input, tag);
    }
  };
  while (const std::uint32_t tag = input.ReadTag()) {
    if (!read(tag)) return std::nullopt;
  }
  if (!input.ConsumedEntireMessage()) return std::nullopt;
  return head;
}

bool HasColumn(const Object& object, const std::string& wanted) {
  const auto in = [&](const auto& columns) {
    return std::find(columns.begin(), columns.end(), wanted) != columns.end();
  };
  return in(object.column()) || in(object.withheld_column());
}

}  // namespace

std::string VerdictName(Phase phase) {
  return Phase_IsValid(phase) ? Written(Phase_Name(phase)) : absl::StrCat(static_cast<int>(phase));
}
std::string TypeName(EventType type) {
  return EventType_IsValid(type) ? Written(EventType_Name(type))
                                 : absl::StrCat(static_cast<int>(type));
}

absl::StatusOr<EventFilter> EventFilter::Parse(const FilterTerms& terms, absl::Time now) {
  EventFilter filter;
  filter.terms_ = terms;
  if (!terms.since.empty()) {
    ST_ASSIGN_OR_RETURN(filter.since_, ParseTime(terms.since, now));
  }
  if (!terms.until.empty()) {
    ST_ASSIGN_OR_RETURN(filter.until_, ParseTime(terms.until, now));
  }
  if (filter.since_ >= filter.until_) {
    return absl::InvalidArgumentError("nothing lies between --since and --until");
  }
  for (const std::vector<std::string>* names :
       {&terms.principals, &terms.purposes, &terms.datasets, &terms.columns, &terms.models}) {
    if (absl::c_linear_search(*names, "")) return absl::InvalidArgumentError("an empty name");
  }
  for (const std::string& purpose : terms.purposes) {
    if (absl::StrContains(absl::StrCat("/", purpose, "/"), "//")) {
      return absl::InvalidArgumentError(absl::StrCat("no purpose is called ", purpose));
    }
  }
  for (const std::string& dataset : terms.datasets) {
    const std::size_t at = dataset.find('@');
    std::uint64_t generation = 0;
    if (at != dataset.npos && (!absl::SimpleAtoi(dataset.substr(at + 1), &generation) ||
                               absl::StrCat(generation) != dataset.substr(at + 1))) {
      return absl::InvalidArgumentError(absl::StrCat("no generation behind the @: ", dataset));
    }
  }
  for (const std::string& name : terms.verdicts) {
    ST_ASSIGN_OR_RETURN(const int phase, ParseEnumerator(*Phase_descriptor(), name, "verdict"));
    filter.phases_.push_back(static_cast<Phase>(phase));
  }
  for (const std::string& name : terms.types) {
    ST_ASSIGN_OR_RETURN(const int type, ParseEnumerator(*EventType_descriptor(), name, "type"));
    filter.types_.push_back(static_cast<EventType>(type));
  }
  return filter;
}

bool EventFilter::MatchesHead(std::uint64_t wall_time_ns, int type, int phase) const {
  const absl::Time time = TimeOf(wall_time_ns);
  return time >= since_ && time < until_ &&
         AnyOf(phases_, [&](Phase wanted) { return phase == wanted; }) &&
         AnyOf(types_, [&](EventType wanted) { return type == wanted; });
}

bool EventFilter::Matches(const Event& event) const {
  const Object& object = event.object();
  return MatchesHead(event.wall_time_ns(), event.type(), event.phase()) &&
         AnyOf(terms_.principals,
               [&](const std::string& name) { return event.actor().principal() == name; }) &&
         AnyOf(terms_.purposes,
               [&](const std::string& name) { return IsBelow(event.purpose(), name); }) &&
         AnyOf(terms_.datasets, [&](const std::string& name) { return IsDataset(object, name); }) &&
         AnyOf(terms_.columns, [&](const std::string& name) { return HasColumn(object, name); }) &&
         AnyOf(terms_.models, [&](const std::string& name) { return object.model() == name; });
}

bool EventFilter::MayMatch(absl::string_view bytes) const {
  // Protobuf stores a string as it is and in one piece.
  const auto holds_any = [bytes](const std::vector<std::string>& names) {
    return AnyOf(names, [bytes](const std::string& name) {
      // Of a data set without its generation, which is a number.
      const std::size_t length = std::min(name.find('@'), name.size());
      return ::memmem(bytes.data(), bytes.size(), name.data(), length) != nullptr;
    });
  };
  if (!holds_any(terms_.principals) || !holds_any(terms_.purposes) || !holds_any(terms_.datasets) ||
      !holds_any(terms_.columns) || !holds_any(terms_.models)) {
    return false;
  }
  const bool asks_head = since_ != absl::InfinitePast() || until_ != absl::InfiniteFuture() ||
                         !phases_.empty() || !types_.empty();
  if (!asks_head) return true;
  const std::optional<Head> head = ReadHead(bytes);
  return !head.has_value() || MatchesHead(head->wall_time_ns, head->type, head->phase);
}

std::vector<std::pair<std::string, std::vector<std::string>>> EventFilter::Given() const {
  std::vector<std::pair<std::string, std::vector<std::string>>> given;
  const auto add = [&](const char* name, std::vector<std::string> values) {
    if (!values.empty()) given.emplace_back(name, std::move(values));
  };
  if (since_ != absl::InfinitePast()) add("since", {FullTime(since_)});
  if (until_ != absl::InfiniteFuture()) add("until", {FullTime(until_)});
  add("principal", terms_.principals);
  add("purpose", terms_.purposes);
  add("dataset", terms_.datasets);
  add("column", terms_.columns);
  add("model", terms_.models);
  std::vector<std::string> verdicts;
  for (const Phase phase : phases_) verdicts.push_back(VerdictName(phase));
  add("verdict", std::move(verdicts));
  std::vector<std::string> types;
  for (const EventType type : types_) types.push_back(TypeName(type));
  add("type", std::move(types));
  return given;
}

std::string EventFilter::ToOptions() const {
  std::vector<std::string> options;
  for (const auto& [name, values] : Given()) {
    for (const std::string& value : values) {
      options.push_back(absl::StrCat("--", name, " ", Quoted(value)));
    }
  }
  return absl::StrJoin(options, " ");
}

nlohmann::ordered_json EventFilter::ToJson() const {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [name, values] : Given()) {
    if (name == "since" || name == "until") {
      json[name] = values.front();
    } else {
      json[name] = values;
    }
  }
  return json;
}

}  // namespace sealtrain::audit
