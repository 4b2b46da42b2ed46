// The write-ahead log of the audit log's writer. What is found whole lies in
// the file, in order.
#include <cstdint>
#include <cstdlib>

#include "sealtrain/audit/wal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain::audit;
  // The key of the corpus: seed 07 × 32.
  static const VerifierKey key = *ParseVkey(
      "example.org/sealtrain/audit+2a46f655+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs");
  const auto contents = ParseWal(sealtrain::ByteSpan(data, size), "wal", key);
  if (!contents.ok()) return 0;
  if (contents->end > size) std::abort();
  std::uint64_t next = contents->base.size;
  for (const WalContents::Record& logged : contents->records) {
    if (logged.record.first_index != next) std::abort();
    next += logged.record.entries.size();
    if (logged.checkpoint.size != next) std::abort();
  }
  return 0;
}
