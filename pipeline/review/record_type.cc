#include "sealtrain/pipeline/review/record_type.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::pipeline {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

absl::Status Differs(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(what, " is not as the schema says"));
}

// Walks the schema's type and the record's side by side.
absl::Status Match(const Descriptor& schema, const Descriptor& record, RecordType::Path& path,
                   RecordType& type) {
  if (record.full_name() != schema.full_name()) {
    return absl::InvalidArgumentError(absl::StrCat("the record is a ", record.full_name(),
                                                   ", the schema's are ", schema.full_name()));
  }
  if (record.field_count() != schema.field_count()) return Differs(record.full_name());
  for (int i = 0; i < schema.field_count(); ++i) {
    const FieldDescriptor& ours = *schema.field(i);
    const FieldDescriptor* const theirs = record.FindFieldByNumber(ours.number());
    if (theirs == nullptr || theirs->name() != ours.name() || theirs->type() != ours.type() ||
        theirs->label() != ours.label() || theirs->has_presence() != ours.has_presence()) {
      return Differs(ours.full_name());
    }
    path.push_back(theirs);
    if (ours.message_type() != nullptr) {
      type.nested.push_back(path);
      ST_RETURN_IF_ERROR(Match(*ours.message_type(), *theirs->message_type(), path, type));
    } else {
      type.columns.push_back(path);  // depth first, as the schema's columns are
    }
    path.pop_back();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<const RecordType*> RecordTypes::Of(const google::protobuf::Message& record) {
  const Descriptor* const descriptor = record.GetDescriptor();
  const auto known = types_.find(descriptor);
  if (known != types_.end()) return known->second.get();
  auto type = std::make_unique<RecordType>();
  RecordType::Path path;
  ST_RETURN_IF_ERROR(Match(*schema_->descriptor(), *descriptor, path, *type));
  return types_.emplace(descriptor, std::move(type)).first->second.get();
}

}  // namespace sealtrain::pipeline
