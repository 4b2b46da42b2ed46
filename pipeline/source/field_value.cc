#include "sealtrain/pipeline/source/field_value.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "simdjson.h"

namespace sealtrain::pipeline {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

absl::Status Wrong(absl::string_view what) { return absl::InvalidArgumentError(what); }

// Sets or adds, whichever the field is.
template <typename T>
absl::Status Put(const Slot& slot, T value,
                 void (Reflection::*set)(Message*, const FieldDescriptor*, T) const,
                 void (Reflection::*add)(Message*, const FieldDescriptor*, T) const) {
  (slot.message->GetReflection()->*(slot.field->is_repeated() ? add : set))(
      slot.message, slot.field, std::move(value));
  return absl::OkStatus();
}

absl::Status PutEnum(const Slot& slot, const EnumValueDescriptor* value) {
  if (value == nullptr) {
    return Wrong(absl::StrCat("not a value of ", slot.field->enum_type()->full_name()));
  }
  return Put<const EnumValueDescriptor*>(slot, value, &Reflection::SetEnum, &Reflection::AddEnum);
}

// `Wide` is the widest type of the value's sign.
template <typename Wide>
absl::Status PutInteger(const Slot& slot, Wide value) {
  switch (slot.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      if (!std::in_range<std::int32_t>(value)) return Wrong("out of range for a 32-bit integer");
      return Put<std::int32_t>(slot, static_cast<std::int32_t>(value), &Reflection::SetInt32,
                               &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      if (!std::in_range<std::int64_t>(value)) return Wrong("out of range for a 64-bit integer");
      return Put<std::int64_t>(slot, static_cast<std::int64_t>(value), &Reflection::SetInt64,
                               &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      if (!std::in_range<std::uint32_t>(value)) {
        return Wrong("out of range for an unsigned 32-bit integer");
      }
      return Put<std::uint32_t>(slot, static_cast<std::uint32_t>(value), &Reflection::SetUInt32,
                                &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      if (!std::in_range<std::uint64_t>(value)) {
        return Wrong("out of range for an unsigned 64-bit integer");
      }
      return Put<std::uint64_t>(slot, static_cast<std::uint64_t>(value), &Reflection::SetUInt64,
                                &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_ENUM:
      return PutEnum(slot, std::in_range<int>(value)
                               ? slot.field->enum_type()->FindValueByNumber(static_cast<int>(value))
                               : nullptr);
    default:
      return Wrong("an integer where none belongs");
  }
}

// All of `text` as a number; no spaces, no plus sign.
template <typename T>
bool ParseAll(absl::string_view text, T& value, std::errc& error) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  error = code;
  return code != std::errc::invalid_argument && end == text.data() + text.size();
}

absl::Status PutIntegerCell(const Slot& slot, absl::string_view text) {
  std::errc error;
  if (std::int64_t value = 0; ParseAll(text, value, error)) {
    if (error == std::errc()) return PutSigned(slot, value);
    // Too large for a signed integer: one of the upper half?
    std::uint64_t large = 0;
    if (ParseAll(text, large, error) && error == std::errc()) return PutUnsigned(slot, large);
    return Wrong("out of range for an integer");
  }
  if (slot.field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return PutText(slot, text);
  return Wrong("not an integer");
}

}  // namespace

absl::Status PutBool(const Slot& slot, bool value) {
  if (slot.field->cpp_type() != FieldDescriptor::CPPTYPE_BOOL) {
    return Wrong("true or false where none belongs");
  }
  return Put<bool>(slot, value, &Reflection::SetBool, &Reflection::AddBool);
}

absl::Status PutSigned(const Slot& slot, std::int64_t value) { return PutInteger(slot, value); }
absl::Status PutUnsigned(const Slot& slot, std::uint64_t value) { return PutInteger(slot, value); }

absl::Status PutReal(const Slot& slot, double value) {
  if (!std::isfinite(value)) return Wrong("not a finite number");
  if (slot.field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
    return Put<double>(slot, value, &Reflection::SetDouble, &Reflection::AddDouble);
  }
  if (slot.field->cpp_type() != FieldDescriptor::CPPTYPE_FLOAT) {
    return Wrong("a fraction where none belongs");
  }
  if (std::abs(value) > std::numeric_limits<float>::max()) return Wrong("out of range for a float");
  return Put<float>(slot, static_cast<float>(value), &Reflection::SetFloat, &Reflection::AddFloat);
}

absl::Status PutText(const Slot& slot, absl::string_view text) {
  switch (slot.field->type()) {
    case FieldDescriptor::TYPE_STRING:
      if (!simdjson::validate_utf8(text.data(), text.size())) return Wrong("not valid UTF-8");
      return Put<std::string>(slot, std::string(text), &Reflection::SetString,
                              &Reflection::AddString);
    case FieldDescriptor::TYPE_BYTES: {
      std::string bytes;
      // Unescaping is lenient; what does not come back as it was is refused.
      if (!absl::Base64Unescape(text, &bytes) || absl::Base64Escape(bytes) != text) {
        return Wrong("not base64");
      }
      return Put<std::string>(slot, std::move(bytes), &Reflection::SetString,
                              &Reflection::AddString);
    }
    case FieldDescriptor::TYPE_ENUM:
      return PutEnum(slot, slot.field->enum_type()->FindValueByName(std::string(text)));
    default:
      return Wrong("text where none belongs");
  }
}

absl::Status PutCell(const Slot& slot, absl::string_view text) {
  switch (slot.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false") return Wrong("neither true nor false");
      return PutBool(slot, text == "true");
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      double value = 0;
      std::errc error;
      if (!ParseAll(text, value, error)) return Wrong("not a number");
      if (error != std::errc()) return Wrong("out of range for a number");
      return PutReal(slot, value);
    }
    case FieldDescriptor::CPPTYPE_STRING:
      return PutText(slot, text);
    default:
      return PutIntegerCell(slot, text);
  }
}

}  // namespace sealtrain::pipeline
