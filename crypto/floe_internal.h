// The core of FLOE (c2sp.org/FLOE): key schedule, header and single segments at
// a position that the caller names. Only sealed_stream.h and KeyWrap use it; both
// keep the caller away from positions and final flags, as FLOE asks.
#ifndef SEALTRAIN_CRYPTO_FLOE_INTERNAL_H_
#define SEALTRAIN_CRYPTO_FLOE_INTERNAL_H_

#include <array>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/aead_internal.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

// InvalidArgument: out of range.
absl::Status CheckOptions(const StreamOptions& options);

// The one answer to every kind of tampering, wrong key and wrong AAD.
absl::Status Tampered();

// Whether a segment says of itself that it is not the final one.
bool IsMarkedInternal(ByteSpan segment);

// Errors as in sealed_stream.h. Not thread-safe.
class Floe {
 public:
  // Draws the IV.
  static absl::StatusOr<Floe> StartSealing(ByteSpan key, ByteSpan aad,
                                           const StreamOptions& options);
  static absl::StatusOr<Floe> StartOpening(ByteSpan key, ByteSpan aad, ByteSpan header,
                                           const StreamOptions& options);

  ByteSpan header() const { return header_; }
  const StreamOptions& options() const { return options_; }

  // `out` has plaintext.size() + kSegmentOverhead bytes; wiped on failure.
  absl::Status Seal(std::uint64_t position, bool is_final, ByteSpan plaintext, MutableByteSpan out);
  // `out` has segment.size() - kSegmentOverhead bytes; wiped on failure.
  absl::Status Open(std::uint64_t position, bool is_final, ByteSpan segment, MutableByteSpan out);

 private:
  using Header = std::array<std::uint8_t, kStreamHeaderBytes>;

  Floe(const StreamOptions& options, ByteSpan aad, const Header& header, Aes256Gcm aead,
       SecretBytes message_key);

  // Both directions: derives the header that belongs to `iv`, and the message key.
  static absl::StatusOr<Floe> Start(ByteSpan key, ByteSpan aad, ByteSpan iv,
                                    const StreamOptions& options);
  absl::Status SealInto(std::uint64_t position, bool is_final, ByteSpan plaintext,
                        MutableByteSpan out);
  absl::Status OpenInto(std::uint64_t position, bool is_final, ByteSpan segment,
                        MutableByteSpan out);
  // Gives aead_ the key of that position, deriving it if the last one was another.
  // FailedPrecondition: this process is a forked child of the one that started.
  absl::Status UseKeyOf(std::uint64_t position);
  // A fresh nonce, which is never given again.
  absl::Status TakeNonce(MutableByteSpan nonce);

  StreamOptions options_;
  Bytes aad_;
  Header header_;
  Aes256Gcm aead_;
  SecretBytes message_key_;
  // One call to the kernel for each nonce would be a tenth of what sealing costs.
  // Drawn are the first drawn_nonces_, used from the back. They lie where no child
  // has them, which UseKeyOf() refuses before.
  SecretBytes nonces_;
  std::size_t drawn_nonces_ = 0;
  std::size_t next_draw_ = 1;
  std::optional<std::uint64_t> keyed_block_;  // first position of the block whose key aead_ has
};

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_FLOE_INTERNAL_H_
