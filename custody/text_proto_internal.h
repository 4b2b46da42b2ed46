// Messages in Protobuf text format.
#ifndef SEALTRAIN_CUSTODY_TEXT_PROTO_INTERNAL_H_
#define SEALTRAIN_CUSTODY_TEXT_PROTO_INTERNAL_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace sealtrain::custody {

// InvalidArgument: "LINE:COLUMN: what" of the first error.
absl::Status ParseTextProto(absl::string_view text, google::protobuf::Message& message);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_TEXT_PROTO_INTERNAL_H_
