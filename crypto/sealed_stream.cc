#include "sealtrain/crypto/sealed_stream.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/floe_internal.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::crypto {

struct StreamSealer::State {
  Floe floe;
  std::uint64_t position = 0;
  bool finished = false;

  absl::Status Seal(bool is_final, ByteSpan plaintext, MutableByteSpan out) {
    if (finished) {
      Wipe(out);
      return absl::FailedPreconditionError("the final segment is sealed already");
    }
    ST_RETURN_IF_ERROR(floe.Seal(position, is_final, plaintext, out));
    ++position;
    finished = is_final;
    return absl::OkStatus();
  }
};

StreamSealer::StreamSealer(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamSealer::StreamSealer(StreamSealer&&) noexcept = default;
StreamSealer& StreamSealer::operator=(StreamSealer&&) noexcept = default;
StreamSealer::~StreamSealer() = default;

absl::StatusOr<StreamSealer> StreamSealer::Create(const Dek& key, ByteSpan aad,
                                                  const StreamOptions& options) {
  ST_RETURN_IF_ERROR(key.CountSeals(1));
  ST_ASSIGN_OR_RETURN(Floe floe, Floe::StartSealing(key.bytes(KeyAccess()), aad, options));
  return StreamSealer(std::make_unique<State>(State{std::move(floe)}));
}

ByteSpan StreamSealer::header() const { return state_->floe.header(); }

absl::Status StreamSealer::SealSegment(ByteSpan plaintext, MutableByteSpan out) {
  return state_->Seal(/*is_final=*/false, plaintext, out);
}

absl::Status StreamSealer::SealFinalSegment(ByteSpan plaintext, MutableByteSpan out) {
  return state_->Seal(/*is_final=*/true, plaintext, out);
}

struct StreamOpener::State {
  Floe floe;
  std::uint64_t position = 0;
  bool finished = false;
};

StreamOpener::StreamOpener(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamOpener::StreamOpener(StreamOpener&&) noexcept = default;
StreamOpener& StreamOpener::operator=(StreamOpener&&) noexcept = default;
StreamOpener::~StreamOpener() = default;

absl::StatusOr<StreamOpener> StreamOpener::Create(const Dek& key, ByteSpan aad, ByteSpan header,
                                                  const StreamOptions& options) {
  ST_ASSIGN_OR_RETURN(Floe floe, Floe::StartOpening(key.bytes(KeyAccess()), aad, header, options));
  return StreamOpener(std::make_unique<State>(State{std::move(floe)}));
}

absl::Status StreamOpener::OpenSegment(ByteSpan segment, MutableByteSpan out) {
  if (state_->finished) {
    Wipe(out);
    return absl::FailedPreconditionError("the final segment is opened already");
  }
  const bool is_final = !IsMarkedInternal(segment);
  ST_RETURN_IF_ERROR(state_->floe.Open(state_->position, is_final, segment, out));
  ++state_->position;
  state_->finished = is_final;
  return absl::OkStatus();
}

bool StreamOpener::finished() const { return state_->finished; }

struct SegmentOpener::State {
  Floe floe;
  std::uint64_t ciphertext_bytes;
  std::uint64_t segment_count;
};

SegmentOpener::SegmentOpener(std::unique_ptr<State> state) : state_(std::move(state)) {}
SegmentOpener::SegmentOpener(SegmentOpener&&) noexcept = default;
SegmentOpener& SegmentOpener::operator=(SegmentOpener&&) noexcept = default;
SegmentOpener::~SegmentOpener() = default;

absl::StatusOr<SegmentOpener> SegmentOpener::Create(const Dek& key, ByteSpan aad, ByteSpan header,
                                                    std::uint64_t ciphertext_bytes,
                                                    const StreamOptions& options) {
  ST_ASSIGN_OR_RETURN(const std::uint64_t count, SegmentCount(ciphertext_bytes, options));
  ST_ASSIGN_OR_RETURN(Floe floe, Floe::StartOpening(key.bytes(KeyAccess()), aad, header, options));
  return SegmentOpener(std::make_unique<State>(State{std::move(floe), ciphertext_bytes, count}));
}

std::uint64_t SegmentOpener::segment_count() const { return state_->segment_count; }

std::uint64_t SegmentOpener::SegmentOffset(std::uint64_t position) const {
  return kStreamHeaderBytes + position * state_->floe.options().segment_bytes;
}

std::size_t SegmentOpener::SegmentBytes(std::uint64_t position) const {
  return static_cast<std::size_t>(std::min<std::uint64_t>(
      state_->floe.options().segment_bytes, state_->ciphertext_bytes - SegmentOffset(position)));
}

absl::Status SegmentOpener::OpenSegment(std::uint64_t position, ByteSpan segment,
                                        MutableByteSpan out) {
  if (position >= state_->segment_count) {
    Wipe(out);
    return absl::OutOfRangeError(
        absl::StrCat("no segment ", position, " in a stream of ", state_->segment_count));
  }
  if (segment.size() != SegmentBytes(position)) {
    Wipe(out);
    return absl::InvalidArgumentError("segment of a wrong size");
  }
  const bool is_final = position + 1 == state_->segment_count;
  return state_->floe.Open(position, is_final, segment, out);
}

absl::StatusOr<Bytes> SealStream(const Dek& key, ByteSpan aad, ByteSpan plaintext,
                                 const StreamOptions& options) {
  ST_ASSIGN_OR_RETURN(StreamSealer sealer, StreamSealer::Create(key, aad, options));
  Bytes stream(SealedSize(plaintext.size(), options));
  absl::c_copy(sealer.header(), stream.begin());
  MutableByteSpan out = absl::MakeSpan(stream).subspan(kStreamHeaderBytes);
  const std::size_t capacity = options.plaintext_bytes();
  while (plaintext.size() > capacity) {
    ST_RETURN_IF_ERROR(
        sealer.SealSegment(plaintext.first(capacity), out.first(options.segment_bytes)));
    plaintext.remove_prefix(capacity);
    out.remove_prefix(options.segment_bytes);
  }
  ST_RETURN_IF_ERROR(sealer.SealFinalSegment(plaintext, out));
  return stream;
}

absl::StatusOr<SecretBytes> OpenStream(const Dek& key, ByteSpan aad, ByteSpan stream,
                                       const StreamOptions& options) {
  ST_ASSIGN_OR_RETURN(const std::uint64_t plaintext_bytes, OpenedSize(stream.size(), options));
  // Every segment is opened, so the size need not be trusted: another one puts
  // the final segment where none is.
  ST_ASSIGN_OR_RETURN(
      SegmentOpener opener,
      SegmentOpener::Create(key, aad, stream.first(kStreamHeaderBytes), stream.size(), options));
  ST_ASSIGN_OR_RETURN(SecretBytes plaintext, SecretBytes::Allocate(plaintext_bytes));
  MutableByteSpan out = plaintext.mutable_span();
  for (std::uint64_t position = 0; position < opener.segment_count(); ++position) {
    const ByteSpan segment =
        stream.subspan(opener.SegmentOffset(position), opener.SegmentBytes(position));
    const std::size_t size = segment.size() - kSegmentOverhead;
    ST_RETURN_IF_ERROR(opener.OpenSegment(position, segment, out.first(size)));
    out.remove_prefix(size);
  }
  return plaintext;
}

Bytes StreamAad(ByteSpan context) {
  const ByteSpan label = AsBytes("sealtrain/stream/1");
  const auto digest = Sha384(context);
  Bytes aad(label.begin(), label.end());
  aad.insert(aad.end(), digest.begin(), digest.end());
  return aad;
}

}  // namespace sealtrain::crypto
