// RFC 4180 with a header row, through libcsv in strict mode.
#include <csv.h>

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/seal/column_spec.h"
#include "sealtrain/pipeline/source/field_value.h"
#include "sealtrain/pipeline/source/formats_internal.h"
#include "sealtrain/pipeline/source/line_reader.h"
#include "sealtrain/pipeline/source/record_limits.h"
#include "sealtrain/pipeline/status_text.h"

namespace sealtrain::pipeline {
namespace {

using google::protobuf::Message;

// One record's cells in one run of text.
class Row {
 public:
  void AddCell(absl::string_view cell) {
    text_.append(cell.data(), cell.size());
    ends_.push_back(text_.size());
  }
  // Keeps the memory.
  void Clear() {
    text_.clear();
    ends_.clear();
  }
  std::size_t size() const { return ends_.size(); }
  absl::string_view cell(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return absl::string_view(text_).substr(begin, ends_[i] - begin);
  }

 private:
  std::string text_;
  std::vector<std::size_t> ends_;
};

// libcsv as a function from lines to rows.
class RowParser {
 public:
  RowParser() {
    ::csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI);
    // Spaces belong to the cell they stand in; libcsv would strip them.
    ::csv_set_space_func(&parser_, [](unsigned char) { return 0; });
  }
  ~RowParser() { ::csv_free(&parser_); }
  RowParser(const RowParser&) = delete;
  RowParser& operator=(const RowParser&) = delete;

  // Bytes that came in of a row whose end did not.
  std::size_t pending_bytes() const { return pending_bytes_; }

  // Takes in text with at most one end of line, at its end. True: `row` is
  // complete. InvalidArgument: not CSV; what is pending is forgotten.
  absl::StatusOr<bool> Feed(absl::string_view text, Row& row) {
    pending_bytes_ += text.size();
    complete_ = false;
    if (::csv_parse(&parser_, text.data(), text.size(), &OnCell, &OnRow, this) != text.size()) {
      Reset();
      return absl::InvalidArgumentError("a quote is out of place");
    }
    return Take(row);
  }
  // The same for the end of input.
  absl::StatusOr<bool> Finish(Row& row) {
    complete_ = false;
    if (::csv_fini(&parser_, &OnCell, &OnRow, this) != 0) {
      Reset();
      return absl::InvalidArgumentError("a quoted cell does not end");
    }
    return Take(row);
  }
  void Reset() {
    ::csv_set_opts(&parser_, CSV_STRICT);  // dropping half a row is no error here
    ::csv_fini(&parser_, nullptr, nullptr, nullptr);
    ::csv_set_opts(&parser_, CSV_STRICT | CSV_STRICT_FINI);
    row_.Clear();
    pending_bytes_ = 0;
  }

 private:
  static void OnCell(void* cell, std::size_t size, void* self) {
    static_cast<RowParser*>(self)->row_.AddCell({static_cast<const char*>(cell), size});
  }
  static void OnRow(int, void* self) { static_cast<RowParser*>(self)->complete_ = true; }

  bool Take(Row& row) {
    if (!complete_) return false;
    std::swap(row, row_);  // so that both keep their memory
    row_.Clear();
    pending_bytes_ = 0;
    return true;
  }

  csv_parser parser_;
  Row row_;
  bool complete_ = false;
  std::size_t pending_bytes_ = 0;
};

class CsvSource final : public Source {
 public:
  CsvSource(std::istream& input, std::string name, std::shared_ptr<const policy::Schema> schema)
      : lines_(input, kMaxRecordBytes), name_(std::move(name)), schema_(std::move(schema)) {}

  std::unique_ptr<Message> NewRecord() const override { return schema_->NewRecord(); }

  absl::StatusOr<bool> Next(Message& record) override {
    record.Clear();
    if (!header_read_) {
      header_read_ = true;
      header_status_ = ReadHeader();
    }
    ST_RETURN_IF_ERROR(header_status_);
    absl::StatusOr<bool> more = NextRow(row_);
    if (!more.ok()) {
      if (absl::IsInvalidArgument(more.status())) ++position_;
      return At(place(), more.status());
    }
    if (!*more) return false;
    ++position_;
    if (absl::Status s = Fill(row_, record); !s.ok()) return At(place(), s);
    return true;
  }

  std::uint64_t position() const override { return position_; }
  std::string place() const override { return absl::StrCat(name_, ":", row_line_); }

