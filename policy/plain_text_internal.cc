#include "sealtrain/policy/plain_text_internal.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::policy::internal {
namespace {

namespace pb = ::google::protobuf;
using pb::FieldDescriptor;
using pb::io::Tokenizer;

Finding ErrorAt(int line, int column, const std::string& message) {
  return {.severity = Finding::Severity::kError,
          .line = line,
          .column = column,
          .rule_id = "",
          .message = message};
}

std::uint64_t ValueOf(const std::string& integer) {
  std::uint64_t value = 0;
  Tokenizer::ParseInteger(integer, std::numeric_limits<std::uint64_t>::max(), &value);
  return value;
}

bool HasForbiddenEscape(absl::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && !absl::StrContains("\\\"'", text[++i])) return true;
  }
  return false;
}

// Of a token of the value of `field`; empty: it is what it looks like.
std::string DisguiseOf(const Tokenizer::Token& token, const FieldDescriptor& field) {
  const bool is_integer = token.type == Tokenizer::TYPE_INTEGER;
  const bool is_word = token.type == Tokenizer::TYPE_IDENTIFIER;
  const std::string& text = token.text;
  if (field.type() == FieldDescriptor::TYPE_BOOL && (is_integer || is_word)) {
    if (text == "true" || text == "false") return "";
    return absl::StrCat("`", text, "` for `", field.name(), "`: write true or false");
  }
  if (field.type() == FieldDescriptor::TYPE_ENUM && is_integer) {
    const auto* word = field.enum_type()->FindValueByNumber(static_cast<int>(ValueOf(text)));
    return absl::StrCat("`", field.name(), "` is a word, not a number",
                        word == nullptr ? "" : absl::StrCat(": write ", word->name()));
  }
  if (is_integer && text.size() > 1 && text.front() == '0') {
    return absl::StrCat(text,
                        absl::ascii_isdigit(static_cast<unsigned char>(text[1]))
                            ? " is octal: write "
                            : " is hexadecimal: write ",
                        ValueOf(text), ", if that is meant");
  }
  if (token.type == Tokenizer::TYPE_STRING && HasForbiddenEscape(text)) {
    return "a backslash may stand before \\, \" and ' only: write the character itself";
  }
  return "";
}

class NoErrors final : public pb::io::ErrorCollector {
  void AddError(int, int, const std::string&) override {}  // it has parsed before
};

}  // namespace

std::optional<Finding> FindUnseen(absl::string_view text) {
  int line = 1;
  int column = 1;
  while (!text.empty()) {
    const std::optional<char32_t> c = TakeCodePoint(text);
    if (!c) return ErrorAt(line, column, "not UTF-8");
    if (*c == U'\n') {
      ++line;
      column = 1;
      continue;
    }
    if (*c == U'\uFEFF' && line == 1 && column == 1) {
      return ErrorAt(line, column, "a byte order mark: save the file as UTF-8 without it");
    }
    const bool is_line_end = *c == U'\r' && absl::StartsWith(text, "\n");
    if (!IsPrintable(*c) && *c != U'\t' && !is_line_end) {
      return ErrorAt(
          line, column,
          absl::StrFormat("U+%04X cannot be seen: take it out", static_cast<std::uint32_t>(*c)));
    }
    ++column;
  }
  return std::nullopt;
}

std::optional<Finding> FindDisguised(absl::string_view text) {
  NoErrors errors;
  pb::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  Tokenizer tokenizer(&input, &errors);
  // As Protobuf's own text parser sets it.
  tokenizer.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  tokenizer.set_allow_f_after_float(true);
  tokenizer.set_require_space_after_number(false);

  std::vector<const FieldDescriptor*> open;  // the messages around
  const FieldDescriptor* field = nullptr;    // whose value it is
  bool more = true;
  while (more) {
    more = tokenizer.Next();
    const Tokenizer::Token& token = tokenizer.previous();
    const Tokenizer::Token& next = tokenizer.current();
    const bool is_symbol = token.type == Tokenizer::TYPE_SYMBOL;
    if (token.type == Tokenizer::TYPE_IDENTIFIER &&
        (next.text == ":" || next.text == "{" || next.text == "<" || next.text == "[")) {
      const pb::Descriptor* message =
          open.empty() ? PolicySet::descriptor() : open.back()->message_type();
      field = message->FindFieldByName(token.text);
    } else if (is_symbol && (token.text == "{" || token.text == "<")) {
      open.push_back(field);
    } else if (is_symbol && (token.text == "}" || token.text == ">")) {
      field = open.back();  // there may be more in its list
      open.pop_back();
    } else if (field != nullptr) {
      std::string disguise = DisguiseOf(token, *field);
      if (token.type == Tokenizer::TYPE_STRING && next.type == Tokenizer::TYPE_STRING) {
        disguise = "two strings side by side are one: write it as one";
      }
      if (!disguise.empty()) return ErrorAt(token.line + 1, token.column + 1, disguise);
    }
  }
  return std::nullopt;
}

}  // namespace sealtrain::policy::internal
