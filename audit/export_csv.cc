// CSV of RFC 4180. Columns follow the schema of events, so that a field that is
// added to them shows up here without anybody remembering it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
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

// Text as a cell. What a spreadsheet would take for a formula gets an apostrophe
// in front (OWASP, CSV injection): '=' and its likes, full-width ones included.
std::string TextCell(const std::string& text) {
  std::string cell = Printable(text);
  constexpr absl::string_view kFormula[] = {
      "=", "+", "-", "@", "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"};
  // Spreadsheets skip spaces in front of a formula.
  const std::size_t first = cell.find_first_not_of(' ');
  const bool is_formula =
      first != cell.npos &&
      std::any_of(std::begin(kFormula), std::end(kFormula), [&](absl::string_view sign) {
        return absl::StartsWith(absl::string_view(cell).substr(first), sign);
      });
  if (is_formula) cell.insert(0, "'");
  return absl::StrCat("\"", absl::StrReplaceAll(cell, {{"\"", "\"\""}}), "\"");
}

std::string Cell(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return TextCell(value.get<std::string>());
  return value.is_primitive() ? value.dump() : TextCell(OneLine(value));
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
