#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/trainer/vocabulary_internal.h"

namespace sealtrain::trainer {
namespace {

using google::protobuf::FieldDescriptor;
using pipeline::ColumnView;
using pipeline::ValueType;

template <class T>
bool ParseInteger(const std::string& text, std::uint64_t& bits) {
  T value;
  if (!absl::SimpleAtoi(text, &value)) return false;
  bits = static_cast<std::uint64_t>(value);
  return true;
}

// The value as `view` would hold it.
bool ParseValue(const FieldDescriptor& field, const std::string& text, std::uint64_t& bits) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      bits = text == "true" ? 1 : 0;
      return text == "true" || text == "false";
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_ENUM:
      return ParseInteger<std::int32_t>(text, bits);
    case FieldDescriptor::CPPTYPE_INT64:
      return ParseInteger<std::int64_t>(text, bits);
    case FieldDescriptor::CPPTYPE_UINT32:
      return ParseInteger<std::uint32_t>(text, bits);
    case FieldDescriptor::CPPTYPE_UINT64:
      return ParseInteger<std::uint64_t>(text, bits);
    default:
      return false;
  }
}

template <class T>
std::uint64_t Load(ByteSpan values, std::uint64_t i) {
  T value;
  std::memcpy(&value, values.data() + i * sizeof(T), sizeof(T));
  return static_cast<std::uint64_t>(value);
}

std::uint64_t LoadBits(const ColumnView& view, std::uint64_t i) {
  switch (view.type) {
    case ValueType::kBool:
      return Load<std::uint8_t>(view.values, i);
    case ValueType::kInt32:
      return Load<std::int32_t>(view.values, i);
    case ValueType::kUint32:
      return Load<std::uint32_t>(view.values, i);
    default:
      return Load<std::uint64_t>(view.values, i);
  }
}

}  // namespace

absl::StatusOr<Vocabulary> Vocabulary::Create(
    const policy::Column& column, const google::protobuf::RepeatedPtrField<std::string>& values) {
  const FieldDescriptor& field = column.leaf();
  if (column.repeated()) {
    return absl::InvalidArgumentError(
        absl::StrCat("train spec: column ", column.name, " is repeated: it has no one value"));
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT ||
      field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
    return absl::InvalidArgumentError(absl::StrCat(
        "train spec: column ", column.name, " is floating-point: its values cannot be listed"));
  }
  Vocabulary vocabulary;
  for (int i = 0; i < values.size(); ++i) {
    const auto place = static_cast<std::uint32_t>(i);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      vocabulary.texts_.emplace(values[i], place);
      continue;
    }
    std::uint64_t bits = 0;
    if (!ParseValue(field, values[i], bits) || !vocabulary.numbers_.emplace(bits, place).second) {
      return absl::InvalidArgumentError(absl::StrCat("train spec: column ", column.name, ": \"",
                                                     values[i], "\" is no value of type ",
                                                     field.cpp_type_name(), ", or listed twice"));
    }
  }
  return vocabulary;
}

std::optional<std::uint32_t> Vocabulary::Find(const ColumnView& view, std::uint64_t row) const {
  if (view.IsNull(row)) return std::nullopt;
  if (view.type == ValueType::kBytes) {
    const auto found = texts_.find(view.Text(row));
    if (found == texts_.end()) return std::nullopt;
    return found->second;
  }
  const auto found = numbers_.find(LoadBits(view, row));
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

}  // namespace sealtrain::trainer
