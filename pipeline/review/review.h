// The privacy review: checks every record, carries out the policy's transforms
// on its columns, and keeps count of what it did.
#ifndef SEALTRAIN_PIPELINE_REVIEW_REVIEW_H_
#define SEALTRAIN_PIPELINE_REVIEW_REVIEW_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "google/protobuf/message.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/pipeline/review/review_report.pb.h"
#include "sealtrain/pipeline/seal/column_builder.h"

namespace sealtrain::pipeline {

// Not thread-safe.
class Review {
 public:
  // `sealing` is the decision that the same job's SEAL permit carries: it says
  // what the columns must be like once they are sealed.
  // Unimplemented: a transform that cannot be carried out on its column, or two
  // permits that ask for different ones (names the column).
  static absl::StatusOr<std::unique_ptr<Review>> Create(custody::Custody& custody,
                                                        custody::Permit<policy::INGEST> permit,
                                                        const policy::Decision& sealing);
  virtual ~Review() = default;

  // The columns that are left to be sealed, in the order of the schema.
  virtual const std::vector<ColumnSpec>& stored_columns() const = 0;

  // Reviews a record and adds its row to `builders`, one for each stored column;
  // unless the policy leaves it out, or it waits for others (AppendReleased).
  // InvalidArgument: the record is bad ("FIELD: what") and was counted as
  // suppressed; the builders are as before. PermissionDenied: it holds what the
  // policy refuses to seal. Unimplemented: too many records wait.
  virtual absl::Status Append(const google::protobuf::Message& record,
                              absl::Span<ColumnBuilder> builders) = 0;
  // After each Append(), until it returns false: adds the row of a record that waited.
  virtual absl::StatusOr<bool> AppendReleased(absl::Span<ColumnBuilder> builders) = 0;
  // Once, when there are no more records: leaves out those that still wait.
  // PermissionDenied: more than the policy lets be left out.
  virtual absl::Status Finish() = 0;
  // Records that the policy left out, rather than that were bad.
  virtual std::uint64_t left_out() const = 0;
  // Counts a record that its source could not read.
  virtual void CountUnreadable() = 0;

  // What was done so far.
  virtual ReviewReport Report() const = 0;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_REVIEW_REVIEW_H_
