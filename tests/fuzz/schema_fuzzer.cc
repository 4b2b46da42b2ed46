// Descriptor sets as they lie in snapshots: any bytes load or are refused; what
// loads has labelled columns, makes records, and loads again to the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "absl/status/statusor.h"
#include "sealtrain/policy/schema.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sealtrain::policy::Schema;
  const auto schema = Schema::FromDescriptorSet({data, size}, "M");
  if (!schema.ok()) return 0;
  Require(!(*schema)->columns().empty());
  int subjects = 0;
  for (const auto& column : (*schema)->columns()) {
    Require(!column.classes.empty() && !column.path.empty());
    subjects += column.HasClass(sealtrain::SUBJECT_KEY) ? 1 : 0;
  }
  Require(subjects == 1);
  const std::unique_ptr<google::protobuf::Message> record = (*schema)->NewRecord();
  record->ParsePartialFromArray(data, static_cast<int>(size));

  const auto again = Schema::FromDescriptorSet(sealtrain::AsBytes((*schema)->descriptor_set()),
                                               (*schema)->message_name());
  Require(again.ok() && (*again)->digest() == (*schema)->digest());
  return 0;
}
