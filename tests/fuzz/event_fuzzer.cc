// Entries and bundles: no input crashes a reader, and no bundle gives more
// bytes than it has.
#include <cstdint>
#include <cstdlib>

#include "absl/strings/string_view.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/audit/tiles.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain::audit;
  if (size == 0) return 0;
  const absl::string_view bytes = sealtrain::AsText(sealtrain::ByteSpan(data, size));
  (void)DecodeEvent(bytes);
  const absl::string_view bundle = bytes.substr(1);
  if (const auto entries = ParseBundle(bundle, data[0]); entries.ok()) {
    std::string again;
    for (const absl::string_view entry : *entries) AppendToBundle(entry, again);
    if (again != bundle) std::abort();
  }
  return 0;
}
