// The arithmetic of stream sizes: no key, no bytes.
#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/floe_internal.h"
#include "sealtrain/crypto/sealed_stream.h"

namespace sealtrain::crypto {
namespace {

constexpr std::uint32_t kSegmentSizes[] = {4 << 10, 64 << 10, 1 << 20};
constexpr std::uint32_t kRotationBits = 20;

// Known answers use the same rotation or a lower one.
constexpr std::uint32_t kMinKnownAnswerBytes = kSegmentOverhead + 1;
constexpr std::uint32_t kMaxKnownAnswerBytes = 1u << 24;

}  // namespace

absl::Status CheckOptions(const StreamOptions& options) {
  const std::uint32_t size = options.segment_bytes;
  const bool size_is_legal = options.known_answer_sizes
                                 ? size >= kMinKnownAnswerBytes && size <= kMaxKnownAnswerBytes
                                 : absl::c_linear_search(kSegmentSizes, size);
  const bool rotation_is_legal = options.known_answer_sizes
                                     ? options.rotation_bits <= kRotationBits
                                     : options.rotation_bits == kRotationBits;
  if (!size_is_legal || !rotation_is_legal) {
    return absl::InvalidArgumentError(absl::StrCat("no stream has segment_bytes ", size,
                                                   " and rotation_bits ", options.rotation_bits));
  }
  if (options.max_segments < 1 || options.max_segments > kMaxSegments) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_segments ", options.max_segments, " is outside [1, 2^40]"));
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
  if (segments > options.max_segments) return Tampered();
  return segments;
}

absl::StatusOr<std::uint64_t> OpenedSize(std::uint64_t ciphertext_bytes,
                                         const StreamOptions& options) {
  ST_ASSIGN_OR_RETURN(const std::uint64_t segments, SegmentCount(ciphertext_bytes, options));
  return ciphertext_bytes - kStreamHeaderBytes - segments * kSegmentOverhead;
}

}  // namespace sealtrain::crypto
