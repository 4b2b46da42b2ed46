#include "sealtrain/pipeline/column_batch.h"

#include <cstdlib>
#include <cstring>

namespace sealtrain::pipeline {
namespace {

template <typename T>
double Load(ByteSpan values, std::uint64_t value) {
  T number;
  std::memcpy(&number, values.data() + value * sizeof(T), sizeof(T));
  return static_cast<double>(number);
}

}  // namespace

std::size_t ValueBytes(ValueType type) {
  switch (type) {
    case ValueType::kBool:
      return 1;
    case ValueType::kInt32:
    case ValueType::kUint32:
    case ValueType::kFloat:
      return 4;
    case ValueType::kInt64:
    case ValueType::kUint64:
    case ValueType::kDouble:
      return 8;
    case ValueType::kBytes:
      return 0;
  }
  std::abort();
}

double ColumnView::Number(std::uint64_t value) const {
  switch (type) {
    case ValueType::kBool:
      return values[value];
    case ValueType::kInt32:
      return Load<std::int32_t>(values, value);
    case ValueType::kInt64:
      return Load<std::int64_t>(values, value);
    case ValueType::kUint32:
      return Load<std::uint32_t>(values, value);
    case ValueType::kUint64:
      return Load<std::uint64_t>(values, value);
    case ValueType::kFloat:
      return Load<float>(values, value);
    case ValueType::kDouble:
      return Load<double>(values, value);
    case ValueType::kBytes:
      break;
  }
  std::abort();  // a text has no number: the caller's mistake
}

absl::string_view ColumnView::Text(std::uint64_t value) const {
  return AsText(values.subspan(byte_offsets[value], byte_offsets[value + 1] - byte_offsets[value]));
}

ColumnView ColumnView::Slice(std::uint64_t begin, std::uint64_t count) const {
  ColumnView slice = *this;
  slice.rows = count;
  slice.validity_begin = validity_begin + begin;
  if (repeated) {
    slice.list_offsets = list_offsets.subspan(begin, count + 1);
  } else if (type == ValueType::kBytes) {
    slice.byte_offsets = byte_offsets.subspan(begin, count + 1);
  } else {
    slice.values = values.subspan(begin * ValueBytes(type), count * ValueBytes(type));
  }
  return slice;
}

void ColumnBatch::KeepRows(std::uint64_t begin, std::uint64_t count) {
  for (ColumnView& view : columns) view = view.Slice(begin, count);
  first_row += begin;
  rows = count;
}

}  // namespace sealtrain::pipeline
