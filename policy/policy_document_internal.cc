#include "sealtrain/policy/policy_document_internal.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/policy/names_internal.h"

namespace sealtrain::policy::internal {
namespace {

namespace pb = ::google::protobuf;

constexpr int kMaxTextNesting = 32;
constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

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

// The line and column, from 0, of the first byte that is not UTF-8.
std::optional<std::pair<int, int>> NotUtf8(absl::string_view text) {
  int line = 0;
  int column = 0;
  while (const std::optional<char32_t> code_point = TakeCodePoint(text)) {
    ++column;
    if (*code_point == U'\n') {
      ++line;
      column = 0;
    }
  }
  if (text.empty()) return std::nullopt;
  return std::pair(line, column);
}

// The first string in `message` that is not UTF-8.
std::optional<Finding> FindBadString(const pb::Message& message, const Place& place) {
  const pb::Reflection& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    const bool is_text = field->type() == pb::FieldDescriptor::TYPE_STRING;
    if (!is_text && field->type() != pb::FieldDescriptor::TYPE_MESSAGE) continue;
    const char* name = field->name().c_str();
    const bool is_list = field->is_repeated();
    for (int i = is_list ? 0 : -1; i < (is_list ? reflection.FieldSize(message, field) : 0); ++i) {
      if (is_text) {
        const std::string text = is_list ? reflection.GetRepeatedString(message, field, i)
                                         : reflection.GetString(message, field);
        if (!IsUtf8(text)) return place.Error("a string that is not UTF-8", name, i);
        continue;
      }
      const pb::Message& inner = is_list ? reflection.GetRepeatedMessage(message, field, i)
                                         : reflection.GetMessage(message, field);
      if (std::optional<Finding> bad = FindBadString(inner, place.Child(name, i))) return bad;
    }
  }
  return std::nullopt;
}

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
  if (const std::optional<std::pair<int, int>> at = NotUtf8(text)) {
    errors.AddError(at->first, at->second, "not UTF-8");
    return;
  }
  if (absl::StartsWith(text, kByteOrderMark)) {
    errors.AddError(0, 0, "a byte order mark: save the file as UTF-8 without it");
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
  // The text parser takes any bytes that a string escapes; nothing that reads the set
  // from the wire, the audit log's readers included, would.
  if (std::optional<Finding> bad = FindBadString(set_, root())) {
    syntax_errors_.push_back(*std::move(bad));
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
