// Reads a user's .proto file and what it imports at run time.
//
// "sealtrain/data_class.proto" and the google/protobuf/ files are the ones
// compiled into this program, whatever lies on the disk under these names; all
// other imports are looked up beside the file.
#ifndef SEALTRAIN_POLICY_PROTO_IMPORT_INTERNAL_H_
#define SEALTRAIN_POLICY_PROTO_IMPORT_INTERNAL_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"

namespace sealtrain::policy::internal {

inline constexpr std::size_t kMaxSchemaBytes = std::size_t{1} << 20;

// The compiled-in file of that name; null if it is none of the built-in ones.
const google::protobuf::FileDescriptor* FindBuiltInFile(absl::string_view name);

// A .proto file and its imports, with line numbers. Not thread-safe.
class ProtoImport {
 public:
  // InvalidArgument: syntax, as "FILE:LINE:COLUMN: what", an import that is not
  // there, or a file above kMaxSchemaBytes. NotFound: no such file.
  static absl::StatusOr<std::unique_ptr<ProtoImport>> Read(const std::string& path);
  ~ProtoImport();

  const google::protobuf::FileDescriptor& file() const { return *file_; }
  // The folder of the file, to name its imports in messages.
  const std::string& folder() const { return folder_; }
  // The file and all that it imports; each file stands behind its imports.
  google::protobuf::FileDescriptorSet DescriptorSet() const;

 private:
  ProtoImport();
  struct Machinery;
  std::unique_ptr<Machinery> machinery_;
  const google::protobuf::FileDescriptor* file_ = nullptr;
  std::string folder_;
};

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_PROTO_IMPORT_INTERNAL_H_
