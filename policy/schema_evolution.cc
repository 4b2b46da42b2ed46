#include "sealtrain/policy/schema_evolution.h"

#include <algorithm>
#include <optional>

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

// The first number of the range that `message` does not reserve, if there is one.
std::optional<int> FirstFree(const Descriptor::ReservedRange& range, const Descriptor& message) {
  int number = range.start;
  while (number < range.end) {
    int next = number;
    for (int i = 0; i < message.reserved_range_count(); ++i) {
      const Descriptor::ReservedRange& reserved = *message.reserved_range(i);
      if (reserved.start <= number && number < reserved.end) next = reserved.end;
    }
    if (next == number) return number;
    number = next;
  }
  return std::nullopt;
}

// What a message reserved, and those within it, must stay so. `prefix`: "visit.", of its columns.
void CompareReserved(const Descriptor& before, const Descriptor& after, const std::string& prefix,
                     std::vector<SchemaFault>& faults) {
  for (int i = 0; i < before.reserved_range_count(); ++i) {
    const std::optional<int> number = FirstFree(*before.reserved_range(i), after);
    if (!number) continue;
    const FieldDescriptor* const user = after.FindFieldByNumber(*number);
    faults.push_back(
        {.column = absl::StrCat(prefix, user != nullptr ? user->name() : absl::StrCat(*number)),
         .message =
             absl::StrCat("its number ", *number,
                          user != nullptr ? " was reserved: it is that of a column that is gone"
                                          : " is no longer reserved")});
  }
  for (int i = 0; i < before.reserved_name_count(); ++i) {
    const std::string& name = before.reserved_name(i);
    if (after.IsReservedName(name)) continue;
    faults.push_back({.column = absl::StrCat(prefix, name),
                      .message = after.FindFieldByName(name) != nullptr
                                     ? "its name was reserved: it is that of a column that is gone"
                                     : "its name is no longer reserved"});
  }
  for (int i = 0; i < before.field_count(); ++i) {
    const FieldDescriptor& field = *before.field(i);
    const FieldDescriptor* const same = after.FindFieldByNumber(field.number());
    if (field.message_type() == nullptr || same == nullptr || same->message_type() == nullptr) {
      continue;
    }
    CompareReserved(*field.message_type(), *same->message_type(),
                    absl::StrCat(prefix, same->name(), "."), faults);
  }
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
  CompareReserved(*before.descriptor(), *after.descriptor(), "", faults);
  return faults;
}

}  // namespace sealtrain::policy
