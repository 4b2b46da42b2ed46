#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/floe_internal.h"
#include "sealtrain/crypto/hkdf_internal.h"
#include "sealtrain/crypto/random.h"

namespace sealtrain::crypto {
namespace {

// Layout of a header: parameters ‖ IV ‖ tag.
constexpr std::size_t kParamsBytes = 10;
constexpr std::size_t kIvBytes = 32;
constexpr std::size_t kPrefixBytes = kParamsBytes + kIvBytes;
static_assert(kPrefixBytes + 32 == kStreamHeaderBytes);

// Layout of a segment: length ‖ nonce ‖ ciphertext ‖ tag.
constexpr std::size_t kLengthBytes = 4;
// A stream of many segments draws ever more of them at once.
constexpr std::size_t kMostNoncesAtOnce = 64;
constexpr std::size_t kCiphertextOffset = kLengthBytes + kNonceBytes;
static_assert(kCiphertextOffset + kTagBytes == kSegmentOverhead);

constexpr std::uint32_t kInternalLength = 0xFFFFFFFF;  // stands in every internal segment

constexpr std::size_t kMessageKeyBytes = 48;

using SegmentAad = std::array<std::uint8_t, 9>;

// AEAD id 0 ‖ KDF id 0 ‖ segment length (4) ‖ IV length (4).
void PutParams(const StreamOptions& options, MutableByteSpan out) {
  out[0] = 0;
  out[1] = 0;
  PutBigEndian(options.segment_bytes, 4, out.subspan(2));
  PutBigEndian(kIvBytes, 4, out.subspan(6));
}

SegmentAad AadOfSegment(std::uint64_t position, bool is_final) {
  SegmentAad aad;
  PutBigEndian(position, 8, absl::MakeSpan(aad));
  aad.back() = is_final ? 1 : 0;
  return aad;
}

std::uint32_t LengthWord(bool is_final, std::size_t segment_bytes) {
  return is_final ? static_cast<std::uint32_t>(segment_bytes) : kInternalLength;
}

// FLOE_KDF; `prefix` is the header without its tag.
absl::Status FloeKdf(ByteSpan key, ByteSpan prefix, ByteSpan purpose, ByteSpan aad,
                     MutableByteSpan out) {
  Bytes info;
  info.reserve(prefix.size() + purpose.size() + aad.size());
  for (ByteSpan part : {prefix, purpose, aad}) info.insert(info.end(), part.begin(), part.end());
  return RunHkdf(HkdfMode::kExpandOnly, "SHA384", key, /*salt=*/{}, info, out);
}

}  // namespace

absl::Status Tampered() {
  return absl::DataLossError("sealed stream: wrong key, wrong context or changed bytes");
}

bool IsMarkedInternal(ByteSpan segment) {
  return segment.size() >= kLengthBytes &&
         GetBigEndian(segment.first(kLengthBytes)) == kInternalLength;
}

Floe::Floe(const StreamOptions& options, ByteSpan aad, const Header& header, Aes256Gcm aead,
           SecretBytes message_key)
    : options_(options),
      aad_(aad.begin(), aad.end()),
      header_(header),
      aead_(std::move(aead)),
      message_key_(std::move(message_key)) {}

absl::StatusOr<Floe> Floe::Start(ByteSpan key, ByteSpan aad, ByteSpan iv,
                                 const StreamOptions& options) {
  ST_RETURN_IF_ERROR(CheckOptions(options));
  if (key.size() != kKeyBytes) return absl::InvalidArgumentError("a stream key has 32 bytes");
  if (aad.size() > kMaxAadBytes) {
    return absl::InvalidArgumentError(absl::StrCat("AAD above ", kMaxAadBytes, " bytes"));
  }
  Header header;
  const MutableByteSpan prefix = absl::MakeSpan(header).first(kPrefixBytes);
  PutParams(options, prefix);
  std::copy(iv.begin(), iv.end(), prefix.begin() + kParamsBytes);
  ST_RETURN_IF_ERROR(FloeKdf(key, prefix, AsBytes("HEADER_TAG:"), aad,
                             absl::MakeSpan(header).subspan(kPrefixBytes)));
  ST_ASSIGN_OR_RETURN(SecretBytes message_key, SecretBytes::Allocate(kMessageKeyBytes));
  ST_RETURN_IF_ERROR(
      FloeKdf(key, prefix, AsBytes("MESSAGE_KEY:"), aad, message_key.mutable_span()));
  ST_ASSIGN_OR_RETURN(Aes256Gcm aead, Aes256Gcm::Create());
  return Floe(options, aad, header, std::move(aead), std::move(message_key));
}

absl::StatusOr<Floe> Floe::StartSealing(ByteSpan key, ByteSpan aad, const StreamOptions& options) {
  std::array<std::uint8_t, kIvBytes> iv;
  ST_RETURN_IF_ERROR(RandomFill(absl::MakeSpan(iv)));
  return Start(key, aad, iv, options);
}

absl::StatusOr<Floe> Floe::StartOpening(ByteSpan key, ByteSpan aad, ByteSpan header,
                                        const StreamOptions& options) {
  if (header.size() != kStreamHeaderBytes) return Tampered();
  ST_ASSIGN_OR_RETURN(Floe floe, Start(key, aad, header.subspan(kParamsBytes, kIvBytes), options));
  // Compares the parameters, too: ours are the only ones.
  if (!ConstantTimeEqual(floe.header_, header)) return Tampered();
  return floe;
}

absl::Status Floe::UseKeyOf(std::uint64_t position) {
  if (message_key_.left_behind()) {
    return absl::FailedPreconditionError("a sealed stream does not go on in a forked child");
  }
  const std::uint64_t block = position >> options_.rotation_bits << options_.rotation_bits;
  if (keyed_block_ == block) return absl::OkStatus();
  keyed_block_.reset();
  Bytes purpose(4 + 8);
  absl::c_copy(AsBytes("DEK:"), purpose.begin());
  PutBigEndian(block, 8, absl::MakeSpan(purpose).subspan(4));
  ST_ASSIGN_OR_RETURN(SecretBytes key, SecretBytes::Allocate(kKeyBytes));
  ST_RETURN_IF_ERROR(FloeKdf(message_key_.span(), ByteSpan(header_).first(kPrefixBytes), purpose,
                             aad_, key.mutable_span()));
  ST_RETURN_IF_ERROR(aead_.SetKey(key.span()));
  keyed_block_ = block;
  return absl::OkStatus();
}

absl::Status Floe::TakeNonce(MutableByteSpan nonce) {
  if (nonces_.empty()) {
    ST_ASSIGN_OR_RETURN(nonces_, SecretBytes::Allocate(kMostNoncesAtOnce * kNonceBytes));
  }
  if (drawn_nonces_ == 0) {
    next_draw_ = std::min(2 * next_draw_, kMostNoncesAtOnce);
    ST_RETURN_IF_ERROR(RandomFill(nonces_.mutable_span().first(next_draw_ * kNonceBytes)));
    drawn_nonces_ = next_draw_;
  }
  --drawn_nonces_;
  absl::c_copy(nonces_.span().subspan(drawn_nonces_ * kNonceBytes, kNonceBytes), nonce.begin());
  return absl::OkStatus();
}

absl::Status Floe::SealInto(std::uint64_t position, bool is_final, ByteSpan plaintext,
                            MutableByteSpan out) {
  const std::size_t capacity = options_.plaintext_bytes();
  if (is_final ? plaintext.size() > capacity : plaintext.size() != capacity) {
    return absl::InvalidArgumentError(absl::StrCat(plaintext.size(), " plaintext bytes for ",
                                                   is_final ? "a final" : "an internal",
                                                   " segment of ", capacity));
  }
  if (out.size() != plaintext.size() + kSegmentOverhead) {
    return absl::InvalidArgumentError("output buffer of a wrong size");
  }
  // The last position is left to a final segment.
  if (position >= options_.max_segments - (is_final ? 0 : 1)) {
    return absl::OutOfRangeError(
        absl::StrCat("a sealed stream has at most ", options_.max_segments, " segments"));
  }
  ST_RETURN_IF_ERROR(UseKeyOf(position));
  PutBigEndian(LengthWord(is_final, out.size()), kLengthBytes, out);
  const MutableByteSpan nonce = out.subspan(kLengthBytes, kNonceBytes);
  ST_RETURN_IF_ERROR(TakeNonce(nonce));
  return aead_.Seal(nonce, AadOfSegment(position, is_final), plaintext,
                    out.subspan(kCiphertextOffset));
}

absl::Status Floe::OpenInto(std::uint64_t position, bool is_final, ByteSpan segment,
                            MutableByteSpan out) {
  if (segment.size() < kSegmentOverhead || segment.size() > options_.segment_bytes ||
      (!is_final && segment.size() != options_.segment_bytes)) {
    return Tampered();
  }
  if (out.size() != segment.size() - kSegmentOverhead) {
    return absl::InvalidArgumentError("output buffer of a wrong size");
  }
  if (position >= options_.max_segments - (is_final ? 0 : 1) ||
      GetBigEndian(segment.first(kLengthBytes)) != LengthWord(is_final, segment.size())) {
    return Tampered();
  }
  ST_RETURN_IF_ERROR(UseKeyOf(position));
  absl::Status opened =
      aead_.Open(segment.subspan(kLengthBytes, kNonceBytes), AadOfSegment(position, is_final),
                 segment.subspan(kCiphertextOffset), out);
  return absl::IsDataLoss(opened) ? Tampered() : opened;
}

absl::Status Floe::Seal(std::uint64_t position, bool is_final, ByteSpan plaintext,
                        MutableByteSpan out) {
  absl::Status status = SealInto(position, is_final, plaintext, out);
  if (!status.ok()) Wipe(out);
  return status;
}

absl::Status Floe::Open(std::uint64_t position, bool is_final, ByteSpan segment,
                        MutableByteSpan out) {
  absl::Status status = OpenInto(position, is_final, segment, out);
  if (!status.ok()) Wipe(out);
  return status;
}

}  // namespace sealtrain::crypto
