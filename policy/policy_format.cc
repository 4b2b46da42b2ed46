#include "sealtrain/policy/policy_format.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/policy/policy_document_internal.h"

namespace sealtrain::policy {
namespace {

using google::protobuf::io::Tokenizer;

constexpr std::size_t kColumns = 100;

// A token of the text format, and the lines of comment before it.
struct Token {
  Tokenizer::TokenType type = Tokenizer::TYPE_END;
  std::string text;
  std::string same_line;               // comment behind the token before, on its line
  std::vector<std::string> own_lines;  // comments, and "" for blank lines
};

// What tokens there are is Protobuf's business; the comments it skips are what
// lies between them.
std::vector<Token> Tokenize(absl::string_view text) {
  class NoErrors final : public google::protobuf::io::ErrorCollector {
    void AddError(int, int, const std::string&) override {}  // it has parsed before
  };
  NoErrors errors;
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  Tokenizer tokenizer(&input, &errors);
  tokenizer.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  tokenizer.set_allow_f_after_float(true);
  tokenizer.set_require_space_after_number(false);

  std::vector<Token> tokens;
  bool more = true;
  while (more) {
    more = tokenizer.Next();
    Token token;
    token.type = tokenizer.current().type;
    token.text = tokenizer.current().text;
    std::vector<std::string> lines = {""};
    while (!text.empty() &&
           (absl::ascii_isspace(static_cast<unsigned char>(text.front())) || text.front() == '#')) {
      if (text.front() == '#') {
        const absl::string_view comment = text.substr(0, text.find('\n'));
        lines.back() = std::string(absl::StripTrailingAsciiWhitespace(comment));
        text.remove_prefix(comment.size());
        continue;
      }
      if (text.front() == '\n') lines.emplace_back();
      text.remove_prefix(1);
    }
    absl::ConsumePrefix(&text, token.text);
    // At the beginning of the file there is nothing for a comment to be behind.
    const std::size_t first = tokens.empty() ? 0 : 1;
    if (first == 1) token.same_line = lines.front();
    // The last line is the one on which the token stands.
    for (std::size_t i = first; i + 1 < lines.size(); ++i) {
      const bool blank_again =
          lines[i].empty() && !token.own_lines.empty() && token.own_lines.back().empty();
      if (!blank_again) token.own_lines.push_back(lines[i]);
    }
    // The file may end in a comment without a newline.
    if (lines.size() > first && !lines.back().empty()) token.own_lines.push_back(lines.back());
    tokens.push_back(std::move(token));
  }
  return tokens;
}

struct Field {
  std::vector<std::string> above;  // comments, and "" for blank lines
  std::string name;
  std::string scalar;  // of a field that is no message
  bool is_message = false;
  std::string opening_comment;  // behind the '{'
  std::vector<Field> fields;
  std::vector<std::string> closing_comments;  // before the '}'
  std::string trailing_comment;
};

// Takes a file that Protobuf has parsed apart into fields.
class Reader {
 public:
  explicit Reader(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Field ReadFile() {
    Field file;
    file.is_message = true;
    ReadFields(file);
    return file;
  }

 private:
  const Token& Next() const { return tokens_[std::min(at_, tokens_.size() - 1)]; }
  bool NextIs(absl::string_view text) const {
    return Next().type == Tokenizer::TYPE_SYMBOL && Next().text == text;
  }
  bool AtEnd() const { return Next().type == Tokenizer::TYPE_END; }

  // Comments before a token within a field are moved before the field.
  std::string Take(Field& field) {
    const Token& token = Next();
    if (!token.same_line.empty()) field.above.push_back(token.same_line);
    for (const std::string& line : token.own_lines) {
      if (!line.empty()) field.above.push_back(line);
    }
    ++at_;
    return token.text;
  }

  // Up to the end of the message, which stays.
  void ReadFields(Field& message) {
    while (true) {
      const Token& token = Next();
      std::string& comment =
          message.fields.empty() ? message.opening_comment : message.fields.back().trailing_comment;
      std::vector<std::string> above = std::exchange(left_over_, {});
      above.insert(above.end(), token.own_lines.begin(), token.own_lines.end());
      if (!token.same_line.empty()) {
        // A list makes several fields of one, whose comment may be there already.
        if (comment.empty()) {
          comment = token.same_line;
        } else {
          above.insert(above.begin(), token.same_line);
        }
      }
      if (message.fields.empty() && !above.empty() && above.front().empty()) {
        above.erase(above.begin());
      }
      if (AtEnd() || NextIs("}") || NextIs(">")) {
        if (!above.empty() && above.back().empty()) above.pop_back();
        message.closing_comments = std::move(above);
        return;
      }
      ReadField(message, std::move(above));
    }
  }

  void ReadField(Field& message, std::vector<std::string> above) {
    Field field;
    field.above = std::move(above);
    field.name = Next().text;
    ++at_;
    if (NextIs(":")) Take(field);
    if (NextIs("[")) {
      Take(field);
      std::vector<Field> values;
      while (!NextIs("]") && !AtEnd()) {
        Field value;
        value.name = field.name;
        ReadValue(value);
        if (NextIs(",")) Take(value);
        values.push_back(std::move(value));
      }
      Take(field);
      TakeSeparator(field);
      if (values.empty()) {
        // An empty list says nothing, but its comments may.
        left_over_ = std::move(field.above);
        return;
      }
      values.front().above.insert(values.front().above.begin(), field.above.begin(),
                                  field.above.end());
      for (Field& value : values) message.fields.push_back(std::move(value));
      return;
    }
    ReadValue(field);
    TakeSeparator(field);
    message.fields.push_back(std::move(field));
  }

  void TakeSeparator(Field& field) {
    if (NextIs(",") || NextIs(";")) Take(field);
  }

  void ReadValue(Field& field) {
    if (NextIs("{") || NextIs("<")) {
      Take(field);
      field.is_message = true;
      ReadFields(field);
      ++at_;  // the bracket, whose comments the message has
      return;
    }
    if (NextIs("-")) field.scalar = Take(field);
    absl::StrAppend(&field.scalar, Take(field));
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::vector<std::string> left_over_;  // comments of a field that vanished
};

bool IsComment(const std::string& line) { return !line.empty(); }

bool HoldsComment(const Field& field) {
  if (!field.opening_comment.empty() || !field.closing_comments.empty()) return true;
  return std::any_of(field.fields.begin(), field.fields.end(), [](const Field& inner) {
    return !inner.trailing_comment.empty() ||
           std::any_of(inner.above.begin(), inner.above.end(), IsComment) || HoldsComment(inner);
  });
}

// Without what stands above and behind it.
std::string OnOneLine(const Field& field) {
  if (!field.is_message) return absl::StrCat(field.name, ": ", field.scalar);
  if (field.fields.empty()) return absl::StrCat(field.name, " {}");
  std::vector<std::string> parts = {absl::StrCat(field.name, " {")};
  for (const Field& inner : field.fields) parts.push_back(OnOneLine(inner));
  parts.emplace_back("}");
  return absl::StrJoin(parts, " ");
}

class Writer {
 public:
  std::string Write(const Field& file) {
    WriteFields(file, 0);
    for (const std::string& line : file.closing_comments) WriteLine(0, line);
    return std::move(page_);
  }

 private:
  void WriteLine(std::size_t depth, absl::string_view line, absl::string_view comment = "") {
    if (!line.empty()) absl::StrAppend(&page_, std::string(2 * depth, ' '), line);
    if (!comment.empty()) absl::StrAppend(&page_, "  ", comment);
    absl::StrAppend(&page_, "\n");
  }

  void WriteFields(const Field& message, std::size_t depth) {
    const std::vector<Field>& fields = message.fields;
    for (std::size_t i = 0; i < fields.size();) {
      WriteAbove(fields[i], depth, /*is_first=*/i == 0);
      if (fields[i].is_message) {
        WriteMessage(fields[i++], depth);
        continue;
      }
      // Further values of the same field, as far as they fit.
      std::string line = OnOneLine(fields[i]);
      std::string comment = fields[i].trailing_comment;
      for (++i; i < fields.size() && comment.empty(); ++i) {
        const Field& next = fields[i];
        const std::string more = OnOneLine(next);
        if (next.is_message || next.name != fields[i - 1].name || !next.above.empty() ||
            2 * depth + line.size() + 1 + more.size() > kColumns) {
          break;
        }
        if (!next.trailing_comment.empty()) break;
        absl::StrAppend(&line, " ", more);
      }
      WriteLine(depth, line, comment);
    }
  }

  void WriteAbove(const Field& field, std::size_t depth, bool is_first) {
    const bool is_chapter = depth == 0 && (field.name == "rule" || field.name == "test");
    if (is_chapter && !is_first && (field.above.empty() || !field.above.front().empty())) {
      WriteLine(0, "");
    }
    for (const std::string& line : field.above) WriteLine(depth, line);
  }

  void WriteMessage(const Field& field, std::size_t depth) {
    const bool is_chapter = depth == 0 && (field.name == "rule" || field.name == "test");
    const std::string line = OnOneLine(field);
    if (!is_chapter && !HoldsComment(field) && 2 * depth + line.size() <= kColumns) {
      return WriteLine(depth, line, field.trailing_comment);
    }
    WriteLine(depth, absl::StrCat(field.name, " {"), field.opening_comment);
    WriteFields(field, depth + 1);
    for (const std::string& comment : field.closing_comments) WriteLine(depth + 1, comment);
    WriteLine(depth, "}", field.trailing_comment);
  }

  std::string page_;
};

std::vector<std::string> CommentsOf(absl::string_view text) {
  std::vector<std::string> comments;
  const auto add = [&comments](const std::string& line) {
    if (IsComment(line)) comments.push_back(line);
  };
  for (const Token& token : Tokenize(text)) {
    add(token.same_line);
    for (const std::string& line : token.own_lines) add(line);
  }
  std::sort(comments.begin(), comments.end());
  return comments;
}

absl::Status SyntaxError(const internal::PolicyDocument& document, absl::string_view file_name) {
  if (document.syntax_errors().empty()) return absl::OkStatus();
  const Finding& first = document.syntax_errors().front();
  return absl::InvalidArgumentError(
      absl::StrCat(file_name, ":", first.line, ":", first.column, ": ", first.message));
}

// OK if `page` says what `set` says, with every comment of `text`.
absl::Status CheckNothingIsLost(absl::string_view page, const PolicySet& set,
                                absl::string_view text, absl::string_view file_name) {
  const internal::PolicyDocument document(page);
  if (document.syntax_errors().empty() &&
      document.set().SerializeAsString() == set.SerializeAsString() &&
      CommentsOf(page) == CommentsOf(text)) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat(file_name, ": cannot be laid out without changing what it says"));
}

}  // namespace

absl::StatusOr<std::string> FormatPolicy(absl::string_view text, absl::string_view file_name) {
  const internal::PolicyDocument document(text);
  ST_RETURN_IF_ERROR(SyntaxError(document, file_name));
  std::string page = Writer().Write(Reader(Tokenize(text)).ReadFile());
  ST_RETURN_IF_ERROR(CheckNothingIsLost(page, document.set(), text, file_name));
  return page;
}

absl::StatusOr<std::string> AsVersion(absl::string_view text, absl::string_view file_name,
                                      std::uint64_t version, const Digest& previous_sha256) {
  const internal::PolicyDocument document(text);
  ST_RETURN_IF_ERROR(SyntaxError(document, file_name));
  PolicySet set = document.set();
  set.set_version(version);
  set.set_previous_sha256(HexEncode(previous_sha256));

  Field file = Reader(Tokenize(text)).ReadFile();
  const auto field = [&file](absl::string_view name) {
    return std::find_if(file.fields.begin(), file.fields.end(),
                        [name](const Field& some) { return some.name == name; });
  };
  const auto at = field("version");
  if (at == file.fields.end()) {
    return absl::InvalidArgumentError(absl::StrCat(file_name, ": has no version"));
  }
  at->scalar = absl::StrCat(version);
  auto previous = field("previous_sha256");
  if (previous == file.fields.end()) {
    previous = file.fields.insert(at + 1, Field{});
    previous->name = "previous_sha256";
  }
  previous->scalar = absl::StrCat("\"", set.previous_sha256(), "\"");
  std::string page = Writer().Write(file);
  ST_RETURN_IF_ERROR(CheckNothingIsLost(page, set, text, file_name));
  ST_RETURN_IF_ERROR(LoadedPolicy::Load(page, file_name).status());
  return page;
}

}  // namespace sealtrain::policy
