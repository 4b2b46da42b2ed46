// CSV of RFC 4180. Columns follow the schema of events, so that a field that is
// added to them shows up here without anybody remembering it.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/export.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::audit {
namespace {

using FieldPath = std::vector<std::string>;

// The paths of all fields below `type` that hold values, in order.
void AppendPaths(const google::protobuf::Descriptor& type, const FieldPath& prefix,
                 std::vector<FieldPath>& paths) {
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *type.field(i);
    FieldPath path = prefix;
    path.push_back(field.name());
    if (field.message_type() != nullptr && !field.is_repeated()) {
      AppendPaths(*field.message_type(), path, paths);
    } else {
      paths.push_back(std::move(path));
    }
  }
}

// '=' and its likes, full-width and small ones included, behind any spaces, which
// spreadsheets skip.
bool IsFormula(absl::string_view cell) {
  constexpr std::u32string_view kSpaces =
      U" \u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
      U"\u2007\u2008\u2009\u200A\u202F\u205F\u3000";
  constexpr std::u32string_view kSigns = U"=+-@\uFF1D\uFF0B\uFF0D\uFF20\uFE66\uFE62\uFE63\uFE6B";
  std::optional<char32_t> first;
  do {
    first = TakeCodePoint(cell);
  } while (first && kSpaces.find(*first) != kSpaces.npos);
  return first && kSigns.find(*first) != kSigns.npos;
}

// What would move the cursor or hide is escaped within; the rest is as JSON has it.
nlohmann::ordered_json PrintableStrings(const nlohmann::ordered_json& value) {
  if (value.is_string()) return Printable(value.get<std::string>());
  nlohmann::ordered_json safe = value;
  for (auto& [key, item] : safe.items()) item = PrintableStrings(item);
  return safe;
}

// Printable text as a cell. What a spreadsheet would take for a formula gets an apostrophe
// in front (OWASP, CSV injection).
std::string TextCell(std::string cell) {
  if (IsFormula(cell)) cell.insert(0, "'");
  return absl::StrCat("\"", absl::StrReplaceAll(cell, {{"\"", "\"\""}}), "\"");
}

std::string Cell(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return TextCell(Printable(value.get<std::string>()));
  return value.is_primitive() ? value.dump() : TextCell(OneLine(PrintableStrings(value)));
}

class Csv final : public EntryFormatter {
 public:
  Csv() : paths_({{"index"}, {"leaf_hash"}, {"time"}}) {
    AppendPaths(*Event::descriptor(), {}, paths_);
  }

  std::string Header() const override {
    std::vector<std::string> names;
    for (const FieldPath& path : paths_) names.push_back(absl::StrJoin(path, "."));
    return absl::StrCat(absl::StrJoin(names, ","), "\r\n");
  }

  std::string Format(const Entry& entry) const override {
    const nlohmann::ordered_json fields = ToJson(entry);
    std::vector<std::string> cells;
    for (const FieldPath& path : paths_) {
      const nlohmann::ordered_json* value = &fields;
      static const nlohmann::ordered_json kUnset;
      for (const std::string& name : path) {
        const auto field = value->find(name);
        value = field == value->end() ? &kUnset : &*field;
      }
      cells.push_back(Cell(*value));
    }
    return absl::StrCat(absl::StrJoin(cells, ","), "\r\n");
  }

 private:
  std::vector<FieldPath> paths_;
};

}  // namespace

std::unique_ptr<EntryFormatter> CsvFormatter() { return std::make_unique<Csv>(); }

}  // namespace sealtrain::audit
