#include "sealtrain/policy/proto_import_internal.h"

#include <deque>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/compiler/importer.h"
#include "google/protobuf/descriptor_database.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/data_class.pb.h"
#include "sealtrain/policy/names_internal.h"

namespace sealtrain::policy::internal {
namespace {

namespace pb = ::google::protobuf;

// Protobuf's parser follows nesting on the call stack.
constexpr int kMaxSourceNesting = 100;

constexpr char kDataClassFile[] = "sealtrain/data_class.proto";

bool NestsTooDeeply(absl::string_view text) {
  int depth = 0;
  for (const char c : text) {
    if (c == '{' || c == '<' || c == '[') ++depth;
    if ((c == '}' || c == '>' || c == ']') && depth > 0) --depth;
    if (depth > kMaxSourceNesting) return true;
  }
  return false;
}

class BuiltInFiles final : public pb::DescriptorDatabase {
 public:
  bool FindFileByName(const std::string& name, pb::FileDescriptorProto* out) override {
    const pb::FileDescriptor* file = FindBuiltInFile(name);
    if (file == nullptr) return false;
    file->CopyTo(out);
    return true;
  }
  // The pool has loaded every import before it looks for symbols.
  bool FindFileContainingSymbol(const std::string&, pb::FileDescriptorProto*) override {
    return false;
  }
  bool FindFileContainingExtension(const std::string&, int, pb::FileDescriptorProto*) override {
    return false;
  }
};

// Files below one folder, by names without "." and ".." segments.
class FolderSourceTree final : public pb::compiler::SourceTree {
 public:
  explicit FolderSourceTree(std::string folder) : folder_(std::move(folder)) {}

  pb::io::ZeroCopyInputStream* Open(const std::string& name) override {
    error_ = "File not found.";
    if (name.empty() || name.front() == '/' ||
        absl::StrContains(absl::StrCat("/", name, "/"), "/../")) {
      error_ = "An import is a path below the folder of the file that was asked for.";
      return nullptr;
    }
    absl::StatusOr<std::string> text =
        Env::Posix().ReadFile(JoinPath(folder_, name), kMaxSchemaBytes);
    if (!text.ok()) {
      if (!absl::IsNotFound(text.status())) error_ = std::string(text.status().message());
      return nullptr;
    }
    if (NestsTooDeeply(*text)) {
      error_ = absl::StrCat("Nested deeper than ", kMaxSourceNesting, " levels.");
      return nullptr;
    }
    texts_.push_back(*std::move(text));
    return new pb::io::ArrayInputStream(texts_.back().data(),
                                        static_cast<int>(texts_.back().size()));
  }
  std::string GetLastErrorMessage() override { return error_; }

 private:
  std::string folder_;
  std::string error_;
  std::deque<std::string> texts_;  // what the streams point into
};

// Keeps the first error, as later ones mostly follow from it. An import that is
// not there is reported without a line first and at its `import` next: then
// both are kept.
class FirstError final : public pb::compiler::MultiFileErrorCollector {
 public:
  explicit FirstError(std::string folder) : folder_(std::move(folder)) {}

  void AddError(const std::string& file, int line, int column,
                const std::string& message) override {
    if (has_line_) return;
    std::string text = JoinPath(folder_, file);
    if (line >= 0) absl::StrAppend(&text, ":", line + 1, ":", column + 1);
    absl::StrAppend(&text, ": ", Printable(message));
    if (message_.empty()) {
      message_ = text;
    } else if (line >= 0) {
      message_ = absl::StrCat(text, " (", message_, ")");
    }
    has_line_ = line >= 0;
  }
  const std::string& message() const { return message_; }

 private:
  std::string folder_;
  std::string message_;
  bool has_line_ = false;
};

void AppendInDependencyOrder(const pb::FileDescriptor& file, std::set<std::string>& seen,
                             pb::FileDescriptorSet& out) {
  if (!seen.insert(file.name()).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) {
    AppendInDependencyOrder(*file.dependency(i), seen, out);
  }
  file.CopyTo(out.add_file());
}

}  // namespace

const pb::FileDescriptor* FindBuiltInFile(absl::string_view name) {
  // Named so that the linker keeps the file's descriptor.
  if (name == kDataClassFile) return DataClass_descriptor()->file();
  if (!absl::StartsWith(name, "google/protobuf/")) return nullptr;
  return pb::DescriptorPool::generated_pool()->FindFileByName(std::string(name));
}

struct ProtoImport::Machinery {
  explicit Machinery(const std::string& folder)
      : errors(folder),
        sources(folder),
        source_files(&sources),
        files(&built_in, &source_files),
        pool(&files, source_files.GetValidationErrorCollector()) {
    source_files.RecordErrorsTo(&errors);
  }

  FirstError errors;
  FolderSourceTree sources;
  BuiltInFiles built_in;
  pb::compiler::SourceTreeDescriptorDatabase source_files;
  pb::MergedDescriptorDatabase files;
  pb::DescriptorPool pool;
};

ProtoImport::ProtoImport() = default;
ProtoImport::~ProtoImport() = default;

absl::StatusOr<std::unique_ptr<ProtoImport>> ProtoImport::Read(const std::string& path) {
  if (!Env::Posix().Exists(path)) {
    return absl::NotFoundError(absl::StrCat("no such schema file: ", path));
  }
  auto import = std::unique_ptr<ProtoImport>(new ProtoImport);
  import->folder_ = DirName(path);
  import->machinery_ = std::make_unique<Machinery>(import->folder_);
  const std::string name = path.substr(path.rfind('/') + 1);
  import->file_ = import->machinery_->pool.FindFileByName(name);
  if (import->file_ == nullptr) {
    const std::string& message = import->machinery_->errors.message();
    return absl::InvalidArgumentError(
        message.empty() ? absl::StrCat(path, ": not a readable .proto file") : message);
  }
  return import;
}

pb::FileDescriptorSet ProtoImport::DescriptorSet() const {
  pb::FileDescriptorSet set;
  std::set<std::string> seen;
  AppendInDependencyOrder(*file_, seen, set);
  return set;
}

}  // namespace sealtrain::policy::internal
