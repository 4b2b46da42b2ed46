// Every way to change a sealed stream, tried: all are refused with one message,
// and no unauthentic byte is released.
#include <algorithm>
#include <string>
#include <vector>

#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::StatusIs;

constexpr char kMessage[] = "sealed stream: wrong key, wrong context or changed bytes";
constexpr std::uint8_t kStale = 0xAA;  // what lies in a buffer before

MATCHER(IsTampered, "is the one refusal of tampering") {
  *result_listener << testing::GetStatus(arg);
  return absl::IsDataLoss(testing::GetStatus(arg)) && testing::GetStatus(arg).message() == kMessage;
}

class TamperedStream : public ::testing::Test {
 protected:
  TamperedStream() : stream_(Seal(plaintext_)) {}

  Bytes Seal(ByteSpan plaintext) const { return SealStream(key_, aad_, plaintext, kTiny).value(); }
  absl::StatusOr<SecretBytes> Open(ByteSpan stream) const {
    return OpenStream(key_, aad_, stream, kTiny);
  }
  static Bytes Header(const Bytes& stream) {
    return Bytes(stream.begin(), stream.begin() + kStreamHeaderBytes);
  }
  // The segments as they lie in the stream; the last may be shorter.
  static std::vector<Bytes> Segments(const Bytes& stream) {
    std::vector<Bytes> segments;
    for (ByteSpan rest = ByteSpan(stream).subspan(kStreamHeaderBytes); !rest.empty();) {
      const std::size_t size = std::min<std::size_t>(rest.size(), kTiny.segment_bytes);
      segments.push_back(ToBytes(rest.first(size)));
      rest.remove_prefix(size);
    }
    return segments;
  }
  static Bytes Join(Bytes header, const std::vector<Bytes>& segments) {
    for (const Bytes& segment : segments) {
      header.insert(header.end(), segment.begin(), segment.end());
    }
    return header;
  }
  // What a streaming reader releases before it meets the first refusal. Checks
  // that the refused segment left nothing in the buffer.
  Bytes ReleasedInOrder(const Bytes& stream, bool& finished) const {
    finished = false;
    Bytes released;
    absl::StatusOr<StreamOpener> opener =
        StreamOpener::Create(key_, aad_, ByteSpan(stream).first(kStreamHeaderBytes), kTiny);
    if (!opener.ok()) {
      EXPECT_THAT(opener.status(), IsTampered());
      return released;
    }
    for (const Bytes& segment : Segments(stream)) {
      Bytes out(std::max(segment.size(), kSegmentOverhead) - kSegmentOverhead, kStale);
      absl::Status opened = opener->OpenSegment(segment, absl::MakeSpan(out));
      if (!opened.ok()) {
        EXPECT_EQ(out, Bytes(out.size())) << "a refused segment must leave nothing";
        return released;
      }
      released.insert(released.end(), out.begin(), out.end());
    }
    finished = opener->finished();
    return released;
  }

  const Dek key_ = KeyOf<Dek>(1);
  const Bytes aad_ = {1, 2, 3};
  const Bytes plaintext_ = PseudorandomBytes(20, 5);  // two internal segments and a short one
  const Bytes stream_;
};

TEST_F(TamperedStream, OpensWhileItIsUntouched) {
  ASSERT_OK_AND_ASSIGN(SecretBytes opened, Open(stream_));
  EXPECT_EQ(ToBytes(opened.span()), plaintext_);
  bool finished = false;
  EXPECT_EQ(ReleasedInOrder(stream_, finished), plaintext_);
  EXPECT_TRUE(finished);
}

TEST_F(TamperedStream, IsRefusedForEveryFlippedBit) {
  for (std::size_t bit = 0; bit < stream_.size() * 8; ++bit) {
    Bytes changed = stream_;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1 << bit % 8));
    ASSERT_THAT(Open(changed), IsTampered()) << "bit " << bit;
    // The segments before the flipped one are authentic, and nothing else comes out.
    const std::size_t byte = bit / 8;
    const std::size_t before =
        byte < kStreamHeaderBytes ? 0 : (byte - kStreamHeaderBytes) / kTiny.segment_bytes;
    bool finished = true;
    ASSERT_EQ(ReleasedInOrder(changed, finished),
              Bytes(plaintext_.begin(), plaintext_.begin() + static_cast<long>(8 * before)))
        << "bit " << bit;
    ASSERT_FALSE(finished);
  }
}

TEST_F(TamperedStream, IsRefusedWhenTruncatedAnywhere) {
  for (std::size_t size = 0; size < stream_.size(); ++size) {
    const Bytes cut(stream_.begin(), stream_.begin() + static_cast<long>(size));
    ASSERT_THAT(Open(cut), IsTampered()) << size;
    if (size < kStreamHeaderBytes) {
      EXPECT_THAT(StreamOpener::Create(key_, aad_, cut, kTiny).status(), IsTampered());
      continue;
    }
    bool finished = true;
    const Bytes released = ReleasedInOrder(cut, finished);
    ASSERT_FALSE(finished) << size;
    ASSERT_TRUE(std::equal(released.begin(), released.end(), plaintext_.begin()));
  }
}

