#include "sealtrain/crypto/sealed_stream.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "sealtrain/crypto/floe_internal.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/child_process.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::StatusIs;
using testing::StatusOfChild;

bool IsWiped(ByteSpan bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// A stream that a program of its own sealed, in another language.
TEST(OpenStream, OpensWhatAnotherImplementationSealed) {
  const Bytes stream = FromHex(
      "00000000002800000020000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fe361e54a"
      "b982de30b589fed749a2e4b241c3a137ad6ea8f4ea918c2c4fb6ca8effffffff000000000000000000000000249c"
      "1a"
      "0d14534d8296001ed21eccb6c1caf632fcea622909ffffffff01010101010101010101010111d4e1b078605eee4d"
      "4a"
      "bc9ebfa47ae2f73653cdedb6110d00000024020202020202020202020202d2d139d8521bb7fad98f691b5b1c9745"
      "1e"
      "fe349e");
  const StreamOptions options = TestSizes(40, 1);
  ASSERT_OK_AND_ASSIGN(SecretBytes opened,
                       OpenStream(KeyOf<Dek>(0), AsBytes("This is AAD"), stream, options));
  EXPECT_EQ(HexEncode(opened.span()), "000102030405060708090a0b0c0d0e0f10111213");
}

class StreamWithOptions : public ::testing::TestWithParam<StreamOptions> {};
INSTANTIATE_TEST_SUITE_P(Options, StreamWithOptions,
                         ::testing::Values(TestSizes(33, 0), TestSizes(40, 1), TestSizes(64),
                                           TestSizes(65, 2)),
                         [](const auto& instance) {
                           return "Segment" + std::to_string(instance.param.segment_bytes);
                         });

TEST_P(StreamWithOptions, RoundTripsEverySizeAroundSegmentEdges) {
  const StreamOptions options = GetParam();
  const Dek key = KeyOf<Dek>(1);
  for (std::size_t size = 0; size <= 5 * options.plaintext_bytes() + 1; ++size) {
    const Bytes plaintext = PseudorandomBytes(size, 7);
    ASSERT_OK_AND_ASSIGN(Bytes stream, SealStream(key, AsBytes("aad"), plaintext, options));
    ASSERT_EQ(stream.size(), SealedSize(size, options));
    ASSERT_OK_AND_ASSIGN(std::uint64_t opened_size, OpenedSize(stream.size(), options));
    ASSERT_EQ(opened_size, size);
    ASSERT_OK_AND_ASSIGN(SecretBytes opened, OpenStream(key, AsBytes("aad"), stream, options));
    ASSERT_EQ(ToBytes(opened.span()), plaintext) << size;
  }
}

TEST(SealStream, RoundTripsEveryLegalSegmentSize) {
  EXPECT_EQ(StreamOptions().plaintext_bytes(), 65504u);
  const Dek key = KeyOf<Dek>(1);
  for (const std::uint32_t segment_bytes : {4u << 10, 64u << 10, 1u << 20}) {
    const StreamOptions options{.segment_bytes = segment_bytes};
    const std::size_t capacity = options.plaintext_bytes();
    for (std::size_t size :
         Sizes{0, 1, capacity - 1, capacity, capacity + 1, 2 * capacity, 4 * capacity + 1234}) {
      const Bytes plaintext = PseudorandomBytes(size, 9);
      ASSERT_OK_AND_ASSIGN(Bytes stream, SealStream(key, {}, plaintext, options));
      ASSERT_OK_AND_ASSIGN(SecretBytes opened, OpenStream(key, {}, stream, options));
      EXPECT_EQ(ToBytes(opened.span()), plaintext) << size << " in " << segment_bytes;
    }
  }
}

// The three ways to open agree, and random access needs no order.
TEST_P(StreamWithOptions, OpensTheSameInOrderAndAtRandom) {
  const StreamOptions options = GetParam();
  const Dek key = KeyOf<Dek>(1);
  const std::size_t capacity = options.plaintext_bytes();
  for (std::size_t size : Sizes{0, capacity, 7 * capacity + 1, 9 * capacity - 1}) {
    const Bytes plaintext = PseudorandomBytes(size, 11);
    ASSERT_OK_AND_ASSIGN(Bytes stream, SealStream(key, {}, plaintext, options));
    const ByteSpan header = ByteSpan(stream).first(kStreamHeaderBytes);
    ASSERT_OK_AND_ASSIGN(StreamOpener in_order, StreamOpener::Create(key, {}, header, options));
    ASSERT_OK_AND_ASSIGN(SegmentOpener at_random,
                         SegmentOpener::Create(key, {}, header, stream.size(), options));
    const auto segment = [&](std::uint64_t position) {
      return ByteSpan(stream).subspan(at_random.SegmentOffset(position),
                                      at_random.SegmentBytes(position));
    };
    std::vector<Bytes> opened;
    for (std::uint64_t position = 0; position < at_random.segment_count(); ++position) {
      EXPECT_FALSE(in_order.finished());
      Bytes out(segment(position).size() - kSegmentOverhead);
      ASSERT_OK(in_order.OpenSegment(segment(position), absl::MakeSpan(out)));
      opened.push_back(out);
    }
    EXPECT_TRUE(in_order.finished());
    Bytes joined;
    for (const Bytes& part : opened) joined.insert(joined.end(), part.begin(), part.end());
    EXPECT_EQ(joined, plaintext);
    for (std::uint64_t i = at_random.segment_count(); i-- > 0;) {
      const std::uint64_t position = i * 5 % at_random.segment_count();
      Bytes out(segment(position).size() - kSegmentOverhead);
      ASSERT_OK(at_random.OpenSegment(position, segment(position), absl::MakeSpan(out)));
      EXPECT_EQ(out, opened[position]);
    }
  }
}

TEST(SegmentOpener, WorksBesideOthersOverTheSameStream) {
  const Dek key = KeyOf<Dek>(1);
  const Bytes plaintext = PseudorandomBytes(8 * 500, 13);
  ASSERT_OK_AND_ASSIGN(const Bytes stream, SealStream(key, {}, plaintext, TestSizes(40, 3)));
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < wrong.size(); ++thread) {
    threads.emplace_back([&, thread] {
      const ByteSpan header = ByteSpan(stream).first(kStreamHeaderBytes);
      SegmentOpener opener =
          SegmentOpener::Create(key, {}, header, stream.size(), TestSizes(40, 3)).value();
      for (std::uint64_t i = 0; i < 500; ++i) {
        const std::uint64_t position = (i * 37 + thread) % 500;
        Bytes out(8);
        const absl::Status opened = opener.OpenSegment(
            position, ByteSpan(stream).subspan(opener.SegmentOffset(position), 40),
            absl::MakeSpan(out));
        const auto expected = ByteSpan(plaintext).subspan(8 * position, 8);
        wrong[thread] += opened.ok() && ByteSpan(out) == expected ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(StreamSealer, MayEndWithAnEmptyFinalSegment) {
  const Dek key = KeyOf<Dek>(1);
  ASSERT_OK_AND_ASSIGN(StreamSealer sealer, StreamSealer::Create(key, {}, kTiny));
  Bytes stream = ToBytes(sealer.header());
  stream.resize(kStreamHeaderBytes + 40 + 32);
  const MutableByteSpan body = absl::MakeSpan(stream).subspan(kStreamHeaderBytes);
  ASSERT_OK(sealer.SealSegment(AsBytes("12345678"), body.first(40)));
  ASSERT_OK(sealer.SealFinalSegment({}, body.subspan(40)));
  ASSERT_OK_AND_ASSIGN(SecretBytes opened, OpenStream(key, {}, stream, kTiny));
  EXPECT_EQ(AsText(opened.span()), "12345678");
}

TEST(StreamSealer, SealsNothingAfterTheFinalSegment) {
  ASSERT_OK_AND_ASSIGN(StreamSealer sealer, StreamSealer::Create(KeyOf<Dek>(1), {}, kTiny));
  Bytes out(40, 0xAA);
  ASSERT_OK(sealer.SealFinalSegment(Bytes(8), absl::MakeSpan(out)));
  EXPECT_THAT(sealer.SealFinalSegment(Bytes(8), absl::MakeSpan(out)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(IsWiped(out));
  out.assign(40, 0xAA);
  EXPECT_THAT(sealer.SealSegment(Bytes(8), absl::MakeSpan(out)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(IsWiped(out));
}

TEST(StreamSealer, RefusesWrongSizesAndGoesOn) {
  const Dek key = KeyOf<Dek>(1);
  ASSERT_OK_AND_ASSIGN(StreamSealer sealer, StreamSealer::Create(key, {}, kTiny));
  const absl::StatusCode invalid = absl::StatusCode::kInvalidArgument;
  for (std::size_t size : Sizes{0, 7, 9}) {
    Bytes out(size + kSegmentOverhead, 0xAA);
    EXPECT_THAT(sealer.SealSegment(Bytes(size), absl::MakeSpan(out)), StatusIs(invalid)) << size;
    EXPECT_TRUE(IsWiped(out));
  }
  for (std::size_t size : Sizes{39, 41}) {
    Bytes out(size, 0xAA);
    EXPECT_THAT(sealer.SealSegment(Bytes(8), absl::MakeSpan(out)), StatusIs(invalid));
    EXPECT_THAT(sealer.SealFinalSegment(Bytes(8), absl::MakeSpan(out)), StatusIs(invalid));
  }
  Bytes out(41);
  EXPECT_THAT(sealer.SealFinalSegment(Bytes(9), absl::MakeSpan(out)), StatusIs(invalid));

  Bytes stream = ToBytes(sealer.header());
  stream.resize(kStreamHeaderBytes + 40);
  ASSERT_OK(sealer.SealFinalSegment(AsBytes("12345678"),
                                    absl::MakeSpan(stream).subspan(kStreamHeaderBytes)));
  EXPECT_OK(OpenStream(key, {}, stream, kTiny)) << "refused segments took no position";
}

TEST(StreamSealer, NeverDrawsTheSameNonceOrIvTwice) {
  constexpr StreamOptions kOptions = TestSizes(33);
  const Dek key = KeyOf<Dek>(1);
  std::set<Bytes> nonces;
  ASSERT_OK_AND_ASSIGN(StreamSealer sealer, StreamSealer::Create(key, {}, kOptions));
  Bytes out(33);
  for (int i = 0; i < 50000; ++i) {
    ASSERT_OK(sealer.SealSegment(Bytes(1), absl::MakeSpan(out)));
    nonces.insert(Bytes(out.begin() + 4, out.begin() + 16));
  }
  EXPECT_EQ(nonces.size(), 50000u);
  std::set<Bytes> headers;
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK_AND_ASSIGN(StreamSealer other, StreamSealer::Create(key, {}, kOptions));
    headers.insert(ToBytes(other.header().subspan(10, 32)));
  }
  EXPECT_EQ(headers.size(), 100u);
}

TEST(StreamSealer, DrawsAnotherIvInAForkedChild) {
  // Whatever state there is, both inherit; the key, of which the child has none,
  // each makes for itself.
  ASSERT_OK(StreamSealer::Create(KeyOf<Dek>(1), {}));
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    absl::StatusOr<StreamSealer> sealer = StreamSealer::Create(KeyOf<Dek>(1), {});
    const bool ok = sealer.ok() && ::write(fds[1], sealer->header().data(), kStreamHeaderBytes) ==
                                       static_cast<ssize_t>(kStreamHeaderBytes);
    ::_exit(ok ? 0 : 1);
  }
  ::close(fds[1]);
  ASSERT_OK_AND_ASSIGN(StreamSealer sealer, StreamSealer::Create(KeyOf<Dek>(1), {}));
  Bytes header(kStreamHeaderBytes);
  EXPECT_EQ(::read(fds[0], header.data(), header.size()), static_cast<ssize_t>(header.size()));
  EXPECT_NE(header, ToBytes(sealer.header()));
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ::close(fds[0]);
}

// What the parent has begun, only the parent goes on with: a child could not
// know which segments are sealed by now, and does not have the message key.
TEST(StreamSealer, DoesNotGoOnInAForkedChild) {
  const Dek key = KeyOf<Dek>(1);
  ASSERT_OK_AND_ASSIGN(StreamSealer sealer, StreamSealer::Create(key, {}, kTiny));
  Bytes stream = ToBytes(sealer.header());
  stream.resize(kStreamHeaderBytes + 2 * 40);
  const MutableByteSpan body = absl::MakeSpan(stream).subspan(kStreamHeaderBytes);
  ASSERT_OK(sealer.SealSegment(AsBytes("12345678"), body.first(40)));
  ASSERT_OK_AND_ASSIGN(
      StreamOpener opener,
      StreamOpener::Create(key, {}, ByteSpan(stream).first(kStreamHeaderBytes), kTiny));
  EXPECT_EQ(StatusOfChild([&] {
              Bytes out(40, 0xAA);
              const absl::Status sealed = sealer.SealSegment(Bytes(8), absl::MakeSpan(out));
              Bytes opened(8, 0xAA);
              const absl::Status open = opener.OpenSegment(body.first(40), absl::MakeSpan(opened));
              ::_exit(absl::IsFailedPrecondition(sealed) && IsWiped(out) &&
                              absl::IsFailedPrecondition(open) && IsWiped(opened)
                          ? 0
                          : 1);
            }),
            0);
  ASSERT_OK(sealer.SealFinalSegment(AsBytes("abcdefgh"), body.subspan(40)));
  EXPECT_OK(OpenStream(key, {}, stream, kTiny));
}

// No handler runs in such a child, and it has the parent's cipher: what it has not
// are the nonces that the parent drew.
TEST(StreamSealer, DoesNotGoOnInAChildThatNobodyToldOfTheFork) {
  ASSERT_OK_AND_ASSIGN(StreamSealer sealer, StreamSealer::Create(KeyOf<Dek>(1), {}, kTiny));
  Bytes out(40);
  // The draws are of two, then of four: some are left.
  for (int i = 0; i < 3; ++i) ASSERT_OK(sealer.SealSegment(Bytes(8), absl::MakeSpan(out)));
  const int status = StatusOfChild(
      [&] {
        const absl::Status sealed = sealer.SealSegment(Bytes(8), absl::MakeSpan(out));
        ::_exit(absl::IsFailedPrecondition(sealed) && IsWiped(out) ? 0 : 1);
      },
      &::_Fork);
  EXPECT_EQ(status, 0);
  EXPECT_OK(sealer.SealSegment(Bytes(8), absl::MakeSpan(out)));
}

TEST(StreamSealer, SealsNoMoreStreamsThanItsKeyMay) {
  const Dek key = KeyOf<Dek>(1);
  ASSERT_OK(key.CountSeals(kMaxSealsPerKey - 2));
  ASSERT_OK_AND_ASSIGN(Bytes stream, SealStream(key, {}, AsBytes("x")));
  EXPECT_OK(StreamSealer::Create(key, {}).status());
  EXPECT_THAT(StreamSealer::Create(key, {}).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(SealStream(key, {}, AsBytes("x")), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(OpenStream(key, {}, stream)) << "what is sealed opens for ever";
}

TEST(StreamSealer, SealsNoMoreSegmentsThanAStreamMayHave) {
  const Dek key = KeyOf<Dek>(1);
  StreamOptions options = kTiny;
  options.max_segments = 3;
  Bytes out(40, 0xAA);
  const MutableByteSpan span = absl::MakeSpan(out);
  ASSERT_OK_AND_ASSIGN(StreamSealer sealer, StreamSealer::Create(key, {}, options));
  ASSERT_OK(sealer.SealSegment(Bytes(8), span));
  ASSERT_OK(sealer.SealSegment(Bytes(8), span));
  EXPECT_THAT(sealer.SealSegment(Bytes(8), span), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_TRUE(IsWiped(out));
  EXPECT_OK(sealer.SealFinalSegment(Bytes(8), span)) << "the last is left to a final segment";
  EXPECT_OK(SealStream(key, {}, Bytes(3 * 8), options));
  EXPECT_THAT(SealStream(key, {}, Bytes(3 * 8 + 1), options),
              StatusIs(absl::StatusCode::kOutOfRange));
}

TEST(StreamOpener, OpensNoMoreSegmentsThanAStreamMayHave) {
  const Dek key = KeyOf<Dek>(1);
  StreamOptions options = kTiny;
  options.max_segments = 3;
  ASSERT_OK_AND_ASSIGN(Bytes three, SealStream(key, {}, Bytes(3 * 8), kTiny));
  ASSERT_OK_AND_ASSIGN(Bytes four, SealStream(key, {}, Bytes(4 * 8), kTiny));
  EXPECT_OK(OpenStream(key, {}, three, options));
  EXPECT_THAT(OpenStream(key, {}, four, options), StatusIs(absl::StatusCode::kDataLoss));
  const ByteSpan header = ByteSpan(four).first(kStreamHeaderBytes);
  EXPECT_THAT(SegmentOpener::Create(key, {}, header, four.size(), options).status(),
              StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_OK_AND_ASSIGN(StreamOpener in_order, StreamOpener::Create(key, {}, header, options));
  Bytes out(8);
  for (int i = 0; i < 4; ++i) {
    const absl::Status opened = in_order.OpenSegment(
        ByteSpan(four).subspan(kStreamHeaderBytes + 40 * static_cast<std::size_t>(i), 40),
        absl::MakeSpan(out));
    EXPECT_THAT(opened, StatusIs(i < 2 ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss)) << i;
  }
}

TEST(StreamSealer, ChangesItsKeyEveryRotation) {
  const Dek key = KeyOf<Dek>(1);
  const StreamOptions rotating = TestSizes(40, 1);
  ASSERT_OK_AND_ASSIGN(Bytes stream, SealStream(key, {}, Bytes(8 * 5), rotating));
  ASSERT_OK_AND_ASSIGN(
      StreamOpener opener,
      StreamOpener::Create(key, {}, ByteSpan(stream).first(kStreamHeaderBytes), kTiny));
  Bytes out(8);
  const auto segment = [&](std::size_t i) {
    return ByteSpan(stream).subspan(kStreamHeaderBytes + 40 * i, 40);
  };
  EXPECT_OK(opener.OpenSegment(segment(0), absl::MakeSpan(out)));
  EXPECT_OK(opener.OpenSegment(segment(1), absl::MakeSpan(out)));
  EXPECT_THAT(opener.OpenSegment(segment(2), absl::MakeSpan(out)),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(StreamOptions, AreCheckedEverywhere) {
  const Dek key = KeyOf<Dek>(1);
  const Bytes header(kStreamHeaderBytes);
  for (const StreamOptions& options :
       {StreamOptions{.segment_bytes = 0}, StreamOptions{.segment_bytes = 40},
        StreamOptions{.segment_bytes = 65535}, StreamOptions{.segment_bytes = 128 << 10},
        StreamOptions{.segment_bytes = 1 << 24}, StreamOptions{.rotation_bits = 19},
        StreamOptions{.rotation_bits = 21}, StreamOptions{.max_segments = 0},
        StreamOptions{.max_segments = kMaxSegments + 1}, TestSizes(0), TestSizes(32),
        TestSizes((1 << 24) + 1), TestSizes(64, 21), TestSizes(64, 64)}) {
    const absl::StatusCode invalid = absl::StatusCode::kInvalidArgument;
    EXPECT_THAT(StreamSealer::Create(key, {}, options).status(), StatusIs(invalid));
    EXPECT_THAT(StreamOpener::Create(key, {}, header, options).status(), StatusIs(invalid));
    EXPECT_THAT(SegmentOpener::Create(key, {}, header, 106, options).status(), StatusIs(invalid));
    EXPECT_THAT(SealStream(key, {}, {}, options), StatusIs(invalid));
    EXPECT_THAT(OpenStream(key, {}, Bytes(106), options), StatusIs(invalid));
    EXPECT_THAT(SegmentCount(106, options), StatusIs(invalid));
    EXPECT_THAT(OpenedSize(106, options), StatusIs(invalid));
    EXPECT_EQ(SealedSize(1, options), 0u);
  }
  EXPECT_OK(StreamSealer::Create(key, {}, TestSizes(1 << 24)).status());
}

TEST(StreamAad, IsLabelAndHash) {
  const Bytes aad = StreamAad(AsBytes("context"));
  EXPECT_EQ(aad.size(), 18u + 48u);
  EXPECT_EQ(AsText(ByteSpan(aad).first(18)), "sealtrain/stream/1");
  const auto digest = Sha384(AsBytes("context"));
  EXPECT_EQ(ByteSpan(aad).subspan(18), ByteSpan(digest));
}

TEST(StreamSealer, TakesNoLongerAadThanItSays) {
  const Dek key = KeyOf<Dek>(1);
  const Bytes aad(kMaxAadBytes + 1, 7);
  const ByteSpan longest = ByteSpan(aad).first(kMaxAadBytes);
  ASSERT_OK_AND_ASSIGN(Bytes stream, SealStream(key, longest, AsBytes("x")));
  EXPECT_OK(OpenStream(key, longest, stream));
  EXPECT_THAT(SealStream(key, aad, AsBytes("x")), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(OpenStream(key, aad, stream), StatusIs(absl::StatusCode::kInvalidArgument));
}

// By brute force: which sizes does any split into segments give?
TEST(SegmentCount, AcceptsExactlyTheSizesOfStreams) {
  for (std::uint64_t size = 0; size < 74 + 40 * 6; ++size) {
    std::uint64_t expected = 0;
    for (std::uint64_t internal = 0; internal < 7; ++internal) {
      const std::uint64_t rest = size - kStreamHeaderBytes - 40 * internal;
      if (size >= kStreamHeaderBytes + 40 * internal && rest >= 32 && rest <= 40) {
        expected = internal + 1;
      }
    }
    const absl::StatusOr<std::uint64_t> count = SegmentCount(size, kTiny);
    if (expected == 0) {
      EXPECT_THAT(count, StatusIs(absl::StatusCode::kDataLoss)) << size;
    } else {
      ASSERT_OK(count) << size;
      EXPECT_EQ(*count, expected) << size;
      EXPECT_EQ(OpenedSize(size, kTiny).value(), size - kStreamHeaderBytes - 32 * expected);
    }
  }
}

TEST(SegmentCount, StopsAtTheLimitOfFloe) {
  const std::uint64_t largest = kStreamHeaderBytes + kMaxSegments * 40;
  EXPECT_EQ(SegmentCount(largest, kTiny).value(), kMaxSegments);
  EXPECT_THAT(SegmentCount(largest + 32, kTiny), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(SegmentCount(std::numeric_limits<std::uint64_t>::max(), kTiny),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(Floe, KeepsTheLastPositionForAFinalSegment) {
  const Bytes key(32, 1);
  ASSERT_OK_AND_ASSIGN(Floe floe, Floe::StartSealing(key, {}, kTiny));
  Bytes out(40, 0xAA);
  const MutableByteSpan span = absl::MakeSpan(out);
  EXPECT_OK(floe.Seal(kMaxSegments - 2, false, Bytes(8), span));
  EXPECT_THAT(floe.Seal(kMaxSegments - 1, false, Bytes(8), span),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_TRUE(IsWiped(out));
  ASSERT_OK(floe.Seal(kMaxSegments - 1, true, Bytes(8), span));
  Bytes opened(8);
  EXPECT_OK(floe.Open(kMaxSegments - 1, true, out, absl::MakeSpan(opened)));
  EXPECT_THAT(floe.Open(kMaxSegments, true, out, absl::MakeSpan(opened)),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(floe.Seal(kMaxSegments, true, Bytes(8), span),
              StatusIs(absl::StatusCode::kOutOfRange));
}

}  // namespace
}  // namespace sealtrain::crypto
