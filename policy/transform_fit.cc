#include "sealtrain/policy/transform_fit.h"

#include <cmath>

#include "sealtrain/policy/obligations_internal.h"

namespace sealtrain::policy {

using google::protobuf::FieldDescriptor;

bool IsWholeStep(double step) {
  return step >= 1 && step <= 9007199254740992.0 && step == std::floor(step);
}

std::string TransformObstacle(const Transform& transform, const Column& column) {
  if (std::string fault = internal::TransformFault(transform); !fault.empty()) return fault;
  const FieldDescriptor& field = column.leaf();
  const bool is_text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  switch (transform.kind()) {
    case PSEUDONYMIZE:
      return is_text ? "" : "only string and bytes can be pseudonymised";
    case TRUNCATE_IP:
      return is_text ? "" : "only string and bytes can hold an IP address";
    case BUCKET:
      switch (field.type()) {
        case FieldDescriptor::TYPE_FLOAT:
        case FieldDescriptor::TYPE_DOUBLE:
          return "";
        case FieldDescriptor::TYPE_STRING:
        case FieldDescriptor::TYPE_BYTES:
        case FieldDescriptor::TYPE_BOOL:
        case FieldDescriptor::TYPE_ENUM:
          return "only numbers have buckets";
        default:
          return IsWholeStep(transform.step()) ? "" : "the step of an integer must be an integer";
      }
    default:
      return "";
  }
}

}  // namespace sealtrain::policy
