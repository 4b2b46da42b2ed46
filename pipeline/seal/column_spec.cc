#include "sealtrain/pipeline/seal/column_spec.h"

#include <cstdlib>

namespace sealtrain::pipeline {
namespace {

using google::protobuf::FieldDescriptor;

ValueType TypeOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return ValueType::kBool;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_ENUM:
      return ValueType::kInt32;
    case FieldDescriptor::CPPTYPE_INT64:
      return ValueType::kInt64;
    case FieldDescriptor::CPPTYPE_UINT32:
      return ValueType::kUint32;
    case FieldDescriptor::CPPTYPE_UINT64:
      return ValueType::kUint64;
    case FieldDescriptor::CPPTYPE_FLOAT:
      return ValueType::kFloat;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return ValueType::kDouble;
    case FieldDescriptor::CPPTYPE_STRING:
      return ValueType::kBytes;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  std::abort();  // a schema has no such leaf
}

}  // namespace

ColumnSpec SpecOf(const policy::Column& column) {
  return {.id = column.id,
          .name = column.name,
          .type = TypeOf(column.leaf()),
          .repeated = column.repeated()};
}

bool IsNullable(const policy::Column& column) {
  return column.leaf().has_presence() && !column.leaf().is_required();
}

}  // namespace sealtrain::pipeline
