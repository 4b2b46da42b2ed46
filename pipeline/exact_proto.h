// Parsing stored Protobuf messages so that nothing in them goes unread.
#ifndef SEALTRAIN_PIPELINE_EXACT_PROTO_H_
#define SEALTRAIN_PIPELINE_EXACT_PROTO_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::pipeline {

// Whether `message` or any message in it has fields that its type lacks.
bool HasUnknownFields(const google::protobuf::Message& message);

// Parses `bytes` into `message`. DataLoss: they are not what serialising the
// result gives, so bytes that mean nothing cannot hide in a stored file.
// `what` is for the error.
absl::Status ParseExactly(ByteSpan bytes, absl::string_view what,
                          google::protobuf::Message& message);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_EXACT_PROTO_H_
