// What the fuzzers of small sealed objects share: their input says what is sealed
// and how it is changed, and only what did not change may open.
#ifndef SEALTRAIN_TESTS_FUZZ_SEALED_BYTES_H_
#define SEALTRAIN_TESTS_FUZZ_SEALED_BYTES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::fuzz {

inline void Require(bool condition) {
  if (!condition) std::abort();
}

// Reads a fuzzer's input from the front. Behind its end there are zeros.
class Input {
 public:
  explicit Input(ByteSpan bytes) : rest_(bytes) {}

  std::uint8_t Byte() {
    const Bytes byte = Take(1);
    return byte.empty() ? 0 : byte[0];
  }
  // In [0, limit), for a limit of at most 2^16.
  std::size_t Below(std::size_t limit) {
    const std::size_t high = Byte();
    return limit == 0 ? 0 : (high << 8 | Byte()) % limit;
  }
  // `size` bytes, or as many as there are.
  Bytes Take(std::size_t size) {
    const ByteSpan taken = rest_.first(std::min(size, rest_.size()));
    rest_.remove_prefix(taken.size());
    return Bytes(taken.begin(), taken.end());
  }
  Bytes TakeAll() { return Take(rest_.size()); }

 private:
  ByteSpan rest_;
};

// `bytes` with none to three bytes flipped, cut out, put in or moved.
inline Bytes Change(Bytes bytes, Input& input) {
  for (int changes = input.Byte() % 4; changes > 0; --changes) {
    const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(input.Below(bytes.size()));
    const auto length =
        static_cast<std::ptrdiff_t>(input.Below(static_cast<std::size_t>(bytes.end() - at) + 1));
    switch (input.Byte() % 4) {
      case 0:
        if (at != bytes.end()) *at = static_cast<std::uint8_t>(*at ^ input.Byte());
        break;
      case 1:
        bytes.erase(at, at + length);
        break;
      case 2: {
        const Bytes inserted = input.Take(input.Byte() % 32);
        bytes.insert(at, inserted.begin(), inserted.end());
        break;
      }
      default: {
        const Bytes part(at, at + length);
        bytes.insert(bytes.begin(), part.begin(), part.end());
      }
    }
  }
  return bytes;
}

// Requires that `open` gives `plaintext` back for `sealed`, and DataLoss for
// `sealed` with the changes that the input says and for the rest of the input.
template <class Open>
void CheckSealed(ByteSpan plaintext, const Bytes& sealed, Open open, Input& input) {
  const Bytes changed = Change(sealed, input);
  const absl::StatusOr<crypto::SecretBytes> opened = open(changed);
  // Compared where libFuzzer does not look: from memcmp it learns `sealed`, and a
  // later input would hold it.
  Require(opened.ok() == crypto::ConstantTimeEqual(changed, sealed));
  Require(opened.ok() ? opened->span() == plaintext : absl::IsDataLoss(opened.status()));
  Require(absl::IsDataLoss(open(input.TakeAll()).status()));
}

}  // namespace sealtrain::fuzz

#endif  // SEALTRAIN_TESTS_FUZZ_SEALED_BYTES_H_
