// A schema for fuzzers of sources, made once.
#ifndef SEALTRAIN_TESTS_FUZZ_FUZZ_SCHEMA_H_
#define SEALTRAIN_TESTS_FUZZ_FUZZ_SCHEMA_H_

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>

#include "google/protobuf/util/delimited_message_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "sealtrain/pipeline/source.h"
#include "sealtrain/tests/pipeline/schema_fixture.h"

namespace sealtrain::fuzz {

// Reads all of `data`. What a text format gave must come back the same from its
// Protobuf form: no value is half set. A source must end, and count on.
inline void ReadToEnd(pipeline::Format format, const std::uint8_t* data, std::size_t size,
                      const std::shared_ptr<const policy::Schema>& schema) {
  if (schema == nullptr) std::abort();
  std::istringstream input(std::string(reinterpret_cast<const char*>(data), size));
  const auto source = pipeline::OpenSource(format, input, "fuzz", schema);
  const auto record = schema->NewRecord();
  const auto again = schema->NewRecord();
  std::uint64_t position = 0;
  while (true) {
    const absl::StatusOr<bool> more = source->Next(*record);
    if (source->position() < position || source->position() > position + 1) std::abort();
    position = source->position();
    if (absl::IsInvalidArgument(more.status())) continue;
    if (!more.ok() || !*more) return;
    std::stringstream delimited;
    google::protobuf::util::SerializeDelimitedToOstream(*record, &delimited);
    const auto reread =
        pipeline::OpenSource(pipeline::Format::kProtobuf, delimited, "again", schema);
    const absl::StatusOr<bool> read = reread->Next(*again);
    google::protobuf::util::MessageDifferencer differencer;
    differencer.set_message_field_comparison(google::protobuf::util::MessageDifferencer::EQUAL);
    if (format != pipeline::Format::kProtobuf &&
        (!read.ok() || !*read || !differencer.Compare(*record, *again))) {
      std::abort();
    }
  }
}

}  // namespace sealtrain::fuzz

#endif  // SEALTRAIN_TESTS_FUZZ_FUZZ_SCHEMA_H_
