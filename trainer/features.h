// From declared features to a model's inputs. Everything is fixed by the train
// spec: nothing is counted, scaled or chosen by looking at data.
// docs/training.md says exactly which inputs a row gets.
#ifndef SEALTRAIN_TRAINER_FEATURES_H_
#define SEALTRAIN_TRAINER_FEATURES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/pipeline/column_batch.h"
#include "sealtrain/policy/schema.h"
#include "sealtrain/trainer/sparse_rows.h"
#include "sealtrain/trainer/train_spec.pb.h"

namespace sealtrain::trainer {

// The inputs of one feature: [offset, offset + size).
struct FeatureBlock {
  std::string name;  // of its column or columns: "age", "subject+body"
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

// Which inputs a model has. The last one is the bias, which is always 1.
class FeatureSpace {
 public:
  // InvalidArgument: the spec is not valid.
  static absl::StatusOr<FeatureSpace> Create(const TrainSpec& spec);

  std::uint32_t dimension() const { return dimension_; }
  std::uint32_t bias() const { return dimension_ - 1; }
  const std::vector<FeatureBlock>& blocks() const { return blocks_; }  // in the spec's order

 private:
  std::vector<FeatureBlock> blocks_;
  std::uint32_t dimension_ = 0;
};

// The columns that features and label read, each once, in the spec's order.
std::vector<std::string> ColumnsOf(const TrainSpec& spec);

// Turns opened rows into inputs and labels.
// Not thread-safe.
class FeatureReader {
 public:
  // `columns` are the names of the columns that batches will have, in order.
  // InvalidArgument: a column that the schema does not have, that is not among
  // `columns`, or whose type does not suit its feature (each by name).
  static absl::StatusOr<FeatureReader> Create(const TrainSpec& spec, const policy::Schema& schema,
                                              const std::vector<std::string>& columns);
  FeatureReader(FeatureReader&&) noexcept;
  FeatureReader& operator=(FeatureReader&&) noexcept;
  ~FeatureReader();

  // The class of a row, 0 or 1; nothing if its label is neither or null.
  std::optional<bool> Label(const pipeline::ColumnBatch& batch, std::uint64_t row) const;
  // Adds the row's inputs, bias included, as one row of `rows`. The row must be
  // within the batch. Unavailable: no memory.
  absl::Status AppendRow(const pipeline::ColumnBatch& batch, std::uint64_t row, SparseRows& rows);

  // Whether the memory used on the way was locked.
  bool locked() const;

 private:
  struct State;
  explicit FeatureReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_FEATURES_H_
