#include "sealtrain/tests/fuzz/fuzz_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain;
  static const auto& schema =
      *new std::shared_ptr<const policy::Schema>(testing::SchemaOf(testing::kFlatProto, "Flat"));
  fuzz::ReadToEnd(pipeline::Format::kCsv, data, size, schema);
  return 0;
}