TEST_F(TamperedStream, IsRefusedWhenExtended) {
  const std::vector<Bytes> segments = Segments(stream_);
  for (const Bytes& tail : {Bytes(1), Bytes(32), Bytes(40), segments[2], segments[0], stream_}) {
    Bytes longer = stream_;
    longer.insert(longer.end(), tail.begin(), tail.end());
    EXPECT_THAT(Open(longer), IsTampered()) << tail.size() << " bytes more";
  }
}

// With a full last segment, whatever follows begins a segment of its own.
TEST_F(TamperedStream, IsRefusedWhenExtendedAtASegmentEdge) {
  const Bytes aligned = Seal(Bytes(16));
  const std::vector<Bytes> segments = Segments(aligned);
  for (const Bytes& tail : {Bytes(32), Bytes(40), segments[0], segments[1]}) {
    Bytes longer = aligned;
    longer.insert(longer.end(), tail.begin(), tail.end());
    EXPECT_THAT(Open(longer), IsTampered());
  }
}

TEST_F(TamperedStream, IsRefusedWhenReorderedDuplicatedOrThinned) {
  const Bytes stream = Seal(PseudorandomBytes(8 * 4, 6));
  const Bytes header = Header(stream);
  const std::vector<Bytes> s = Segments(stream);
  ASSERT_EQ(s.size(), 4u);
  EXPECT_OK(Open(Join(header, s)));
  const std::vector<std::vector<Bytes>> changes = {{s[1], s[0], s[2], s[3]},
                                                   {s[0], s[2], s[1], s[3]},
                                                   {s[3], s[1], s[2], s[0]},
                                                   {s[0], s[0], s[2], s[3]},
                                                   {s[0], s[0], s[1], s[2], s[3]},
                                                   {s[1], s[2], s[3]},
                                                   {s[0], s[2], s[3]},
                                                   {s[0], s[1], s[3]},
                                                   {s[0], s[1], s[2], s[3], s[3]},
                                                   {s[3]},
                                                   {s[0], s[1], s[2]},
                                                   {}};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_THAT(Open(Join(header, changes[i])), IsTampered()) << "change " << i;
  }
}

// Same key, same AAD, same plaintext: only the IV tells the streams apart.
TEST_F(TamperedStream, IsRefusedWhenSplicedWithAnother) {
  const Bytes other = Seal(plaintext_);
  const std::vector<Bytes> s = Segments(stream_);
  const std::vector<Bytes> o = Segments(other);
  for (std::size_t i = 0; i < s.size(); ++i) {
    std::vector<Bytes> spliced = s;
    spliced[i] = o[i];
    EXPECT_THAT(Open(Join(Header(stream_), spliced)), IsTampered()) << "segment " << i;
  }
  EXPECT_THAT(Open(Join(Header(other), s)), IsTampered());
}

TEST_F(TamperedStream, IsRefusedWhenASegmentIsRelabelled) {
  const Bytes stream = Seal(PseudorandomBytes(16, 6));  // internal and final, both of 40 bytes
  std::vector<Bytes> segments = Segments(stream);
  const Bytes internal = {0xFF, 0xFF, 0xFF, 0xFF};
  const Bytes final_of_40 = {0, 0, 0, 40};
  ASSERT_TRUE(std::equal(internal.begin(), internal.end(), segments[0].begin()));
  ASSERT_TRUE(std::equal(final_of_40.begin(), final_of_40.end(), segments[1].begin()));

  std::vector<Bytes> first_final = {segments[0]};
  std::copy(final_of_40.begin(), final_of_40.end(), first_final[0].begin());
  const Bytes shortened = Join(Header(stream), first_final);
  EXPECT_THAT(Open(shortened), IsTampered());
  bool finished = true;
  EXPECT_TRUE(ReleasedInOrder(shortened, finished).empty());

  std::copy(internal.begin(), internal.end(), segments[1].begin());
  const Bytes open_ended = Join(Header(stream), segments);
  EXPECT_THAT(Open(open_ended), IsTampered());
  EXPECT_EQ(ReleasedInOrder(open_ended, finished).size(), 8u);
  EXPECT_FALSE(finished);
}

TEST_F(TamperedStream, IsRefusedForEveryOtherLengthWord) {
  for (std::uint64_t word : {std::uint64_t{0}, std::uint64_t{31}, std::uint64_t{35},
                             std::uint64_t{37}, std::uint64_t{40}, std::uint64_t{1} << 31,
                             (std::uint64_t{1} << 32) - 2, (std::uint64_t{1} << 32) - 1}) {
    for (std::size_t segment : Sizes{0, 2}) {
      Bytes changed = stream_;
      PutBigEndian(word, 4, absl::MakeSpan(changed).subspan(kStreamHeaderBytes + 40 * segment, 4));
      if (changed == stream_) continue;
      EXPECT_THAT(Open(changed), IsTampered()) << word << " in segment " << segment;
    }
  }
}

