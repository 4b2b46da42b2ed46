// What a witness is asked and answers: a request that parses is written again to the
// same bytes, and an answer that parses says the same once it is written again.
#include <cstdint>
#include <cstdlib>

#include "sealtrain/audit/witness_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain::audit;
  const auto text = sealtrain::AsText(sealtrain::ByteSpan(data, size));
  if (const auto request = ParseAddCheckpoint(text);
      request.ok() && FormatAddCheckpoint(*request) != text) {
    std::abort();
  }
  if (const auto answer = ParseAnswer(text); answer.ok()) {
    const auto again = ParseAnswer(FormatAnswer(*answer));
    if (!again.ok() || again->status != answer->status || again->body != answer->body ||
        again->content_type != answer->content_type) {
      std::abort();
    }
    if (const auto old_size = SizeOf(*answer);
        old_size.ok() && OtherSizeAnswer(*old_size).body != answer->body) {
      std::abort();
    }
  }
  return 0;
}
