// Sealed streams: FLOE (c2sp.org/FLOE) with AES-256-GCM and HKDF-Expand-SHA-384,
// over memory. docs/formats/sealed-stream.md is the contract.
//
// A stream is a header of kStreamHeaderBytes, then zero or more internal
// segments of exactly `segment_bytes`, then one final segment of
// kSegmentOverhead to `segment_bytes` bytes. Nothing unauthenticated is ever
// released: on any failure the output buffer is wiped before returning.
//
// Errors: DataLoss with one and the same message for every kind of tampering,
// wrong key and wrong AAD; InvalidArgument for options out of range, an AAD
// above kMaxAadBytes and buffers of a wrong size; OutOfRange for a segment that
// would be one more than `max_segments`; FailedPrecondition for use after the
// final segment, and in a forked child of an object that its parent made;
// ResourceExhausted for a key that has sealed kMaxSealsPerKey streams; Unavailable
// where the kernel gives no random bytes or no memory. After an error other than
// FailedPrecondition the same segment may be tried again.
//
// None of the classes is thread-safe; each owns its EVP context.
#ifndef SEALTRAIN_CRYPTO_SEALED_STREAM_H_
#define SEALTRAIN_CRYPTO_SEALED_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

inline constexpr std::size_t kStreamHeaderBytes = 74;  // parameters 10, IV 32, tag 32
inline constexpr std::size_t kSegmentOverhead = 32;    // length 4, nonce 12, tag 16
inline constexpr std::size_t kTagBytes = 16;           // the last bytes of every segment
// FLOE sets no limit on the AAD; OpenSSL's HKDF does, near twice this one.
inline constexpr std::size_t kMaxAadBytes = 16 * 1024;

// FLOE's AEAD_MAX_SEGMENTS.
inline constexpr std::uint64_t kMaxSegments = std::uint64_t{1} << 40;

struct StreamOptions {
  // Bytes of a whole encrypted segment: 4 KiB, 64 KiB or 1 MiB. Formats of this
  // project use the default.
  std::uint32_t segment_bytes = 64 * 1024;
  // Segments under one derived AES key: 2^rotation_bits. FLOE's is 20.
  std::uint32_t rotation_bits = 20;
  // Segments that a stream may have; more are neither sealed nor opened. Range:
  // [1, kMaxSegments].
  std::uint64_t max_segments = kMaxSegments;
  // For published known answers and for tests, which no format may use: segment_bytes
  // in [33, 1 << 24] and rotation_bits in [0, 20].
  bool known_answer_sizes = false;

  std::size_t plaintext_bytes() const { return segment_bytes - kSegmentOverhead; }
};

// Ciphertext bytes of a stream with that much plaintext, header included; zero,
// which no stream has, if the options are out of range.
std::uint64_t SealedSize(std::uint64_t plaintext_bytes, const StreamOptions& options = {});
// Number of segments (at least 1) of a stream of that many ciphertext bytes.
// DataLoss: no stream has that size.
absl::StatusOr<std::uint64_t> SegmentCount(std::uint64_t ciphertext_bytes,
                                           const StreamOptions& options = {});
// Plaintext bytes of a stream of that many ciphertext bytes. DataLoss: as above.
absl::StatusOr<std::uint64_t> OpenedSize(std::uint64_t ciphertext_bytes,
                                         const StreamOptions& options = {});

// Seals one stream, segment by segment. Each segment gets a fresh random nonce.
class StreamSealer {
 public:
  // `key` need not outlive the sealer, and counts one seal. Draws the stream's IV.
  static absl::StatusOr<StreamSealer> Create(const Dek& key, ByteSpan aad,
                                             const StreamOptions& options = {});
  StreamSealer(StreamSealer&&) noexcept;
  StreamSealer& operator=(StreamSealer&&) noexcept;
  ~StreamSealer();

  ByteSpan header() const;  // kStreamHeaderBytes
  // `plaintext` has exactly options.plaintext_bytes(); `out` segment_bytes.
  absl::Status SealSegment(ByteSpan plaintext, MutableByteSpan out);
  // `plaintext` has at most options.plaintext_bytes(); `out` has
  // plaintext.size() + kSegmentOverhead. Nothing can be sealed afterwards.
  absl::Status SealFinalSegment(ByteSpan plaintext, MutableByteSpan out);

 private:
  struct State;
  explicit StreamSealer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Opens a stream in order. Position and end are its own business.
class StreamOpener {
 public:
  static absl::StatusOr<StreamOpener> Create(const Dek& key, ByteSpan aad, ByteSpan header,
                                             const StreamOptions& options = {});
  StreamOpener(StreamOpener&&) noexcept;
  StreamOpener& operator=(StreamOpener&&) noexcept;
  ~StreamOpener();

  // Opens the next segment, internal or final as it says itself and its tag
  // proves. `out` has segment.size() - kSegmentOverhead bytes.
  absl::Status OpenSegment(ByteSpan segment, MutableByteSpan out);
  // True once the final segment was opened. A caller that runs out of bytes
  // before that has been given a truncated stream.
  bool finished() const;

 private:
  struct State;
  explicit StreamOpener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Opens any segment of a stream whose length is known from an authenticated
// source (a signed manifest, a sealed index): never from the file's size.
class SegmentOpener {
 public:
  static absl::StatusOr<SegmentOpener> Create(const Dek& key, ByteSpan aad, ByteSpan header,
                                              std::uint64_t ciphertext_bytes,
                                              const StreamOptions& options = {});
  SegmentOpener(SegmentOpener&&) noexcept;
  SegmentOpener& operator=(SegmentOpener&&) noexcept;
  ~SegmentOpener();

  std::uint64_t segment_count() const;
  // Where a segment lies in the stream, header included, and its length.
  // Both require position < segment_count().
  std::uint64_t SegmentOffset(std::uint64_t position) const;
  std::size_t SegmentBytes(std::uint64_t position) const;
  // OutOfRange: position >= segment_count().
  absl::Status OpenSegment(std::uint64_t position, ByteSpan segment, MutableByteSpan out);

 private:
  struct State;
  explicit SegmentOpener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A whole stream at once, for what fits in memory. `stream` must be all of it:
// a byte more or less is DataLoss.
absl::StatusOr<Bytes> SealStream(const Dek& key, ByteSpan aad, ByteSpan plaintext,
                                 const StreamOptions& options = {});
absl::StatusOr<SecretBytes> OpenStream(const Dek& key, ByteSpan aad, ByteSpan stream,
                                       const StreamOptions& options = {});

// The AAD of every stream of this project:
// "sealtrain/stream/1" followed by SHA-384(context).
Bytes StreamAad(ByteSpan context);

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_SEALED_STREAM_H_
