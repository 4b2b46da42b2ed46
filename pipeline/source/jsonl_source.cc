// One JSON object a line, parsed by simdjson straight into the record.
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/source/field_value.h"
#include "sealtrain/pipeline/source/formats_internal.h"
#include "sealtrain/pipeline/source/line_reader.h"
#include "sealtrain/pipeline/source/record_limits.h"
#include "sealtrain/pipeline/status_text.h"
#include "simdjson.h"

namespace sealtrain::pipeline {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using simdjson::dom::element_type;

static_assert(LineReader::kReadableBehind >= simdjson::SIMDJSON_PADDING);

// The keys of one object: the fields of one message, by name.
struct ObjectShape {
  struct Member {
    const FieldDescriptor* field;
    std::string column;                         // dotted name
    std::unique_ptr<const ObjectShape> object;  // of a nested message, else null
  };
  std::vector<Member> members;
  absl::flat_hash_map<std::string, std::size_t> by_name;

  // The member of that name, tried first where objects with keys in the order
  // of the schema have it. Null: none.
  const Member* Find(absl::string_view name, std::size_t guess) const {
    if (guess < members.size() && name == members[guess].field->name()) return &members[guess];
    const auto found = by_name.find(name);
    return found == by_name.end() ? nullptr : &members[found->second];
  }
};

std::unique_ptr<const ObjectShape> ShapeOf(const Descriptor& message, const std::string& prefix) {
  auto shape = std::make_unique<ObjectShape>();
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    ObjectShape::Member member{
        .field = &field, .column = absl::StrCat(prefix, field.name()), .object = nullptr};
    if (const Descriptor* nested = field.message_type()) {
      member.object = ShapeOf(*nested, absl::StrCat(member.column, "."));
    }
    shape->by_name.emplace(field.name(), shape->members.size());
    shape->members.push_back(std::move(member));
  }
  return shape;
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

absl::Status PutScalar(const Slot& slot, const simdjson::dom::element& value) {
  const FieldDescriptor::CppType type = slot.field->cpp_type();
  const bool real =
      type == FieldDescriptor::CPPTYPE_FLOAT || type == FieldDescriptor::CPPTYPE_DOUBLE;
  switch (value.type()) {
    case element_type::BOOL:
      return PutBool(slot, bool(value));
    case element_type::INT64:
      return real ? PutReal(slot, static_cast<double>(std::int64_t(value)))
                  : PutSigned(slot, std::int64_t(value));
    case element_type::UINT64:
      return real ? PutReal(slot, static_cast<double>(std::uint64_t(value)))
                  : PutUnsigned(slot, std::uint64_t(value));
    case element_type::DOUBLE:
      return PutReal(slot, double(value));
    case element_type::STRING: {
      const absl::string_view text = View(std::string_view(value));
      // JavaScript cannot hold all 64-bit integers, so they may come as text.
      const bool wide =
          type == FieldDescriptor::CPPTYPE_INT64 || type == FieldDescriptor::CPPTYPE_UINT64;
      return wide ? PutCell(slot, text) : PutText(slot, text);
    }
    case element_type::NULL_VALUE:
      return absl::InvalidArgumentError("null is for optional fields only");
    case element_type::ARRAY:
      return absl::InvalidArgumentError("an array where none belongs");
    case element_type::OBJECT:
      return absl::InvalidArgumentError("an object where none belongs");
  }
  return absl::InternalError("unknown JSON type");
}

class JsonlSource final : public Source {
 public:
  JsonlSource(std::istream& input, std::string name, std::shared_ptr<const policy::Schema> schema)
      : lines_(input, kMaxRecordBytes),
        name_(std::move(name)),
        schema_(std::move(schema)),
        shape_(ShapeOf(*schema_->descriptor(), "")),
        parser_(kMaxRecordBytes) {}

  std::unique_ptr<Message> NewRecord() const override { return schema_->NewRecord(); }

  absl::StatusOr<bool> Next(Message& record) override {
    record.Clear();
    absl::string_view line;
    do {
      absl::StatusOr<bool> more = lines_.Next(line);
      if (absl::IsInvalidArgument(more.status())) ++position_;  // a record, though too long a one
      if (!more.ok()) return At(place(), more.status());
      if (!*more) return false;
      line = absl::StripAsciiWhitespace(line);
    } while (line.empty());
    ++position_;
    if (absl::Status s = Parse(line, record); !s.ok()) return At(place(), s);
    return true;
  }

  std::uint64_t position() const override { return position_; }
  std::string place() const override { return absl::StrCat(name_, ":", lines_.line_number()); }

 private:
  absl::Status Parse(absl::string_view line, Message& record) {
    simdjson::dom::element document;
    if (const auto error =
            parser_.parse(line.data(), line.size(), /*realloc_if_needed=*/false).get(document)) {
      return absl::InvalidArgumentError(
          absl::StrCat("not valid JSON: ", simdjson::error_message(error)));
    }
    simdjson::dom::object object;
    if (document.get(object)) return absl::InvalidArgumentError("not a JSON object");
    return Fill(*shape_, object, record);
  }

  static absl::Status Fill(const ObjectShape& shape, const simdjson::dom::object& object,
                           Message& message) {
    std::vector<bool> seen(shape.members.size());
    std::size_t position = 0;
    for (const auto& [key, value] : object) {
      const ObjectShape::Member* const member = shape.Find(View(key), position++);
      if (member == nullptr) {
        // Keys can hold data where the producer got it wrong: not quoted.
        return absl::InvalidArgumentError(
            absl::StrCat("key ", position, " is no field of ", message.GetTypeName()));
      }
      const auto index = static_cast<std::size_t>(member - shape.members.data());
      if (seen[index]) return At(member->column, absl::InvalidArgumentError("given twice"));
      seen[index] = true;
      ST_RETURN_IF_ERROR(FillMember(*member, value, message));
    }
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (!seen[i]) return At(shape.members[i].column, absl::InvalidArgumentError("missing"));
    }
    return absl::OkStatus();
  }

  static absl::Status FillMember(const ObjectShape::Member& member,
                                 const simdjson::dom::element& value, Message& message) {
    if (member.object != nullptr) {
      simdjson::dom::object object;
      if (value.get(object)) {
        return At(member.column, absl::InvalidArgumentError("not an object"));
      }
      return Fill(*member.object, object,
                  *message.GetReflection()->MutableMessage(&message, member.field));
    }
    return At(member.column, PutValue({.message = &message, .field = member.field}, value));
  }

  static absl::Status PutValue(const Slot& slot, const simdjson::dom::element& value) {
    if (slot.field->is_repeated()) {
      simdjson::dom::array array;
      if (value.get(array)) return absl::InvalidArgumentError("not an array");
      for (const simdjson::dom::element& item : array) ST_RETURN_IF_ERROR(PutScalar(slot, item));
      return absl::OkStatus();
    }
    if (value.is_null() && slot.field->has_presence() && !slot.field->is_required()) {
      return absl::OkStatus();  // the record was cleared
    }
    return PutScalar(slot, value);
  }

  LineReader lines_;
  const std::string name_;
  const std::shared_ptr<const policy::Schema> schema_;
  const std::unique_ptr<const ObjectShape> shape_;
  simdjson::dom::parser parser_;
  std::uint64_t position_ = 0;
};

}  // namespace

std::unique_ptr<Source> OpenJsonl(std::istream& input, std::string name,
                                  std::shared_ptr<const policy::Schema> schema) {
  return std::make_unique<JsonlSource>(input, std::move(name), std::move(schema));
}

}  // namespace sealtrain::pipeline
