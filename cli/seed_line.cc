#include "sealtrain/cli/seed_line.h"

#include <utility>

#include "sealtrain/base/status_macros.h"

namespace sealtrain::cli {
namespace {

int HexValue(std::uint8_t digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

}  // namespace

absl::StatusOr<crypto::SecretBytes> NewSeedLine() {
  constexpr char kDigits[] = "0123456789abcdef";
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes seed, crypto::SecretBytes::Random(kSeedBytes));
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes line, crypto::SecretBytes::Allocate(kSeedLineBytes));
  const MutableByteSpan out = line.mutable_span();
  for (std::size_t i = 0; i < kSeedBytes; ++i) {
    out[2 * i] = static_cast<std::uint8_t>(kDigits[seed.span()[i] >> 4]);
    out[2 * i + 1] = static_cast<std::uint8_t>(kDigits[seed.span()[i] & 15]);
  }
  out[kSeedLineBytes - 1] = '\n';
  return line;
}

absl::StatusOr<crypto::SigningKey> ParseSeedLine(ByteSpan line) {
  const absl::Status no_key = absl::InvalidArgumentError("not a key: 64 hex digits and a newline");
  if (line.size() != kSeedLineBytes || line.back() != '\n') return no_key;
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes seed, crypto::SecretBytes::Allocate(kSeedBytes));
  for (std::size_t i = 0; i < kSeedBytes; ++i) {
    const int high = HexValue(line[2 * i]);
    const int low = HexValue(line[2 * i + 1]);
    if (high < 0 || low < 0) return no_key;
    seed.mutable_span()[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return crypto::SigningKey::FromSeed(seed);
}

}  // namespace sealtrain::cli
