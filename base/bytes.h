// Byte spans and big-endian integers, for every format of the project.
#ifndef SEALTRAIN_BASE_BYTES_H_
#define SEALTRAIN_BASE_BYTES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sealtrain {

using ByteSpan = absl::Span<const std::uint8_t>;
using MutableByteSpan = absl::Span<std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;      // public bytes only: never a secret
using Digest = std::array<std::uint8_t, 32>;  // SHA-256
using Id = std::array<std::uint8_t, 16>;      // random identifier

inline ByteSpan AsBytes(absl::string_view text) {
  return ByteSpan(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}
inline absl::string_view AsText(ByteSpan bytes) {
  return absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Writes the low `width` bytes of `value` to `out`, most significant first.
// Requires width <= 8 and out.size() >= width.
inline void PutBigEndian(std::uint64_t value, std::size_t width, MutableByteSpan out) {
  for (std::size_t i = 0; i < width; ++i) {
    out[i] = static_cast<std::uint8_t>(value >> (8 * (width - 1 - i)));
  }
}
inline void AppendBigEndian(std::uint64_t value, std::size_t width, Bytes& out) {
  out.resize(out.size() + width);
  PutBigEndian(value, width, absl::MakeSpan(out).last(width));
}
// Reads all of `in` (at most 8 bytes), most significant first.
inline std::uint64_t GetBigEndian(ByteSpan in) {
  std::uint64_t value = 0;
  for (std::uint8_t byte : in) value = (value << 8) | byte;
  return value;
}

// Lower-case hex, for identifiers and digests in messages and file names.
std::string HexEncode(ByteSpan bytes);

}  // namespace sealtrain

#endif  // SEALTRAIN_BASE_BYTES_H_
