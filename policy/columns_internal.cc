#include "sealtrain/policy/columns_internal.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.pb.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::policy::internal {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::SourceLocation;

// Messages within messages; the walk and protobuf's own use the call stack.
constexpr std::size_t kMaxNesting = 32;
// Fields without a class that are named in one message.
constexpr std::size_t kMaxNamed = 16;

bool MayBeSubjectKey(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
      return true;
    default:
      return false;
  }
}

// Walks a record type, depth first in the order of declaration.
class Walk {
 public:
  explicit Walk(const std::string& folder) : folder_(folder) {}

  absl::Status Enter(const Descriptor& message, const std::set<DataClass>& inherited) {
    if (message.extension_range_count() > 0) {
      return Refuse(message, absl::StrCat("message \"", message.full_name(),
                                          "\" has extensions: not supported"));
    }
    if (message.field_count() == 0) {
      return Refuse(
          message, absl::StrCat("message \"", message.full_name(), "\" has no fields: no columns"));
    }
    for (int i = 0; i < message.field_count(); ++i) {
      path_.push_back(message.field(i));
      ST_RETURN_IF_ERROR(Visit(*message.field(i), inherited));
      path_.pop_back();
    }
    return absl::OkStatus();
  }

  absl::Status CheckClasses() const {
    const FieldDescriptor* first = nullptr;
    std::vector<std::string> names;
    for (const Column& column : columns_) {
      if (!column.classes.empty()) continue;
      if (first == nullptr) first = &column.leaf();
      names.push_back(absl::StrCat("\"", column.name, "\""));
    }
    if (first == nullptr) return absl::OkStatus();
    const bool is_one = names.size() == 1;
    if (names.size() > kMaxNamed) {
      const std::size_t more = names.size() - kMaxNamed;
      names.resize(kMaxNamed);
      names.push_back(absl::StrCat(more, " more"));
    }
    return Refuse(*first, absl::StrCat(is_one ? "field " : "fields ", absl::StrJoin(names, ", "),
                                       is_one ? " has" : " have",
                                       " no data class: add "
                                       "[(sealtrain.privacy).data_class = ...]"));
  }

  absl::Status CheckSubjectKey(const Descriptor& record) const {
    const Column* subject = nullptr;
    for (const Column& column : columns_) {
      if (!column.HasClass(SUBJECT_KEY)) continue;
      if (subject != nullptr) {
        return Refuse(column.leaf(),
                      absl::StrCat("fields \"", subject->name, "\" and \"", column.name,
                                   "\" are both SUBJECT_KEY: a record "
                                   "has exactly one"));
      }
      subject = &column;
    }
    if (subject == nullptr) {
      return Refuse(record, absl::StrCat("message \"", record.full_name(),
                                         "\" has no SUBJECT_KEY field: a record has exactly one"));
    }
    const FieldDescriptor& field = subject->leaf();
    if (!MayBeSubjectKey(field) || field.is_repeated()) {
      return Refuse(field, absl::StrCat("field \"", subject->name,
                                        "\" is SUBJECT_KEY and must be "
                                        "a single string or bytes"));
    }
    if (subject->path.size() > 1 || (field.has_presence() && !field.is_required())) {
      return Refuse(field, absl::StrCat("field \"", subject->name,
                                        "\" is SUBJECT_KEY and may not "
                                        "be missing from a record: neither `optional` nor nested"));
    }
    return absl::OkStatus();
  }

  std::vector<Column> TakeColumns() { return std::move(columns_); }

 private:
  absl::Status Visit(const FieldDescriptor& field, const std::set<DataClass>& inherited) {
    const auto unsupported = [&](absl::string_view what) {
      return Refuse(field, absl::StrCat("field \"", Name(), "\" is ", what, ": not supported"));
    };
    if (field.is_map()) return unsupported("a map");
    if (field.real_containing_oneof() != nullptr) return unsupported("in a oneof");
    if (field.type() == FieldDescriptor::TYPE_GROUP) return unsupported("a group");
    std::set<DataClass> classes = inherited;
    ST_RETURN_IF_ERROR(AddOwnClasses(field, classes));
    if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
      if (field.is_repeated()) return unsupported("a repeated message");
      if (path_.size() > kMaxNesting) return unsupported("nested too deeply");
      // Every enclosing message but the record itself is some field's type.
      for (const FieldDescriptor* above : path_) {
        if (above->containing_type() == field.message_type()) {
          return unsupported("a recursive message");
        }
      }
      return Enter(*field.message_type(), classes);
    }
    if (columns_.size() == kMaxColumns) {
      return Refuse(field, absl::StrCat("more than ", kMaxColumns, " columns"));
    }
    columns_.push_back({.name = Name(),
                        .id = IdOfPath(),
                        .classes = {classes.begin(), classes.end()},
                        .path = path_});
    return absl::OkStatus();
  }

  absl::Status AddOwnClasses(const FieldDescriptor& field, std::set<DataClass>& classes) const {
    // Parsed anew, so that options that came through another pool, as unknown
    // fields, become our generated extension.
    google::protobuf::FieldOptions options;
    if (!options.ParseFromString(field.options().SerializeAsString())) {
      return Refuse(field, absl::StrCat("field \"", Name(), "\" has options that cannot be read"));
    }
    for (const int number : options.GetExtension(sealtrain::privacy).data_class()) {
      if (number == DATA_CLASS_UNSPECIFIED) {
        return Refuse(field,
                      absl::StrCat("field \"", Name(), "\" has class DATA_CLASS_UNSPECIFIED"));
      }
      if (!DataClass_IsValid(number)) {
        return Refuse(field,
                      absl::StrCat("field \"", Name(), "\" has an unknown data class, ", number));
      }
      classes.insert(static_cast<DataClass>(number));
    }
    return absl::OkStatus();
  }

  std::string Name() const {
    std::string name;
    for (const FieldDescriptor* field : path_) {
      absl::StrAppend(&name, name.empty() ? "" : ".", field->name());
    }
    return name;
  }
  std::string IdOfPath() const {
    std::string id;
    for (const FieldDescriptor* field : path_) {
      absl::StrAppend(&id, id.empty() ? "" : ".", field->number());
    }
    return id;
  }

  template <class SomeDescriptor>
  absl::Status Refuse(const SomeDescriptor& where, const std::string& what) const {
    std::string place = JoinPath(folder_, where.file()->name());
    SourceLocation location;
    if (where.GetSourceLocation(&location)) {
      absl::StrAppend(&place, ":", location.start_line + 1, ":", location.start_column + 1);
    }
    return absl::InvalidArgumentError(absl::StrCat(place, ": ", what));
  }

  const std::string& folder_;
  std::vector<const FieldDescriptor*> path_;
  std::vector<Column> columns_;
};

}  // namespace

absl::StatusOr<std::vector<Column>> CollectColumns(const Descriptor& record,
                                                   const std::string& folder) {
  Walk walk(folder);
  ST_RETURN_IF_ERROR(walk.Enter(record, {}));
  ST_RETURN_IF_ERROR(walk.CheckClasses());
  ST_RETURN_IF_ERROR(walk.CheckSubjectKey(record));
  return walk.TakeColumns();
}

}  // namespace sealtrain::policy::internal
