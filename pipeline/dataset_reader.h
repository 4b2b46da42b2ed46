// Opens a snapshot's columns, row group by row group, into secret memory.
// Built from a permit; keys come from custody shard by shard, for the columns
// that the permit names and no others.
//
// Before the first key is asked for, the manifest is verified against custody;
// each shard's header is checked against the manifest before it is used.
// Not thread-safe.
#ifndef SEALTRAIN_PIPELINE_DATASET_READER_H_
#define SEALTRAIN_PIPELINE_DATASET_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/pipeline/column_batch.h"

namespace sealtrain::pipeline {

class DatasetReader {
 public:
  struct Options {
    std::string store;
    // Names of columns, a subset of the grant's. Order is kept.
    std::vector<std::string> columns;
    Env* env = &Env::Posix();
  };

  // `custody` and `permit` must outlive the reader.
  // PermissionDenied: a column that the permit does not open. DataLoss:
  // manifest or shard was tampered with.
  static absl::StatusOr<std::unique_ptr<DatasetReader>> Open(
      custody::Custody& custody, const custody::Permit<policy::TRAIN>& permit, Options options);
  static absl::StatusOr<std::unique_ptr<DatasetReader>> Open(
      custody::Custody& custody, const custody::Permit<policy::EVALUATE>& permit, Options options);
  virtual ~DatasetReader() = default;

  virtual std::uint64_t rows() const = 0;  // of the snapshot
  // The next row group, in order; empty at the end. DataLoss names shard and
  // column; nothing of a bad row group is returned.
  virtual absl::StatusOr<std::optional<ColumnBatch>> Next() = 0;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_DATASET_READER_H_
