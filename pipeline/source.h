// Where records come from. One interface for every format and every job.
//
// A source is read to its end once. Bad records are reported one by one with
// their place; the caller decides whether to go on.
#ifndef SEALTRAIN_PIPELINE_SOURCE_H_
#define SEALTRAIN_PIPELINE_SOURCE_H_

#include <cstdint>
#include <istream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::pipeline {

// Not thread-safe.
class Source {
 public:
  virtual ~Source() = default;
  // An empty record of the type that Next() takes. The source must outlive it.
  virtual std::unique_ptr<google::protobuf::Message> NewRecord() const = 0;
  // Reads the next record into `record`, which NewRecord() made; clears it first.
  // True: there is one. False: end of input.
  // InvalidArgument: this record is bad ("NAME:LINE: field: what"); the next
  // call goes on behind it. Any other error, and the source cannot go on:
  // OutOfRange, the input is not what it should be (no header, a broken
  // length); Unavailable, it cannot be read.
  virtual absl::StatusOr<bool> Next(google::protobuf::Message& record) = 0;
  // Records passed so far, bad ones included.
  virtual std::uint64_t position() const = 0;
  // "NAME:LINE" of the record that Next() returned last, for messages. LINE is
  // the number of the record where the format has no lines.
  virtual std::string place() const = 0;
};

enum class Format { kJsonl, kCsv, kProtobuf };

// docs/ingestion.md is the guide to what each format takes.
//
// JSONL: one object a line; keys are field names, nested messages are nested
// objects; a missing or unknown key is an error, null only for `optional`.
// CSV (RFC 4180): a header row of column names in any order; every column of
// the schema must be there, none may be repeated; an empty cell is null for
// `optional`, else empty.
// Protobuf: each record behind its length as a varint (delimited messages).
// In the first two string fields must be valid UTF-8, enum values known and
// numbers in range; what Protobuf lets through is for the review to refuse.
// A record may have at most 64 MiB.
//
// `input` must outlive the source. `name` is for messages.
std::unique_ptr<Source> OpenSource(Format format, std::istream& input, std::string name,
                                   std::shared_ptr<const policy::Schema> schema);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SOURCE_H_
