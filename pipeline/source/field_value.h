// Putting values that were read into fields of a record: the rules that JSONL
// and CSV share.
//
// Every function sets (or, for a repeated field, adds) one value, or returns
// InvalidArgument with a message for people that does not quote the value.
#ifndef SEALTRAIN_PIPELINE_SOURCE_FIELD_VALUE_H_
#define SEALTRAIN_PIPELINE_SOURCE_FIELD_VALUE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace sealtrain::pipeline {

// One value's place: a field of a message.
struct Slot {
  google::protobuf::Message* message;
  const google::protobuf::FieldDescriptor* field;
};

absl::Status PutBool(const Slot& slot, bool value);
// Into any integer or enum field: in range, and a known number of the enum.
absl::Status PutSigned(const Slot& slot, std::int64_t value);
absl::Status PutUnsigned(const Slot& slot, std::uint64_t value);
// Into a float or double field: finite, and in range.
absl::Status PutReal(const Slot& slot, double value);
// Into a string field (valid UTF-8), bytes field (canonical base64 with
// padding) or enum field (a name).
absl::Status PutText(const Slot& slot, absl::string_view text);

// Any of the above from text alone, as in a CSV cell: numbers in decimal,
// "true" and "false", enums by name or number.
absl::Status PutCell(const Slot& slot, absl::string_view text);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SOURCE_FIELD_VALUE_H_
