#include "sealtrain/pipeline/exact_proto.h"

#include <climits>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace sealtrain::pipeline {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

namespace {

// Whether all that can be parsed in `input` is of `type`. An unknown field of
// two bytes takes dozens in memory once it is parsed, so whoever may write a file
// of some megabytes could take gigabytes of a reader; this takes none.
bool HasOnlyFieldsOf(const Descriptor& type, CodedInputStream& input) {
  while (const std::uint32_t tag = input.ReadTag()) {
    const FieldDescriptor* field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    if (field == nullptr) return false;
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED ||
        field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!WireFormatLite::SkipField(&input, tag)) return false;
      continue;
    }
    std::uint32_t bytes = 0;
    if (!input.ReadVarint32(&bytes) || bytes > INT_MAX) return false;
    const CodedInputStream::Limit limit = input.PushLimit(static_cast<int>(bytes));
    if (!HasOnlyFieldsOf(*field->message_type(), input)) return false;
    input.PopLimit(limit);
  }
  return input.ConsumedEntireMessage();
}

bool HasOnlyFieldsOf(const Descriptor& type, ByteSpan bytes) {
  CodedInputStream input(bytes.data(), static_cast<int>(bytes.size()));
  return HasOnlyFieldsOf(type, input);
}

}  // namespace

bool HasUnknownFields(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return true;
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (HasUnknownFields(reflection.GetMessage(message, field))) return true;
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      if (HasUnknownFields(reflection.GetRepeatedMessage(message, field, i))) return true;
    }
  }
  return false;
}

absl::Status ParseExactly(ByteSpan bytes, absl::string_view what, Message& message) {
  std::string again;
  if (bytes.size() > INT_MAX || !HasOnlyFieldsOf(*message.GetDescriptor(), bytes) ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      HasUnknownFields(message) || !message.SerializeToString(&again) ||
      absl::string_view(again) != AsText(bytes)) {
    return absl::DataLossError(absl::StrCat(what, " is malformed"));
  }
  return absl::OkStatus();
}

}  // namespace sealtrain::pipeline
