// Schemas from the text of a .proto file.
#ifndef SEALTRAIN_TESTS_PIPELINE_SCHEMA_FIXTURE_H_
#define SEALTRAIN_TESTS_PIPELINE_SCHEMA_FIXTURE_H_

#include <memory>
#include <string>

#include "sealtrain/base/env.h"
#include "sealtrain/policy/schema.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::testing {

// Every type that a column can have.
inline constexpr char kEverythingProto[] = R"(
syntax = "proto3";
package test;
import "sealtrain/data_class.proto";

enum Color { COLOR_UNKNOWN = 0; RED = 1; BLUE = 5; }

message Place {
  string city = 1 [(sealtrain.privacy).data_class = LOCATION];
  optional double height = 2 [(sealtrain.privacy).data_class = FEATURE];
}

message Everything {
  string user = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];
  bool flag = 2 [(sealtrain.privacy).data_class = FEATURE];
  int32 i32 = 3 [(sealtrain.privacy).data_class = FEATURE];
  int64 i64 = 4 [(sealtrain.privacy).data_class = FEATURE];
  uint32 u32 = 5 [(sealtrain.privacy).data_class = FEATURE];
  uint64 u64 = 6 [(sealtrain.privacy).data_class = FEATURE];
  float f = 7 [(sealtrain.privacy).data_class = FEATURE];
  double d = 8 [(sealtrain.privacy).data_class = FEATURE];
  Color color = 9 [(sealtrain.privacy).data_class = FEATURE];
  string text = 10 [(sealtrain.privacy).data_class = FREE_TEXT];
  bytes blob = 11 [(sealtrain.privacy).data_class = INTERNAL];
  optional int32 maybe = 12 [(sealtrain.privacy).data_class = FEATURE];
  optional string maybe_text = 13 [(sealtrain.privacy).data_class = FREE_TEXT];
  repeated int32 numbers = 14 [(sealtrain.privacy).data_class = FEATURE];
  repeated string words = 15 [(sealtrain.privacy).data_class = FREE_TEXT];
  Place place = 16;
  sint32 s32 = 17 [(sealtrain.privacy).data_class = FEATURE];
  fixed64 x64 = 18 [(sealtrain.privacy).data_class = FEATURE];
}
)";

// One that CSV can hold.
inline constexpr char kFlatProto[] = R"(
syntax = "proto3";
package test;
import "sealtrain/data_class.proto";

enum Color { COLOR_UNKNOWN = 0; RED = 1; BLUE = 5; }
message Place {
  string city = 1 [(sealtrain.privacy).data_class = LOCATION];
}
message Flat {
  string user = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];
  int32 age = 2 [(sealtrain.privacy).data_class = QUASI_IDENTIFIER];
  optional double score = 3 [(sealtrain.privacy).data_class = FEATURE];
  string text = 4 [(sealtrain.privacy).data_class = FREE_TEXT];
  bool spam = 5 [(sealtrain.privacy).data_class = LABEL];
  Color color = 6 [(sealtrain.privacy).data_class = FEATURE];
  Place place = 7;
  bytes blob = 8 [(sealtrain.privacy).data_class = INTERNAL];
  uint64 big = 9 [(sealtrain.privacy).data_class = FEATURE];
}
)";

inline std::shared_ptr<const policy::Schema> SchemaOf(const std::string& proto,
                                                      const std::string& message) {
  const TempDir folder;
  const std::string path = folder.Join("schema.proto");
  if (!WriteFileDurably(Env::Posix(), path, AsBytes(proto)).ok()) return nullptr;
  auto schema = policy::Schema::FromProtoFile(path, message);
  return schema.ok() ? *schema : nullptr;
}

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_PIPELINE_SCHEMA_FIXTURE_H_
