// A declared list of values, to be found again in a column of whatever type.
// Immutable, so thread-safe.
#ifndef SEALTRAIN_TRAINER_VOCABULARY_INTERNAL_H_
#define SEALTRAIN_TRAINER_VOCABULARY_INTERNAL_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "sealtrain/pipeline/column_batch.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::trainer {

class Vocabulary {
 public:
  // InvalidArgument: `column` holds floating-point or repeated values, or a
  // declared value is none that the column could hold.
  static absl::StatusOr<Vocabulary> Create(
      const policy::Column& column, const google::protobuf::RepeatedPtrField<std::string>& values);

  // The place of the row's value in the list; nothing if it is null or not there.
  std::optional<std::uint32_t> Find(const pipeline::ColumnView& view, std::uint64_t row) const;

 private:
  // Of a text column the first is filled, of any other the second: values as 64
  // bits in two's complement.
  absl::flat_hash_map<std::string, std::uint32_t> texts_;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> numbers_;
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_VOCABULARY_INTERNAL_H_
