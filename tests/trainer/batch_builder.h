// Column batches made by hand, as if a reader had opened them.
#ifndef SEALTRAIN_TESTS_TRAINER_BATCH_BUILDER_H_
#define SEALTRAIN_TESTS_TRAINER_BATCH_BUILDER_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/pipeline/column_batch.h"

namespace sealtrain::testing {

// Columns in the order of the calls; all must have the same number of rows.
class BatchBuilder {
 public:
  BatchBuilder& Text(const std::vector<std::optional<std::string>>& values) {
    std::string bytes;
    std::vector<std::uint32_t> offsets = {0};
    std::vector<bool> set;
    for (const auto& value : values) {
      bytes += value.value_or("");
      offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
      set.push_back(value.has_value());
    }
    pipeline::ColumnView view;
    view.byte_offsets = Keep(offsets);
    view.values = KeepBytes(bytes.data(), bytes.size());
    return Add(pipeline::ValueType::kBytes, view, set);
  }
  BatchBuilder& Bool(const std::vector<std::optional<bool>>& values) {
    return Fixed<std::uint8_t>(pipeline::ValueType::kBool, values);
  }
  BatchBuilder& Int32(const std::vector<std::optional<std::int32_t>>& values) {
    return Fixed<std::int32_t>(pipeline::ValueType::kInt32, values);
  }
  BatchBuilder& Int64(const std::vector<std::optional<std::int64_t>>& values) {
    return Fixed<std::int64_t>(pipeline::ValueType::kInt64, values);
  }
  BatchBuilder& Uint64(const std::vector<std::optional<std::uint64_t>>& values) {
    return Fixed<std::uint64_t>(pipeline::ValueType::kUint64, values);
  }
  BatchBuilder& Double(const std::vector<std::optional<double>>& values) {
    return Fixed<double>(pipeline::ValueType::kDouble, values);
  }
  BatchBuilder& Doubles(const std::vector<std::vector<double>>& lists) {
    std::vector<double> flat;
    std::vector<std::uint32_t> offsets = {0};
    for (const auto& list : lists) {
      flat.insert(flat.end(), list.begin(), list.end());
      offsets.push_back(static_cast<std::uint32_t>(flat.size()));
    }
    pipeline::ColumnView view;
    view.repeated = true;
    view.list_offsets = Keep(offsets);
    view.values = KeepBytes(flat.data(), flat.size() * sizeof(double));
    return Add(pipeline::ValueType::kDouble, view, std::vector<bool>(lists.size(), true));
  }

  pipeline::ColumnBatch Build(std::uint64_t first_row = 0) {
    batch_.first_row = first_row;
    return std::move(batch_);
  }

 private:
  template <class Stored, class T>
  BatchBuilder& Fixed(pipeline::ValueType type, const std::vector<std::optional<T>>& values) {
    std::vector<Stored> stored;
    std::vector<bool> set;
    for (const auto& value : values) {
      stored.push_back(static_cast<Stored>(value.value_or(T{})));
      set.push_back(value.has_value());
    }
    pipeline::ColumnView view;
    view.values = KeepBytes(stored.data(), stored.size() * sizeof(Stored));
    return Add(type, view, set);
  }

  BatchBuilder& Add(pipeline::ValueType type, pipeline::ColumnView view,
                    const std::vector<bool>& set) {
    view.type = type;
    view.rows = set.size();
    std::vector<std::uint8_t> validity((set.size() + 7) / 8);
    bool all = true;
    for (std::size_t i = 0; i < set.size(); ++i) {
      if (set[i]) validity[i / 8] = static_cast<std::uint8_t>(validity[i / 8] | 1 << (i % 8));
      all = all && set[i];
    }
    if (!all) view.validity = KeepBytes(validity.data(), validity.size());
    batch_.rows = set.size();
    batch_.columns.push_back(view);
    return *this;
  }

  absl::Span<const std::uint32_t> Keep(const std::vector<std::uint32_t>& values) {
    const ByteSpan bytes = KeepBytes(values.data(), values.size() * sizeof(std::uint32_t));
    return {reinterpret_cast<const std::uint32_t*>(bytes.data()), values.size()};
  }
  ByteSpan KeepBytes(const void* data, std::size_t size) {
    const MutableByteSpan place = batch_.memory.mutable_span().subspan(used_).first(size);
    std::copy_n(static_cast<const std::uint8_t*>(data), size, place.begin());
    used_ +=
        (size + crypto::kSecretAlignment - 1) / crypto::kSecretAlignment * crypto::kSecretAlignment;
    return place;
  }

  // Where everything is put, in turn: more than any test needs, or subspan() throws.
  pipeline::ColumnBatch batch_ = {.columns = {},
                                  .memory = crypto::SecretBytes::Allocate(1 << 20).value()};
  std::size_t used_ = 0;
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_TRAINER_BATCH_BUILDER_H_
