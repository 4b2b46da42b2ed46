// Seals what the input says, changes the stream as the input says, and demands
// that it opens if and only if it did not change. Then gives the openers bytes
// that nobody sealed.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "sealtrain/crypto/sealed_stream.h"

namespace sealtrain::crypto {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

Dek FixedKey() { return Dek::FromBytes(SecretBytes::CopyFrom(Bytes(32, 1)).value()).value(); }

// The three ways to ask about a size agree.
void CheckSizes(std::uint64_t ciphertext_bytes, const StreamOptions& options) {
  const absl::StatusOr<std::uint64_t> segments = SegmentCount(ciphertext_bytes, options);
  const absl::StatusOr<std::uint64_t> plaintext = OpenedSize(ciphertext_bytes, options);
  Require(segments.ok() == plaintext.ok());
  if (!segments.ok()) {
    Require(absl::IsDataLoss(segments.status()) && absl::IsDataLoss(plaintext.status()));
    return;
  }
  Require(kStreamHeaderBytes + *plaintext + *segments * kSegmentOverhead == ciphertext_bytes);
  // A stream may end with an empty segment, which we write only for empty ones.
  Require(SealedSize(*plaintext, options) <= ciphertext_bytes);
}

Bytes Change(Bytes stream, FuzzedDataProvider& input) {
  const auto place = [&](std::size_t last) {
    return static_cast<std::ptrdiff_t>(input.ConsumeIntegralInRange<std::size_t>(0, last));
  };
  for (int changes = input.ConsumeIntegralInRange(0, 4); changes > 0 && !stream.empty();
       --changes) {
    const auto begin = stream.begin() + place(stream.size() - 1);
    switch (input.ConsumeIntegralInRange(0, 3)) {
      case 0:
        *begin = static_cast<std::uint8_t>(*begin ^ input.ConsumeIntegral<std::uint8_t>());
        break;
      case 1:
        stream.erase(begin, begin + place(static_cast<std::size_t>(stream.end() - begin)));
        break;
      case 2: {
        const Bytes inserted = input.ConsumeBytes<std::uint8_t>(64);
        stream.insert(begin, inserted.begin(), inserted.end());
        break;
      }
      default: {  // repeats a part of the stream: a segment, perhaps
        const Bytes part(begin, begin + place(static_cast<std::size_t>(stream.end() - begin)));
        stream.insert(stream.begin() + place(stream.size()), part.begin(), part.end());
      }
    }
  }
  return stream;
}

void CheckChangedStream(const Dek& key, const StreamOptions& options, FuzzedDataProvider& input) {
  const Bytes plaintext = input.ConsumeBytes<std::uint8_t>(256);
  const Bytes stream = SealStream(key, {}, plaintext, options).value();
  const Bytes changed = Change(stream, input);
  const absl::StatusOr<SecretBytes> opened = OpenStream(key, {}, changed, options);
  Require(opened.ok() == (changed == stream));
  Require(opened.ok() ? opened->span() == ByteSpan(plaintext) : absl::IsDataLoss(opened.status()));
}

void CheckForeignBytes(const Dek& key, const StreamOptions& options, ByteSpan bytes) {
  Require(absl::IsDataLoss(OpenStream(key, {}, bytes, options).status()));

  // The same as segments under a header that is authentic.
  const Bytes stream = SealStream(key, {}, {}, options).value();
  const ByteSpan header = ByteSpan(stream).first(kStreamHeaderBytes);
  StreamOpener opener = StreamOpener::Create(key, {}, header, options).value();
  const std::size_t size = std::min<std::size_t>(bytes.size(), options.segment_bytes);
  if (size < kSegmentOverhead) return;
  Bytes out(size - kSegmentOverhead, 0xAA);
  Require(absl::IsDataLoss(opener.OpenSegment(bytes.first(size), absl::MakeSpan(out))));
  Require(out == Bytes(out.size()));
}

}  // namespace
}  // namespace sealtrain::crypto

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain::crypto;
  static const Dek key = FixedKey();
  FuzzedDataProvider input(data, size);
  const StreamOptions options{.segment_bytes = input.ConsumeIntegralInRange<std::uint32_t>(33, 128),
                              .rotation_bits = input.ConsumeIntegralInRange<std::uint32_t>(0, 3),
                              .known_answer_sizes = true};
  CheckSizes(input.ConsumeIntegral<std::uint64_t>(), options);
  CheckChangedStream(key, options, input);
  CheckForeignBytes(key, options, input.ConsumeRemainingBytes<std::uint8_t>());
  return 0;
}
