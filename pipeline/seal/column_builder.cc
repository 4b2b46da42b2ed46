#include "sealtrain/pipeline/seal/column_builder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::pipeline {
namespace {

// Values are laid out as they lie in memory, and the format is little-endian.
static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kAlignment = 8;

std::uint32_t NumberAt(const SecretBuffer& buffer, std::uint64_t i) {
  std::uint32_t number;
  std::memcpy(&number, buffer.span().data() + i * sizeof(number), sizeof(number));
  return number;
}

}  // namespace

absl::Status ColumnBuilder::AppendText(absl::string_view text) {
  if (values_.size() + text.size() > kMaxChunkBytes) {
    return absl::InvalidArgumentError(absl::StrCat(spec_.name, ": too much for one row group"));
  }
  ++value_count_;
  ST_RETURN_IF_ERROR(values_.Append(AsBytes(text)));
  return byte_ends_.AppendNumber(static_cast<std::uint32_t>(values_.size()));
}

absl::Status ColumnBuilder::AppendZero() {
  if (spec_.type == ValueType::kBytes) return AppendText("");
  ++value_count_;
  return values_.Resize(values_.size() + ValueBytes(spec_.type));
}

absl::Status ColumnBuilder::EndNullRow() {
  ST_RETURN_IF_ERROR(AppendZero());  // a null keeps its place among the values
  return FinishRow(false);
}

absl::Status ColumnBuilder::FinishRow(bool valid) {
  if (spec_.repeated) {
    ST_RETURN_IF_ERROR(list_ends_.AppendNumber(static_cast<std::uint32_t>(value_count_)));
  } else {
    if (rows_ % 8 == 0) ST_RETURN_IF_ERROR(validity_.Resize(validity_.size() + 1));
    if (valid) {
      validity_.mutable_span().back() |= static_cast<std::uint8_t>(1u << (rows_ % 8));
    } else {
      ++nulls_;
    }
  }
  ++rows_;
  return absl::OkStatus();
}

bool ColumnBuilder::IsValid(std::uint64_t row) const {
  return spec_.repeated || (validity_.span()[row / 8] >> (row % 8) & 1) != 0;
}

std::pair<std::uint64_t, std::uint64_t> ColumnBuilder::ValuesOf(std::uint64_t row) const {
  if (!spec_.repeated) return {row, row + 1};
  return {row == 0 ? 0 : NumberAt(list_ends_, row - 1), NumberAt(list_ends_, row)};
}

ByteSpan ColumnBuilder::Value(std::uint64_t place) const {
  if (spec_.type != ValueType::kBytes) {
    const std::size_t width = ValueBytes(spec_.type);
    return values_.span().subspan(place * width, width);
  }
  const std::uint64_t begin = place == 0 ? 0 : NumberAt(byte_ends_, place - 1);
  return values_.span().subspan(begin, NumberAt(byte_ends_, place) - begin);
}

absl::Status ColumnBuilder::AppendRow(const ColumnBuilder& from, std::uint64_t row) {
  if (!from.IsValid(row)) return EndNullRow();
  const auto [begin, end] = from.ValuesOf(row);
  for (std::uint64_t place = begin; place < end; ++place) {
    if (spec_.type == ValueType::kBytes) {
      ST_RETURN_IF_ERROR(AppendText(AsText(from.Value(place))));
    } else {
      ++value_count_;
      ST_RETURN_IF_ERROR(values_.Append(from.Value(place)));
    }
  }
  return EndRow();
}

absl::Status ColumnBuilder::EncodeRow(std::uint64_t row, SecretBuffer& out) const {
  const auto [begin, end] = ValuesOf(row);
  const std::uint64_t count = IsValid(row) ? end - begin : ~std::uint64_t{0};
  ST_RETURN_IF_ERROR(out.AppendNumber(count));
  if (!IsValid(row)) return absl::OkStatus();
  for (std::uint64_t place = begin; place < end; ++place) {
    const ByteSpan value = Value(place);
    ST_RETURN_IF_ERROR(out.AppendNumber(std::uint64_t{value.size()}));
    ST_RETURN_IF_ERROR(out.Append(value));
  }
  return absl::OkStatus();
}

void ColumnBuilder::TruncateTo(std::uint64_t rows) {
  rows = std::min(rows, rows_);
  if (spec_.repeated) {
    list_ends_.Truncate(rows * sizeof(std::uint32_t));
    value_count_ = rows == 0 ? 0 : NumberAt(list_ends_, rows - 1);
  } else {
    for (std::uint64_t row = rows; row < rows_; ++row) {
      if ((validity_.span()[row / 8] >> (row % 8) & 1) == 0) --nulls_;
    }
    validity_.Truncate((rows + 7) / 8);
    if (rows % 8 != 0) {
      validity_.mutable_span().back() &= static_cast<std::uint8_t>((1u << (rows % 8)) - 1);
    }
    value_count_ = rows;
  }
  if (spec_.type == ValueType::kBytes) {
    byte_ends_.Truncate(value_count_ * sizeof(std::uint32_t));
    values_.Truncate(value_count_ == 0 ? 0 : NumberAt(byte_ends_, value_count_ - 1));
  } else {
    values_.Truncate(value_count_ * ValueBytes(spec_.type));
  }
  rows_ = rows;
}

absl::Status ColumnBuilder::LayOut(SecretBuffer& out) const {
  if (has_nulls()) {
    ST_RETURN_IF_ERROR(out.Append(validity_.span()));
    ST_RETURN_IF_ERROR(out.AlignTo(kAlignment));
  }
  if (spec_.repeated) {
    ST_RETURN_IF_ERROR(out.AppendNumber(std::uint32_t{0}));
    ST_RETURN_IF_ERROR(out.Append(list_ends_.span()));
    ST_RETURN_IF_ERROR(out.AlignTo(kAlignment));
  }
  if (spec_.type == ValueType::kBytes) {
    ST_RETURN_IF_ERROR(out.AppendNumber(std::uint32_t{0}));
    ST_RETURN_IF_ERROR(out.Append(byte_ends_.span()));
    ST_RETURN_IF_ERROR(out.AlignTo(kAlignment));
  }
  return out.Append(values_.span());
}

}  // namespace sealtrain::pipeline
