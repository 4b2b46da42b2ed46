// The arithmetic of stream sizes: no key, no bytes.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/floe_internal.h"
#include "sealtrain/crypto/sealed_stream.h"

namespace sealtrain::crypto {
namespace {

constexpr std::uint32_t kMinSegmentBytes = kSegmentOverhead + 1;
constexpr std::uint32_t kMaxSegmentBytes = 1u << 24;
constexpr std::uint32_t kMaxRotationBits = 20;

}  // namespace

absl::Status CheckOptions(const StreamOptions& options) {
  if (options.segment_bytes < kMinSegmentBytes || options.segment_bytes > kMaxSegmentBytes) {
    return absl::InvalidArgumentError(absl::StrCat("segment_bytes ", options.segment_bytes,
                                                   " is outside [", kMinSegmentBytes, ", ",
                                                   kMaxSegmentBytes, "]"));
  }
  if (options.rotation_bits > kMaxRotationBits) {
    return absl::InvalidArgumentError(absl::StrCat("rotation_bits ", options.rotation_bits,
                                                   " is outside [0, ", kMaxRotationBits, "]"));
  }
  return absl::OkStatus();
}

std::uint64_t SealedSize(std::uint64_t plaintext_bytes, const StreamOptions& options) {
  if (!CheckOptions(options).ok()) return 0;
  const std::uint64_t capacity = options.plaintext_bytes();
  const std::uint64_t full = plaintext_bytes / capacity;
  const std::uint64_t segments =
      std::max<std::uint64_t>(1, full + (plaintext_bytes % capacity == 0 ? 0 : 1));
  return kStreamHeaderBytes + plaintext_bytes + segments * kSegmentOverhead;
}

absl::StatusOr<std::uint64_t> SegmentCount(std::uint64_t ciphertext_bytes,
                                           const StreamOptions& options) {
  ST_RETURN_IF_ERROR(CheckOptions(options));
  if (ciphertext_bytes < kStreamHeaderBytes + kSegmentOverhead) return Tampered();
  const std::uint64_t body = ciphertext_bytes - kStreamHeaderBytes;
  const std::uint64_t rest = body % options.segment_bytes;
  if (rest != 0 && rest < kSegmentOverhead) return Tampered();
  const std::uint64_t segments = body / options.segment_bytes + (rest == 0 ? 0 : 1);
  if (segments > kMaxSegments) return Tampered();
  return segments;
}

absl::StatusOr<std::uint64_t> OpenedSize(std::uint64_t ciphertext_bytes,
                                         const StreamOptions& options) {
  ST_ASSIGN_OR_RETURN(const std::uint64_t segments, SegmentCount(ciphertext_bytes, options));
  return ciphertext_bytes - kStreamHeaderBytes - segments * kSegmentOverhead;
}

}  // namespace sealtrain::crypto
