// Project Wycheproof's list of defects of chunked ciphertexts (Cobblestone-128),
// done to FLOE streams. Chunks are another format's, so each case of the file is
// built anew here, by its comment: a case that the table does not know fails, and so
// does one that the file no longer has. The file says which cases are valid, how much
// plaintext may be released before the end, and whether the last segment is sound.
#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "sealtrain/crypto/floe_internal.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/tests/crypto/wycheproof.h"

namespace sealtrain::crypto {
namespace {

constexpr std::size_t kChunkBytes = 16 * 1024;  // plaintext of a Cobblestone chunk
constexpr StreamOptions kOptions{.segment_bytes = 4096};
constexpr std::size_t kSegment = kOptions.segment_bytes;
constexpr std::size_t kHeader = kStreamHeaderBytes;

// A stream, and what its reader is given.
struct Stream {
  Bytes key_bytes = Bytes(kKeyBytes, 1);
  Bytes context;  // the AAD
  Bytes bytes;
};

// `full` whole segments and a final one of `rest` bytes of plaintext, even if it is
// empty. All plaintext is of one value.
Stream Seal(std::size_t full, std::size_t rest, absl::string_view context = "") {
  const Dek key = KeyOf<Dek>(1);
  StreamSealer sealer = StreamSealer::Create(key, AsBytes(context), kOptions).value();
  Stream stream;
  stream.context = ToBytes(AsBytes(context));
  stream.bytes = ToBytes(sealer.header());
  Bytes segment(kSegment);
  for (std::size_t i = 0; i < full; ++i) {
    EXPECT_OK(sealer.SealSegment(Bytes(kOptions.plaintext_bytes(), 7), absl::MakeSpan(segment)));
    stream.bytes.insert(stream.bytes.end(), segment.begin(), segment.end());
  }
  segment.resize(rest + kSegmentOverhead);
  EXPECT_OK(sealer.SealFinalSegment(Bytes(rest, 7), absl::MakeSpan(segment)));
  stream.bytes.insert(stream.bytes.end(), segment.begin(), segment.end());
  return stream;
}

Stream Flip(Stream stream, std::size_t at) {
  stream.bytes[at] ^= 1;
  return stream;
}
Stream Cut(Stream stream, std::size_t size) {
  stream.bytes.resize(size);
  return stream;
}
Stream Append(Stream stream, ByteSpan bytes) {
  stream.bytes.insert(stream.bytes.end(), bytes.begin(), bytes.end());
  return stream;
}
Stream WithKey(Stream stream, Bytes key) {
  stream.key_bytes = std::move(key);
  return stream;
}
Stream WithContext(Stream stream, absl::string_view context) {
  stream.context = ToBytes(AsBytes(context));
  return stream;
}
Stream CopySegment(Stream stream, std::size_t from, std::size_t to) {
  std::copy_n(stream.bytes.begin() + static_cast<std::ptrdiff_t>(kHeader + from * kSegment),
              kSegment,
              stream.bytes.begin() + static_cast<std::ptrdiff_t>(kHeader + to * kSegment));
  return stream;
}
Stream SwapFirstTwo(const Stream& stream) {
  const Bytes second(stream.bytes.begin() + kHeader + kSegment,
                     stream.bytes.begin() + kHeader + 2 * kSegment);
  Stream swapped = CopySegment(stream, 0, 1);
  std::copy(second.begin(), second.end(), swapped.bytes.begin() + kHeader);
  return swapped;
}
// The segment that a careless writer could have sealed after the final one.
Stream AppendSealedSegment(Stream stream, std::uint64_t position) {
  Floe floe = Floe::StartOpening(stream.key_bytes, stream.context,
                                 ByteSpan(stream.bytes).first(kHeader), kOptions)
                  .value();
  Bytes segment(5 + kSegmentOverhead);
  EXPECT_OK(floe.Seal(position, /*is_final=*/true, Bytes(5, 7), absl::MakeSpan(segment)));
  return Append(std::move(stream), segment);
}

struct Defect {
  const char* comment;
  std::function<Stream()> make;
};
const Defect kDefects[] = {
    {"empty message", [] { return Seal(0, 0); }},
    {"short message, single chunk", [] { return Seal(0, 7); }},
    {"full chunk followed by short chunk", [] { return Seal(1, 1); }},
    {"two full chunks followed by empty terminating chunk", [] { return Seal(2, 0); }},
    {"two full chunks followed by short chunk", [] { return Seal(2, 1); }},
    {"full chunk followed by empty terminating chunk", [] { return Seal(1, 0); }},
    {"256 full chunks plus short chunk, tests counter rollover past 0xFF",
     [] { return Seal(256, 1); }},
    {"257 full chunks plus short chunk, tests counter rollover past 0xFF",
     [] { return Seal(257, 1); }},
    {"short message with non-empty context string", [] { return Seal(0, 7, "test context"); }},
    {"short message with context containing a null byte",
     [] { return Seal(0, 7, absl::string_view("test\0context", 12)); }},
    {"single chunk with flipped ciphertext bit",
     [] { return Flip(Seal(0, 7), kHeader + kSegmentOverhead - kTagBytes); }},
    {"full chunk followed by corrupted short chunk",
     [] { return Flip(Seal(1, 7), kHeader + kSegment + kSegmentOverhead - kTagBytes); }},
    {"two full chunks with empty terminator, second chunk corrupted",
     [] { return Flip(Seal(2, 0), kHeader + kSegment + 100); }},
    {"full chunk followed by empty terminating chunk with corrupted tag",
     [] { return Flip(Seal(1, 0), kHeader + kSegment + kSegmentOverhead - 1); }},
    {"corrupted first chunk followed by valid short chunk",
     [] { return Flip(Seal(1, 1), kHeader + 100); }},
    {"single chunk truncated to remove authentication tag",
     [] { return Cut(Seal(0, 7), kHeader + kSegmentOverhead + 7 - kTagBytes); }},
    {"payload shorter than one authentication tag",
     [] { return Cut(Seal(0, 7), kHeader + kTagBytes - 4); }},
    {"valid chunk followed by 20 trailing bytes",
     [] { return Append(Cut(Seal(1, 1), kHeader + kSegment), Bytes(20, 9)); }},
    {"valid chunk followed by 12 trailing bytes",
     [] { return Append(Cut(Seal(1, 1), kHeader + kSegment), Bytes(12, 9)); }},
    {"header only, no encrypted chunks", [] { return Cut(Seal(0, 7), kHeader); }},
    {"valid ciphertext with wrong commitment", [] { return Flip(Seal(0, 7), kHeader - 1); }},
    {"valid ciphertext decrypted with wrong key",
     [] { return WithKey(Seal(0, 7), Bytes(kKeyBytes, 2)); }},
    {"valid ciphertext encrypted with too-short key",
     [] { return WithKey(Seal(0, 7), Bytes(kKeyBytes - 1, 1)); }},
    {"valid ciphertext encrypted with too-long key",
     [] { return WithKey(Seal(0, 7), Bytes(kKeyBytes + 1, 1)); }},
    {"valid ciphertext decrypted with wrong context",
     [] { return WithContext(Seal(0, 7), "wrong context"); }},
    {"valid ciphertext with corrupted salt", [] { return Flip(Seal(0, 7), 10); }},
    {"zero-length ciphertext, too short for header", [] { return Cut(Seal(0, 7), 0); }},
    {"only salt, no commitment", [] { return Cut(Seal(0, 7), 10 + 32); }},
    {"salt and partial commitment (40 of 56 header bytes)",
     [] { return Cut(Seal(0, 7), 10 + 32 + 16); }},
    {"too short to contain even the salt", [] { return Cut(Seal(0, 7), 10 + 12); }},
    {"full chunk without terminating empty chunk",
     [] { return Cut(Seal(1, 0), kHeader + kSegment); }},
    {"full chunk followed by second chunk truncated mid-body",
     [] { return Cut(Seal(1, 500), kHeader + kSegment + 200); }},
    {"two full chunks plus short final chunk, chunks 0 and 1 swapped",
     [] { return SwapFirstTwo(Seal(2, 1)); }},
    {"chunk 0 duplicated in place of chunk 1, followed by short final chunk",
     [] { return CopySegment(Seal(2, 1), 0, 1); }},
    {"valid full chunk and short final chunk followed by extra encrypted chunk",
     [] { return AppendSealedSegment(Seal(1, 1), 2); }},
};

// What a reader who takes segment after segment releases before it ends or refuses.
struct Reading {
  absl::Status status;
  std::size_t full_segments = 0;
  std::size_t rest_bytes = 0;
};

Reading ReadInOrder(const Stream& stream) {
  Reading reading;
  absl::StatusOr<Dek> key = Dek::FromBytes(SecretOf(stream.key_bytes));
  if (!key.ok()) return {.status = key.status()};
  ByteSpan rest = stream.bytes;
  absl::StatusOr<StreamOpener> opener = StreamOpener::Create(
      *key, stream.context, rest.first(std::min(rest.size(), kHeader)), kOptions);
  if (!opener.ok()) return {.status = opener.status()};
  rest.remove_prefix(kHeader);
  while (!opener->finished()) {
    const ByteSpan segment = rest.first(std::min(rest.size(), kSegment));
    Bytes out(std::max(segment.size(), kSegmentOverhead) - kSegmentOverhead, 0xAA);
    reading.status = opener->OpenSegment(segment, absl::MakeSpan(out));
    if (!reading.status.ok()) {
      EXPECT_EQ(out, Bytes(out.size())) << "released";
      return reading;
    }
    EXPECT_EQ(out, Bytes(out.size(), 7));
    rest.remove_prefix(segment.size());
    if (opener->finished()) {
      reading.rest_bytes = out.size();
    } else {
      ++reading.full_segments;
    }
  }
  EXPECT_TRUE(rest.empty());
  return reading;
}

// Whether the last segment opens for a reader who takes the length for granted.
bool LastSegmentOpens(const Stream& stream) {
  absl::StatusOr<Dek> key = Dek::FromBytes(SecretOf(stream.key_bytes));
  if (!key.ok()) return false;
  const ByteSpan bytes = stream.bytes;
  absl::StatusOr<SegmentOpener> opener = SegmentOpener::Create(
      *key, stream.context, bytes.first(std::min(bytes.size(), kHeader)), bytes.size(), kOptions);
  if (!opener.ok()) return false;
  const std::uint64_t last = opener->segment_count() - 1;
  const ByteSpan segment = bytes.subspan(opener->SegmentOffset(last), opener->SegmentBytes(last));
  Bytes out(segment.size() - kSegmentOverhead);
  return opener->OpenSegment(last, segment, absl::MakeSpan(out)).ok();
}

bool HasFlag(const nlohmann::json& test, const char* flag) {
  const auto& flags = test.at("flags");
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

TEST_F(PublishedVectors, OfChunkDefectsAreRefusedInStreams) {
  // A class of defects that is not looked at below must not pass unseen.
  const std::set<std::string> known_flags = {
      "ChunkReordering",    "CounterRollover",  "HeaderFailure", "InvalidKeySize",
      "ModifiedCiphertext", "PartialPlaintext", "TrailingData",  "Truncation",
      "ValidFinalChunk",    "WrongContext",     "WrongKey"};
  std::set<std::string> seen;
  ForEachTest("c2sp_chunked_encryption_aes_128_gcm_test.json", [&](const auto&, const auto& test) {
    for (const auto& flag : test.at("flags")) {
      EXPECT_EQ(known_flags.count(flag.template get<std::string>()), 1u) << flag;
    }
    const std::string comment = test.at("comment");
    const auto* const defect =
        std::find_if(std::begin(kDefects), std::end(kDefects),
                     [&](const Defect& known) { return comment == known.comment; });
    ASSERT_NE(defect, std::end(kDefects)) << "no stream has been given this defect";
    seen.insert(comment);
    const Stream stream = defect->make();

    const std::size_t may_release = test.value("msgLength", std::size_t{0});
    const Reading reading = ReadInOrder(stream);
    EXPECT_EQ(reading.status.ok(), IsValid(test)) << reading.status;
    EXPECT_EQ(reading.full_segments, may_release / kChunkBytes);
    EXPECT_EQ(reading.rest_bytes, may_release % kChunkBytes);
    if (HasFlag(test, "HeaderFailure")) {
      EXPECT_EQ(reading.full_segments, 0u);
    }

    EXPECT_EQ(LastSegmentOpens(stream), IsValid(test) || HasFlag(test, "ValidFinalChunk"));

    absl::StatusOr<Dek> key = Dek::FromBytes(SecretOf(stream.key_bytes));
    if (!key.ok()) {
      EXPECT_TRUE(HasFlag(test, "InvalidKeySize"));
      return;
    }
    const absl::StatusOr<SecretBytes> whole =
        OpenStream(*key, stream.context, stream.bytes, kOptions);
    EXPECT_EQ(whole.ok(), IsValid(test));
    EXPECT_EQ(absl::IsDataLoss(whole.status()), !IsValid(test));
  });
  EXPECT_EQ(seen.size(), std::size(kDefects));
}

}  // namespace
}  // namespace sealtrain::crypto
