#include "sealtrain/policy/schema.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/policy/columns_internal.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/proto_import_internal.h"

namespace sealtrain::policy {
namespace {

namespace pb = ::google::protobuf;

std::string SerializeDeterministically(const pb::Message& message) {
  std::string bytes;
  pb::io::StringOutputStream stream(&bytes);
  pb::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&out);
  out.Trim();
  return bytes;
}

// Options as text that is still to be interpreted. descriptor_set() never has
// any, and protobuf would parse them without a limit on nesting.
bool HasUninterpretedOptions(const pb::Message& message) {
  if (message.GetDescriptor() == pb::UninterpretedOption::descriptor()) return true;
  const pb::Reflection& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (HasUninterpretedOptions(reflection.GetMessage(message, field))) return true;
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      if (HasUninterpretedOptions(reflection.GetRepeatedMessage(message, field, i))) return true;
    }
  }
  return false;
}

void FindBySimpleName(const pb::Descriptor& message, absl::string_view name,
                      std::vector<const pb::Descriptor*>& found) {
  if (name == message.name() && !message.options().map_entry()) found.push_back(&message);
  for (int i = 0; i < message.nested_type_count(); ++i) {
    FindBySimpleName(*message.nested_type(i), name, found);
  }
}

// By simple name among the messages of `file`, or by full name in its pool.
absl::StatusOr<const pb::Descriptor*> FindMessage(const pb::FileDescriptor& file,
                                                  absl::string_view name) {
  if (const pb::Descriptor* message = file.pool()->FindMessageTypeByName(std::string(name))) {
    if (!message->options().map_entry()) return message;
  }
  std::vector<const pb::Descriptor*> found;
  for (int i = 0; i < file.message_type_count(); ++i) {
    FindBySimpleName(*file.message_type(i), name, found);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.name(), ": no message ", internal::Quoted(name)));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      file.name(), ": message name ", internal::Quoted(name), " could be \"", found[0]->full_name(),
      "\" or \"", found[1]->full_name(), "\": give the full name"));
}

class BuildErrors final : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const pb::Message*,
                ErrorLocation, const std::string& message) override {
    if (first_.empty()) {
      first_ = Printable(absl::StrCat(file, ": ", element, ": ", message));
    }
  }
  const std::string& first() const { return first_; }

 private:
  std::string first_;
};

}  // namespace

struct Schema::Pool {
  pb::DescriptorPool pool;
  pb::DynamicMessageFactory factory{&pool};  // goes before the pool
};

class SchemaLoader {
 public:
  static absl::StatusOr<std::shared_ptr<const Schema>> Load(ByteSpan bytes,
                                                            absl::string_view message) {
    if (bytes.size() > internal::kMaxSchemaBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("descriptor set: more than ", internal::kMaxSchemaBytes, " bytes"));
    }
    pb::FileDescriptorSet set;
    if (!set.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return absl::InvalidArgumentError("descriptor set: not a FileDescriptorSet");
    }
    auto schema = absl::WrapUnique(new Schema);
    schema->pool_ = std::make_unique<Schema::Pool>();
    ST_ASSIGN_OR_RETURN(const pb::FileDescriptor* file, Build(set, schema->pool_->pool));
    ST_ASSIGN_OR_RETURN(schema->descriptor_, FindMessage(*file, message));
    ST_ASSIGN_OR_RETURN(schema->columns_,
                        internal::CollectColumns(*schema->descriptor_, /*folder=*/"."));
    pb::MessageOptions options;
    if (options.ParseFromString(schema->descriptor_->options().SerializeAsString())) {
      schema->record_ = options.GetExtension(sealtrain::record);
    }
    schema->message_name_ = schema->descriptor_->full_name();
    schema->descriptor_set_ = std::string(AsText(bytes));
    schema->digest_ = crypto::Sha256(bytes);
    return std::shared_ptr<const Schema>(std::move(schema));
  }

 private:
  // Adds all files to `pool`; returns the last, the one that was asked for.
  static absl::StatusOr<const pb::FileDescriptor*> Build(const pb::FileDescriptorSet& set,
                                                         pb::DescriptorPool& pool) {
    const pb::FileDescriptor* last = nullptr;
    for (const pb::FileDescriptorProto& stored : set.file()) {
      // Ours, whatever the set says: what a class number means is not up to
      // the set, and a newer definition only adds to an older one.
      pb::FileDescriptorProto built_in;
      if (const pb::FileDescriptor* file = internal::FindBuiltInFile(stored.name())) {
        file->CopyTo(&built_in);
      } else if (HasUninterpretedOptions(stored)) {
        return absl::InvalidArgumentError("descriptor set: has uninterpreted options");
      }
      BuildErrors errors;
      last = pool.BuildFileCollectingErrors(built_in.has_name() ? built_in : stored, &errors);
      if (last == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat("descriptor set: ", errors.first()));
      }
    }
    if (last == nullptr) return absl::InvalidArgumentError("descriptor set: no file");
    return last;
  }
};

bool Column::HasClass(DataClass c) const {
  return std::find(classes.begin(), classes.end(), c) != classes.end();
}

Schema::Schema() = default;
Schema::~Schema() = default;

absl::StatusOr<std::shared_ptr<const Schema>> Schema::FromProtoFile(const std::string& path,
                                                                    absl::string_view message) {
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<internal::ProtoImport> import,
                      internal::ProtoImport::Read(path));
  ST_ASSIGN_OR_RETURN(const pb::Descriptor* record, FindMessage(import->file(), message));
  // Only here are there line numbers to report; the columns are collected
  // again below, so that both ways of loading give the very same schema.
  ST_RETURN_IF_ERROR(internal::CollectColumns(*record, import->folder()).status());
  return SchemaLoader::Load(AsBytes(SerializeDeterministically(import->DescriptorSet())),
                            record->full_name());
}

absl::StatusOr<std::shared_ptr<const Schema>> Schema::FromDescriptorSet(ByteSpan bytes,
                                                                        absl::string_view message) {
  return SchemaLoader::Load(bytes, message);
}

const Column* Schema::FindColumn(absl::string_view name) const {
  for (const Column& column : columns_) {
    if (name == column.name) return &column;
  }
  return nullptr;
}

const Column& Schema::subject_column() const {
  // CollectColumns made sure that there is one.
  return *std::find_if(columns_.begin(), columns_.end(),
                       [](const Column& column) { return column.HasClass(SUBJECT_KEY); });
}

std::unique_ptr<pb::Message> Schema::NewRecord() const {
  return std::unique_ptr<pb::Message>(pool_->factory.GetPrototype(descriptor_)->New());
}

std::string DataClassName(DataClass c) {
  return DataClass_IsValid(c) ? DataClass_Name(c)
                              : absl::StrCat("DATA_CLASS_", static_cast<int>(c));
}

}  // namespace sealtrain::policy
