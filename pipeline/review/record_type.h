// Finds the columns of a schema in records of any class that matches it.
#ifndef SEALTRAIN_PIPELINE_REVIEW_RECORD_TYPE_H_
#define SEALTRAIN_PIPELINE_REVIEW_RECORD_TYPE_H_

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::pipeline {

// A record type as one Protobuf pool knows it. Immutable.
struct RecordType {
  using Path = std::vector<const google::protobuf::FieldDescriptor*>;
  std::vector<Path> columns;  // one for each column of the schema, same order
  std::vector<Path> nested;   // the nested messages, outer before inner
};

// Not thread-safe.
class RecordTypes {
 public:
  explicit RecordTypes(std::shared_ptr<const policy::Schema> schema) : schema_(std::move(schema)) {}

  // InvalidArgument: `record` has another full name or other fields than the
  // schema says (names the first difference).
  absl::StatusOr<const RecordType*> Of(const google::protobuf::Message& record);

 private:
  const std::shared_ptr<const policy::Schema> schema_;
  absl::flat_hash_map<const google::protobuf::Descriptor*, std::unique_ptr<const RecordType>>
      types_;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_REVIEW_RECORD_TYPE_H_