 private:
  // The next row, and its first line in row_line_. InvalidArgument: it is one line
  // that is no CSV; the next call goes on behind it. OutOfRange, for good: more than
  // one line is no CSV; some of them may be records, and nobody can tell which.
  absl::StatusOr<bool> NextRow(Row& row) {
    ST_RETURN_IF_ERROR(lost_);
    absl::StatusOr<bool> more = ReadRow(row);
    if (absl::IsInvalidArgument(more.status()) && row_spans_lines_) {
      lost_ = absl::OutOfRangeError(absl::StrCat(
          more.status().message(), ", and where the next record begins cannot be told"));
      return lost_;
    }
    return more;
  }

  absl::StatusOr<bool> ReadRow(Row& row) {
    row_spans_lines_ = false;
    while (true) {
      const bool starts = parser_.pending_bytes() == 0;
      if (rest_.empty()) {
        const absl::StatusOr<bool> more = lines_.Next(rest_);
        if (starts) row_line_ = lines_.line_number();  // of an error as well
        if (!more.ok()) {
          row_spans_lines_ = !starts;
          rest_ = absl::string_view();
          parser_.Reset();
          return more.status();
        }
        if (!*more) return starts ? false : parser_.Finish(row);
      }
      row_spans_lines_ = !starts;  // a carriage return ends a line as well
      if (starts) row_line_ = lines_.line_number();
      // A carriage return ends a row as well, whatever follows it.
      const std::size_t end = rest_.find('\r');
      const absl::string_view text =
          rest_.substr(0, end == absl::string_view::npos ? end : end + 1);
      rest_.remove_prefix(text.size());
      if (starts && (text == "\n" || text == "\r")) continue;
      ST_ASSIGN_OR_RETURN(const bool complete, parser_.Feed(text, row));
      if (complete) return true;
      if (parser_.pending_bytes() > kMaxRecordBytes) {
        parser_.Reset();
        return absl::InvalidArgumentError(absl::StrCat("longer than ", kMaxRecordBytes, " bytes"));
      }
    }
  }

  absl::Status ReadHeader() {
    Row header;
    absl::StatusOr<bool> more = NextRow(header);
    if (absl::IsUnavailable(more.status())) return At(place(), more.status());
    if (!more.ok())
      return absl::OutOfRangeError(absl::StrCat(place(), ": ", more.status().message()));
    if (!*more) return absl::OutOfRangeError(absl::StrCat(name_, ": no header row"));
    absl::flat_hash_map<absl::string_view, const policy::Column*> missing;
    for (const policy::Column& column : schema_->columns()) {
      if (column.repeated()) {
        return absl::OutOfRangeError(
            absl::StrCat(name_, ": ", column.name, ": CSV cannot hold repeated columns"));
      }
      missing.emplace(column.name, &column);
    }
    for (std::size_t i = 0; i < header.size(); ++i) {
      const auto found = missing.find(header.cell(i));
      if (found == missing.end()) {
        const bool known = schema_->FindColumn(header.cell(i)) != nullptr;
        return absl::OutOfRangeError(absl::StrCat(
            place(), ": column ", i + 1,
            known ? " of the header stands twice" : " of the header is no column of the schema"));
      }
      columns_.push_back(found->second);
      missing.erase(found);
    }
    if (!missing.empty()) {
      // The first in the order of the schema, so that the message is the same each time.
      for (const policy::Column& column : schema_->columns()) {
        if (missing.contains(column.name)) {
          return absl::OutOfRangeError(
              absl::StrCat(place(), ": ", column.name, ": not in the header"));
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status Fill(const Row& row, Message& record) const {
    if (row.size() != columns_.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(row.size(), " cells instead of ", columns_.size()));
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const policy::Column& column = *columns_[i];
      const absl::string_view cell = row.cell(i);
      if (cell.empty() && IsNullable(column)) continue;
      Message* message = &record;
      for (std::size_t depth = 0; depth + 1 < column.path.size(); ++depth) {
        message = message->GetReflection()->MutableMessage(message, column.path[depth]);
      }
      ST_RETURN_IF_ERROR(
          At(column.name, PutCell({.message = message, .field = &column.leaf()}, cell)));
    }
    return absl::OkStatus();
  }

  LineReader lines_;
  const std::string name_;
  const std::shared_ptr<const policy::Schema> schema_;
  RowParser parser_;
  absl::string_view rest_;  // of the line at hand
  Row row_;                 // the record at hand
  std::uint64_t row_line_ = 1;
  bool row_spans_lines_ = false;
  absl::Status lost_;
  bool header_read_ = false;
  absl::Status header_status_;
  std::vector<const policy::Column*> columns_;  // of the header, in its order
  std::uint64_t position_ = 0;
};

}  // namespace

std::unique_ptr<Source> OpenCsv(std::istream& input, std::string name,
                                std::shared_ptr<const policy::Schema> schema) {
  return std::make_unique<CsvSource>(input, std::move(name), std::move(schema));
}

}  // namespace sealtrain::pipeline
