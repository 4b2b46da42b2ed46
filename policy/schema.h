// A user's record type, read at run time from a .proto file or a serialised
// FileDescriptorSet, with the data classes of every column.
//
// Columns: all proto scalars, enums, strings, bytes, and repeated ones of these;
// singular nested messages flatten to dotted names ("address.city"). Anything
// else (maps, oneofs, groups, repeated messages, extensions) is refused by name.
//
// Immutable after loading, so thread-safe. Owns its descriptor pool.
#ifndef SEALTRAIN_POLICY_SCHEMA_H_
#define SEALTRAIN_POLICY_SCHEMA_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/dynamic_message.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/data_class.pb.h"

namespace sealtrain::policy {

struct Column {
  std::string name;                // dotted, as users write it
  std::string id;                  // dotted field numbers: "4", "7.2"; stable across renames
  std::vector<DataClass> classes;  // ascending, distinct, never empty
  // The path of fields from the record down to the leaf; the leaf is last.
  std::vector<const google::protobuf::FieldDescriptor*> path;

  const google::protobuf::FieldDescriptor& leaf() const { return *path.back(); }
  bool repeated() const { return leaf().is_repeated(); }
  bool HasClass(DataClass c) const;
};

class Schema {
 public:
  // Reads `path`; its imports are looked up beside it, and
  // "sealtrain/data_class.proto" is built in. `message` is the record's full
  // name, or its simple name when that is unambiguous in the file.
  // InvalidArgument: syntax (file, line, column), no such message, a field
  // without data class, not exactly one SUBJECT_KEY, an unsupported field; each
  // names the file and the field. NotFound: no such file.
  static absl::StatusOr<std::shared_ptr<const Schema>> FromProtoFile(const std::string& path,
                                                                     absl::string_view message);
  // From bytes made by descriptor_set().
  static absl::StatusOr<std::shared_ptr<const Schema>> FromDescriptorSet(ByteSpan bytes,
                                                                         absl::string_view message);
  ~Schema();

  const std::string& message_name() const { return message_name_; }  // full name
  const std::vector<Column>& columns() const { return columns_; }    // in field order
  const Column* FindColumn(absl::string_view name) const;            // null: none
  const Column& subject_column() const;
  const RecordPrivacy& record() const { return record_; }

  // A serialised FileDescriptorSet that holds the file and all its imports, as
  // it is stored in snapshots, and its SHA-256.
  const std::string& descriptor_set() const { return descriptor_set_; }
  const Digest& digest() const { return digest_; }

  const google::protobuf::Descriptor* descriptor() const { return descriptor_; }
  // A new, empty record. The schema must outlive it.
  std::unique_ptr<google::protobuf::Message> NewRecord() const;

 private:
  Schema();
  friend class SchemaLoader;
  struct Pool;
  std::unique_ptr<Pool> pool_;  // owns what the descriptors point into
  const google::protobuf::Descriptor* descriptor_ = nullptr;
  std::string message_name_;
  std::vector<Column> columns_;
  RecordPrivacy record_;
  std::string descriptor_set_;
  Digest digest_{};
};

// "HEALTH"; an unknown number gives "DATA_CLASS_<n>".
std::string DataClassName(DataClass c);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_SCHEMA_H_
