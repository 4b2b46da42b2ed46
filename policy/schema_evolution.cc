#include "sealtrain/policy/schema_evolution.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sealtrain/policy/names_internal.h"

namespace sealtrain::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using internal::Quoted;

// "repeated int32", "optional sealtrain.Color"
std::string TypeText(const FieldDescriptor& field) {
  std::string type = field.type_name();
  if (field.enum_type() != nullptr) type = field.enum_type()->full_name();
  if (field.is_repeated()) return absl::StrCat("repeated ", type);
  return field.has_presence() ? absl::StrCat("optional ", type) : type;
}

std::string TypeText(const Column& column) { return TypeText(column.leaf()); }

std::vector<std::string> MissingClasses(const Column& before, const Column& after) {
  std::vector<std::string> missing;
  for (const DataClass c : before.classes) {
    if (!after.HasClass(c)) missing.push_back(DataClassName(c));
  }
  return missing;
}

// Whether the number that leads to a column, or to a message around it, can no
// longer be given to another field.
bool IsReserved(const Column& column, const Descriptor& record) {
  const Descriptor* message = &record;
  for (const FieldDescriptor* step : column.path) {
    if (message->IsReservedNumber(step->number())) return true;
    const FieldDescriptor* now = message->FindFieldByNumber(step->number());
    if (now == nullptr || now->message_type() == nullptr) return false;
    message = now->message_type();
  }
  return false;
}

const Column* FindById(const Schema& schema, const std::string& id) {
  const auto found = std::find_if(schema.columns().begin(), schema.columns().end(),
                                  [&id](const Column& column) { return column.id == id; });
  return found == schema.columns().end() ? nullptr : &*found;
}

// Empty: every number of the enum means what it did.
std::string EnumFault(const FieldDescriptor& before, const FieldDescriptor& after) {
  if (before.enum_type() == nullptr || after.enum_type() == nullptr) return "";
  for (int i = 0; i < before.enum_type()->value_count(); ++i) {
    const auto& value = *before.enum_type()->value(i);
    const auto* const now = after.enum_type()->FindValueByNumber(value.number());
    if (now == nullptr || now->name() != value.name()) {
      return absl::StrCat("its value ", value.number(), " no longer means ", value.name());
    }
  }
  return "";
}

// Empty: `after`, which has the number of `before`, is the same column.
std::string FaultOf(const Column& before, const Column& after) {
  const bool is_same_type = TypeText(before) == TypeText(after);
  const std::vector<std::string> missing = MissingClasses(before, after);
  if (before.name != after.name && (!is_same_type || !missing.empty())) {
    return absl::StrCat("its number ", before.id, " is reused for column ", Quoted(after.name));
  }
  if (!is_same_type) {
    return absl::StrCat("its type changed from ", TypeText(before), " to ", TypeText(after));
  }
  if (const std::string fault = EnumFault(before.leaf(), after.leaf()); !fault.empty()) {
    return fault;
  }
  if (!missing.empty()) {
    return absl::StrCat("its classes are weakened: no longer ", absl::StrJoin(missing, ", "));
  }
  return "";
}

}  // namespace

std::vector<SchemaFault> CompareSchemas(const Schema& before, const Schema& after) {
  std::vector<SchemaFault> faults;
  for (const Column& column : before.columns()) {
    const auto add = [&](const std::string& message) {
      faults.push_back({.column = column.name, .message = message});
    };
    if (const Column* same = FindById(after, column.id)) {
      const Column* const moved = after.FindColumn(column.name);
      if (moved != nullptr && moved->id != column.id) {
        add(absl::StrCat("its number changed from ", column.id, " to ", moved->id));
      } else if (const std::string fault = FaultOf(column, *same); !fault.empty()) {
        add(fault);
      } else if (same->HasClass(SUBJECT_KEY) != column.HasClass(SUBJECT_KEY)) {
        add("it became the SUBJECT_KEY");
      }
    } else if (const Column* moved = after.FindColumn(column.name)) {
      add(absl::StrCat("its number changed from ", column.id, " to ", moved->id));
    } else if (!IsReserved(column, *after.descriptor())) {
      add(absl::StrCat("it is gone, and its number ", column.id, " is not reserved"));
    } else if (column.HasClass(SUBJECT_KEY)) {
      add("it was the SUBJECT_KEY and is gone");
    }
  }
  return faults;
}

}  // namespace sealtrain::policy
