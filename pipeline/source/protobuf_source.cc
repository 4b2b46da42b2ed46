// Delimited Protobuf: each record behind its length as a varint.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl.h"
#include "google/protobuf/unknown_field_set.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/source/formats_internal.h"
#include "sealtrain/pipeline/source/record_limits.h"
#include "sealtrain/pipeline/status_text.h"
#include "simdjson.h"

namespace sealtrain::pipeline {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;
using google::protobuf::io::CodedInputStream;

// Whether a value that `path` leads to, from the fields of a message, is not UTF-8.
bool HoldsBrokenText(const UnknownFieldSet& fields, absl::Span<const FieldDescriptor* const> path) {
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    if (field.number() != path.front()->number() ||
        field.type() != UnknownField::TYPE_LENGTH_DELIMITED) {
      continue;
    }
    const std::string& bytes = field.length_delimited();
    UnknownFieldSet nested;
    const bool broken = path.size() == 1 ? !simdjson::validate_utf8(bytes.data(), bytes.size())
                                         : nested.ParseFromString(bytes) &&
                                               HoldsBrokenText(nested, path.subspan(1));
    if (broken) return true;
  }
  return false;
}

class ProtobufSource final : public Source {
 public:
  ProtobufSource(std::istream& input, std::string name,
                 std::shared_ptr<const policy::Schema> schema)
      : input_(input), stream_(&input), name_(std::move(name)), schema_(std::move(schema)) {}

  std::unique_ptr<Message> NewRecord() const override { return schema_->NewRecord(); }

  absl::StatusOr<bool> Next(Message& record) override {
    record.Clear();
    ST_RETURN_IF_ERROR(failed_);
    absl::StatusOr<bool> more = ReadRecord();
    if (!more.ok()) {
      failed_ = more.status();
      return failed_;
    }
    if (!*more) return false;
    ++position_;
    if (!record.ParseFromString(buffer_)) return At(place(), WhyNot());
    return true;
  }

  std::uint64_t position() const override { return position_; }
  std::string place() const override { return absl::StrCat(name_, ":", position_); }

 private:
  // Reads the next record's bytes into buffer_. An error ends the source:
  // without a length there is no telling where the next record begins.
  absl::StatusOr<bool> ReadRecord() {
    const auto broken = [&](absl::string_view what) -> absl::Status {
      if (input_.bad()) return absl::UnavailableError(absl::StrCat(name_, ": cannot be read"));
      return absl::OutOfRangeError(absl::StrCat(name_, ":", position_ + 1, ": ", what));
    };
    const void* ahead = nullptr;
    int ahead_size = 0;
    if (!stream_.Next(&ahead, &ahead_size)) {
      if (input_.bad()) return broken("");
      return false;
    }
    stream_.BackUp(ahead_size);
    // One for each record: it counts what it reads and stops at 2 GiB.
    CodedInputStream coded(&stream_);
    std::uint64_t size = 0;
    if (!coded.ReadVarint64(&size)) return broken("the length of the record is broken");
    if (size > kMaxRecordBytes) {
      return broken(absl::StrCat("the record's length is over ", kMaxRecordBytes, " bytes"));
    }
    if (!coded.ReadString(&buffer_, static_cast<int>(size))) {
      return broken(absl::StrCat("the input ends within the record's ", size, " bytes"));
    }
    return true;
  }

  // Why buffer_ is no record: text that is not UTF-8 is named, of all else only that it
  // is none.
  absl::Status WhyNot() const {
    UnknownFieldSet fields;
    if (fields.ParseFromString(buffer_)) {
      for (const policy::Column& column : schema_->columns()) {
        if (column.leaf().type() == FieldDescriptor::TYPE_STRING &&
            HoldsBrokenText(fields, column.path)) {
          return At(column.name, absl::InvalidArgumentError("not valid UTF-8"));
        }
      }
    }
    return absl::InvalidArgumentError(absl::StrCat("not a valid ", schema_->message_name()));
  }

  std::istream& input_;
  google::protobuf::io::IstreamInputStream stream_;
  const std::string name_;
  const std::shared_ptr<const policy::Schema> schema_;
  std::string buffer_;
  absl::Status failed_;
  std::uint64_t position_ = 0;
};

}  // namespace

std::unique_ptr<Source> OpenProtobuf(std::istream& input, std::string name,
                                     std::shared_ptr<const policy::Schema> schema) {
  return std::make_unique<ProtobufSource>(input, std::move(name), std::move(schema));
}

}  // namespace sealtrain::pipeline