TEST_F(TamperedStream, IsRefusedUnderAnotherKeyOrAad) {
  EXPECT_THAT(OpenStream(KeyOf<Dek>(2), aad_, stream_, kTiny), IsTampered());
  for (const Bytes& aad : {Bytes{}, Bytes{1, 2}, Bytes{1, 2, 3, 0}, Bytes{1, 2, 4}}) {
    EXPECT_THAT(OpenStream(key_, aad, stream_, kTiny), IsTampered());
  }
}

TEST_F(TamperedStream, IsRefusedUnderOtherParameters) {
  for (std::uint32_t bytes : {33u, 41u, 64u, 65536u}) {
    EXPECT_THAT(OpenStream(key_, aad_, stream_, TestSizes(bytes)), IsTampered());
  }
}

TEST_F(TamperedStream, GivesNothingToTheSegmentOpenerEither) {
  const ByteSpan header = ByteSpan(stream_).first(kStreamHeaderBytes);
  ASSERT_OK_AND_ASSIGN(SegmentOpener opener,
                       SegmentOpener::Create(key_, aad_, header, stream_.size(), kTiny));
  const std::vector<Bytes> segments = Segments(stream_);
  for (std::uint64_t position = 0; position < segments.size(); ++position) {
    Bytes out(segments[position].size() - kSegmentOverhead);
    for (std::size_t bit = 0; bit < segments[position].size() * 8; ++bit) {
      Bytes changed = segments[position];
      changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1 << bit % 8));
      out.assign(out.size(), kStale);
      ASSERT_THAT(opener.OpenSegment(position, changed, absl::MakeSpan(out)), IsTampered())
          << "bit " << bit << " of segment " << position;
      ASSERT_EQ(out, Bytes(out.size()));
    }
    EXPECT_OK(opener.OpenSegment(position, segments[position], absl::MakeSpan(out)))
        << "a refusal must not spoil the next opening";
  }
  for (std::size_t bit = 0; bit < kStreamHeaderBytes * 8; ++bit) {
    Bytes changed = ToBytes(header);
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1 << bit % 8));
    ASSERT_THAT(SegmentOpener::Create(key_, aad_, changed, stream_.size(), kTiny).status(),
                IsTampered())
        << "bit " << bit;
  }
  Bytes out(8, kStale);
  EXPECT_THAT(opener.OpenSegment(1, segments[0], absl::MakeSpan(out)), IsTampered());
  EXPECT_EQ(out, Bytes(8));
}

// A shorter length from a source that is not authentic: the segment now last is not final.
TEST_F(TamperedStream, GivesNothingForAWrongLength) {
  const ByteSpan header = ByteSpan(stream_).first(kStreamHeaderBytes);
  ASSERT_OK_AND_ASSIGN(SegmentOpener opener,
                       SegmentOpener::Create(key_, aad_, header, kStreamHeaderBytes + 80, kTiny));
  const std::vector<Bytes> segments = Segments(stream_);
  Bytes out(8, kStale);
  EXPECT_OK(opener.OpenSegment(0, segments[0], absl::MakeSpan(out)));
  EXPECT_THAT(opener.OpenSegment(1, segments[1], absl::MakeSpan(out)), IsTampered());
  EXPECT_EQ(out, Bytes(8));
}

TEST_F(TamperedStream, IsToldFromACallersMistake) {
  const ByteSpan header = ByteSpan(stream_).first(kStreamHeaderBytes);
  const std::vector<Bytes> segments = Segments(stream_);
  ASSERT_OK_AND_ASSIGN(SegmentOpener at_random,
                       SegmentOpener::Create(key_, aad_, header, stream_.size(), kTiny));
  Bytes out(8, kStale);
  EXPECT_THAT(at_random.OpenSegment(3, segments[2], absl::MakeSpan(out)),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_EQ(out, Bytes(8));
  out.assign(8, kStale);
  EXPECT_THAT(at_random.OpenSegment(2, segments[0], absl::MakeSpan(out)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(out, Bytes(8));

  ASSERT_OK_AND_ASSIGN(StreamOpener in_order, StreamOpener::Create(key_, aad_, header, kTiny));
  out.assign(9, kStale);
  EXPECT_THAT(in_order.OpenSegment(segments[0], absl::MakeSpan(out)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(out, Bytes(9));
  out.assign(8, kStale);
  for (const Bytes& segment : segments) {
    ASSERT_OK(in_order.OpenSegment(segment,
                                   absl::MakeSpan(out).first(segment.size() - kSegmentOverhead)));
  }
  EXPECT_THAT(in_order.OpenSegment(segments[0], absl::MakeSpan(out)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(out, Bytes(8));
}

}  // namespace
}  // namespace sealtrain::crypto
