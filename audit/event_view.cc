#include "sealtrain/audit/event_view.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "sealtrain/audit/event_filter.h"
#include "sealtrain/audit/event_time.h"
#include "sealtrain/base/epsilon.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Json = nlohmann::ordered_json;

std::string Coloured(std::string text, Phase phase) {
  switch (phase) {
    case DENIED:
      return absl::StrCat("\x1B[31m", text, "\x1B[0m");
    case FAILED:
    case ABANDONED:
      return absl::StrCat("\x1B[33m", text, "\x1B[0m");
    default:
      return text;
  }
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : Printable(text); }

std::string Remark(const Event& event) {
  std::vector<std::string> parts;
  if (!event.reason_code().empty()) parts.push_back(Printable(event.reason_code()));
  if (event.has_privacy()) {
    parts.push_back(absl::StrFormat("epsilon=%s delta=%g", FormatEpsilon(event.privacy().epsilon()),
                                    event.privacy().delta()));
  }
  return absl::StrJoin(parts, " ");
}

Json FieldsOf(const Message& message);

// JSON has no name for what is not finite; Protobuf's has.
Json NumberOf(double number) {
  if (std::isfinite(number)) return number;
  return std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
}

// One value of a field, the i-th if it is repeated.
Json ValueOf(const Message& message, const FieldDescriptor& field, std::optional<int> i) {
  const Reflection& get = *message.GetReflection();
  const FieldDescriptor* f = &field;
  std::string scratch;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return FieldsOf(i ? get.GetRepeatedMessage(message, f, *i) : get.GetMessage(message, f));
    case FieldDescriptor::CPPTYPE_ENUM:
      return (i ? get.GetRepeatedEnum(message, f, *i) : get.GetEnum(message, f))->name();
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string& text = i ? get.GetRepeatedStringReference(message, f, *i, &scratch)
                                  : get.GetStringReference(message, f, &scratch);
      if (field.type() != FieldDescriptor::TYPE_BYTES) return text;
      return absl::StrCat(field.options().GetExtension(discloses) == SEALED ? "sealed:" : "",
                          HexEncode(AsBytes(text)));
    }
    case FieldDescriptor::CPPTYPE_UINT32:
      return i ? get.GetRepeatedUInt32(message, f, *i) : get.GetUInt32(message, f);
    case FieldDescriptor::CPPTYPE_UINT64:
      return i ? get.GetRepeatedUInt64(message, f, *i) : get.GetUInt64(message, f);
    case FieldDescriptor::CPPTYPE_INT32:
      return i ? get.GetRepeatedInt32(message, f, *i) : get.GetInt32(message, f);
    case FieldDescriptor::CPPTYPE_INT64:
      return i ? get.GetRepeatedInt64(message, f, *i) : get.GetInt64(message, f);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return NumberOf(i ? get.GetRepeatedDouble(message, f, *i) : get.GetDouble(message, f));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return NumberOf(i ? get.GetRepeatedFloat(message, f, *i) : get.GetFloat(message, f));
    case FieldDescriptor::CPPTYPE_BOOL:
      return i ? get.GetRepeatedBool(message, f, *i) : get.GetBool(message, f);
  }
  return nullptr;
}

// Walks the message by its schema, so that a field added to events shows up
// here without anybody remembering it.
Json FieldsOf(const Message& message) {
  const Reflection& get = *message.GetReflection();
  std::vector<const FieldDescriptor*> set;
  get.ListFields(message, &set);
  Json fields = Json::object();
  for (const FieldDescriptor* field : set) {
    if (!field->is_repeated()) {
      fields[field->name()] = ValueOf(message, *field, std::nullopt);
      continue;
    }
    Json& values = fields[field->name()] = Json::array();
    for (int i = 0; i < get.FieldSize(message, field); ++i) {
      values.push_back(ValueOf(message, *field, i));
    }
  }
  if (!get.GetUnknownFields(message).empty()) {
    fields["unknown_fields"] = get.GetUnknownFields(message).field_count();
  }
  return fields;
}

std::string ScalarText(const Json& value) {
  if (value.is_string()) return Printable(value.get<std::string>());
  return value.dump();
}

void AppendFields(const Json& fields, const std::string& prefix, std::string& out) {
  for (const auto& [name, value] : fields.items()) {
    if (value.is_object()) {
      AppendFields(value, absl::StrCat(prefix, name, "."), out);
    } else if (value.is_array()) {
      std::vector<std::string> items;
      for (const Json& item : value) items.push_back(ScalarText(item));
      absl::StrAppend(&out, Padded(prefix + name, 26), "  ", absl::StrJoin(items, ", "), "\n");
    } else {
      absl::StrAppend(&out, Padded(prefix + name, 26), "  ", ScalarText(value), "\n");
    }
  }
}

}  // namespace

std::string WhatTo(const Object& object) {
  std::vector<std::string> parts;
  if (!object.dataset().empty()) {
    parts.push_back(object.generation() == 0
                        ? object.dataset()
                        : absl::StrCat(object.dataset(), "@", object.generation()));
  }
  if (!object.model().empty()) parts.push_back(absl::StrCat("model:", object.model()));
  if (parts.empty() && !object.key_id().empty()) {
    parts.push_back(absl::StrCat("key:", object.key_id()));
  }
  return OrDash(absl::StrJoin(parts, " "));
}

std::string FormatLine(const Entry& entry, const LineStyle& style) {
  const Event& event = entry.event;
  std::string verdict = Padded(VerdictName(event.phase()), 9);
  if (style.colour) verdict = Coloured(std::move(verdict), event.phase());
  const std::vector<std::string> columns = {absl::StrFormat("%*d", style.index_width, entry.index),
                                            FormatSeconds(event.wall_time_ns()),
                                            std::move(verdict),
                                            Padded(OrDash(event.actor().principal()), 16),
                                            Padded(TypeName(event.type()), 18),
                                            Padded(WhatTo(event.object()), 16),
                                            Padded(OrDash(event.purpose()), 16),
                                            Remark(event)};
  std::string line = absl::StrJoin(columns, "  ");
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

nlohmann::ordered_json ToJson(const Entry& entry) {
  Json json = {{"index", entry.index},
               {"leaf_hash", HexEncode(crypto::MerkleLeafHash(AsBytes(entry.bytes)))},
               {"time", FormatNanos(entry.event.wall_time_ns())}};
  json.update(FieldsOf(entry.event));
  return json;
}

std::string FormatFields(const Entry& entry) {
  std::string text;
  AppendFields(ToJson(entry), "", text);
  return text;
}

std::string OneLine(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace sealtrain::audit
