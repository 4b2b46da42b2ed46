// The rows of one run as inputs, labels and privacy units, in secret memory.
#ifndef SEALTRAIN_TRAINER_TRAINING_DATA_H_
#define SEALTRAIN_TRAINER_TRAINING_DATA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/pipeline/column_batch.h"
#include "sealtrain/policy/schema.h"
#include "sealtrain/trainer/features.h"
#include "sealtrain/trainer/sparse_rows.h"
#include "sealtrain/trainer/training_plan.h"

namespace sealtrain::trainer {

// Thread-safe: nothing changes it.
class TrainingData {
 public:
  std::size_t units() const { return unit_ends_.size(); }
  // Row numbers of a unit; at least one.
  absl::Span<const std::uint64_t> unit(std::size_t i) const {
    const std::uint64_t begin = i == 0 ? 0 : unit_ends_[i - 1];
    return unit_rows_.span().subspan(begin, unit_ends_[i] - begin);
  }
  std::size_t rows() const { return rows_.size(); }
  absl::Span<const Entry> inputs(std::uint64_t row) const { return rows_.row(row); }
  // 0 or 1.
  double label(std::uint64_t row) const { return labels_[row]; }

  // Whether all memory that plaintext ever lay in was locked.
  bool locked() const { return locked_; }

 private:
  friend class TrainingDataBuilder;
  TrainingData() = default;

  SparseRows rows_;
  SecretVector<std::uint8_t> labels_;
  SecretVector<std::uint64_t> unit_rows_;  // row numbers, unit by unit
  SecretVector<std::uint64_t> unit_ends_;
  bool locked_ = true;
};

// Collects opened batches. A unit is a row, or all rows that share a value of
// the schema's SUBJECT_KEY column.
// Not thread-safe.
class TrainingDataBuilder {
 public:
  // Columns to open for the plan: ColumnsOf(spec), and the subject column where
  // the unit is SUBJECT.
  static std::vector<std::string> Columns(const TrainingPlan& plan, const policy::Schema& schema);

  // Batches must have Columns(), in that order. InvalidArgument: as
  // FeatureReader::Create.
  static absl::StatusOr<TrainingDataBuilder> Create(const TrainingPlan& plan,
                                                    const policy::Schema& schema);
  TrainingDataBuilder(TrainingDataBuilder&&) noexcept;
  TrainingDataBuilder& operator=(TrainingDataBuilder&&) noexcept;
  ~TrainingDataBuilder();

  // InvalidArgument, without privacy only: a row whose label is none of the
  // spec's. A private run passes such rows over.
  absl::Status Add(const pipeline::ColumnBatch& batch);
  // InvalidArgument, without privacy only: there are no rows.
  absl::StatusOr<TrainingData> Finish() &&;

 private:
  struct State;
  explicit TrainingDataBuilder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_TRAINING_DATA_H_
