#include "sealtrain/policy/policy_document_internal.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/policy/plain_text_internal.h"

namespace sealtrain::policy::internal {
namespace {

namespace pb = ::google::protobuf;

constexpr int kMaxTextNesting = 32;

class SyntaxErrors final : public pb::io::ErrorCollector {
 public:
  explicit SyntaxErrors(std::vector<Finding>& findings) : findings_(findings) {}
  void AddError(int line, int column, const std::string& message) override {
    findings_.push_back({.severity = Finding::Severity::kError,
                         .line = line < 0 ? 0 : line + 1,
                         .column = line < 0 ? 0 : column + 1,
                         .rule_id = "",
                         .message = Printable(message)});
  }

 private:
  std::vector<Finding>& findings_;
};

}  // namespace

Place Place::Child(const char* name, int index) const {
  const pb::FieldDescriptor* field = message_->GetDescriptor()->FindFieldByName(name);
  const pb::Reflection& reflection = *message_->GetReflection();
  const pb::Message& child = field->is_repeated()
                                 ? reflection.GetRepeatedMessage(*message_, field, index)
                                 : reflection.GetMessage(*message_, field);
  Place place(child, nullptr, line_, column_);
  if (tree_ == nullptr) return place;
  place.tree_ = tree_->GetTreeForNested(field, index);
  const pb::TextFormat::ParseLocation location = tree_->GetLocation(field, index);
  if (location.line >= 0) {
    place.line_ = location.line + 1;
    place.column_ = location.column + 1;
  }
  return place;
}

Finding Place::Error(const std::string& message, const char* name, int index) const {
  return Make(Finding::Severity::kError, message, name, index);
}

Finding Place::Warning(const std::string& message, const char* name, int index) const {
  return Make(Finding::Severity::kWarning, message, name, index);
}

Finding Place::Make(Finding::Severity severity, const std::string& message, const char* name,
                    int index) const {
  Finding finding{
      .severity = severity, .line = line_, .column = column_, .rule_id = "", .message = message};
  if (name == nullptr || tree_ == nullptr) return finding;
  const pb::TextFormat::ParseLocation location =
      tree_->GetLocation(message_->GetDescriptor()->FindFieldByName(name), index);
  if (location.line >= 0) {
    finding.line = location.line + 1;
    finding.column = location.column + 1;
  }
  return finding;
}

PolicyDocument::PolicyDocument(absl::string_view text) {
  SyntaxErrors errors(syntax_errors_);
  if (text.size() > kMaxPolicyBytes) {
    errors.AddError(-1, 0, absl::StrCat("a policy file has at most ", kMaxPolicyBytes, " bytes"));
    return;
  }
  if (std::optional<Finding> unseen = FindUnseen(text)) {
    syntax_errors_.push_back(*std::move(unseen));
    return;
  }
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.WriteLocationsTo(&tree_);
  parser.SetRecursionLimit(kMaxTextNesting);
  pb::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  if (!parser.Parse(&input, &set_)) {
    if (syntax_errors_.empty()) errors.AddError(-1, 0, "not a policy set in text format");
    return;
  }
  if (std::optional<Finding> disguised = FindDisguised(text)) {
    syntax_errors_.push_back(*std::move(disguised));
    return;
  }
  // "rule: [{...}, {...}]" parses, but only the list gets a line of its own;
  // findings and decisions would then cite wrong ones.
  for (const char* name : {"rule", "test"}) {
    const pb::FieldDescriptor* field = PolicySet::descriptor()->FindFieldByName(name);
    const int count = set_.GetReflection()->FieldSize(set_, field);
    if (count > 0 && tree_.GetLocation(field, count - 1).line < 0) {
      const pb::TextFormat::ParseLocation first = tree_.GetLocation(field, 0);
      errors.AddError(first.line, first.column,
                      absl::StrCat("write each ", name, " as its own `", name, " { ... }`"));
    }
  }
}

}  // namespace sealtrain::policy::internal
