// The ingestion job: records in, a new snapshot out. This is the library call
// for jobs of your own; `sealtrain ingest` is one of them.
//
//   auto job = Ingestion::Start(custody, {.store = ..., .request = {...}});
//   for (...) job->Append(record);
//   auto result = job->Commit();
//
// Nothing is visible before Commit() returns OK: a job that fails, is killed or
// is dropped leaves the earlier snapshots as they were. Only ciphertext is ever
// written. Not thread-safe.
#ifndef SEALTRAIN_PIPELINE_INGESTION_H_
#define SEALTRAIN_PIPELINE_INGESTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/pipeline/review/review_report.pb.h"
#include "sealtrain/pipeline/source.h"

namespace sealtrain::pipeline {

struct IngestionOptions {
  std::string store;  // folder of the data store
  custody::IngestRequest request;
  // Names the source in the manifest, so that a re-run resumes behind what is
  // already committed from it. UTF-8, at most 1,024 bytes. Empty: nothing is
  // remembered.
  std::string source_name;
  // Bad records that may be skipped before the job fails. Default: none.
  std::uint64_t max_skipped = 0;
  // Rows of a row group and of a shard. Ranges: [1, 1 << 20], [1, 1 << 30].
  // By default a row group of a column without nulls, of numbers or booleans that
  // are not compressed, is a whole number of segments: 65,504 values of w bytes
  // are w segments, and none is opened for two row groups.
  std::uint32_t rows_per_group = 65504;
  // Both end earlier where rows are large: at 8 MiB of values, 128 MiB of
  // ciphertext.
  std::uint32_t rows_per_shard = 1 << 20;
  // Reviews everything, seals and writes nothing: Commit() tells what the review
  // found and makes no snapshot.
  bool dry_run = false;
  Env* env = &Env::Posix();
};

struct IngestionResult {
  std::uint64_t generation = 0;
  std::uint64_t records_in = 0;
  std::uint64_t rows_sealed = 0;
  std::uint64_t rows_suppressed = 0;  // bad records that were skipped
  std::uint64_t rows_resumed = 0;     // passed over: committed by an earlier run
  std::uint64_t sealed_bytes = 0;     // of all new shard files
  std::uint64_t shards = 0;
  Digest manifest_sha256{};
  ReviewReport review;
};

class Ingestion {
 public:
  // Asks custody for permission; nothing is written yet, but temporary files
  // that a killed job left behind more than an hour ago are removed.
  // `custody` must outlive the job. InvalidArgument: options out of range.
  // Unimplemented: a transform that cannot be carried out on its column.
  static absl::StatusOr<std::unique_ptr<Ingestion>> Start(custody::Custody& custody,
                                                          IngestionOptions options);
  virtual ~Ingestion() = default;  // abandons what was not committed

  // Records of the named source that earlier runs committed. A job that feeds
  // Append() itself starts behind them.
  virtual std::uint64_t resume_position() const = 0;

  // Reviews and buffers one record. It may be of a compiled class: its type
  // must have the schema's full name and fields.
  // InvalidArgument: this record is bad and was not taken (names the field);
  // the job may go on with the next one while no more than max_skipped were
  // bad, and otherwise Commit() refuses with the first of these errors.
  virtual absl::Status Append(const google::protobuf::Message& record) = 0;

  // Appends all of `source` behind resume_position(), skipping at most
  // max_skipped bad records; messages of skipped ones go to `on_skip`.
  // Cancelled: *stop became true between two records.
  virtual absl::Status AppendAll(Source& source,
                                 const std::function<void(const absl::Status&)>& on_skip,
                                 const std::function<bool()>& stop) = 0;

  // Seals the rest, commits the snapshot. With no rows at all: InvalidArgument,
  // unless everything was committed before (rows_resumed > 0), which is OK and
  // leaves the generation as it is.
  virtual absl::StatusOr<IngestionResult> Commit() = 0;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_INGESTION_H_
