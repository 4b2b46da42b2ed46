// What an authenticated but ill-meaning writer could put into a shard: index
// and chunks that open, and lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/open/chunk_view.h"
#include "sealtrain/pipeline/open/shard_index.h"
#include "sealtrain/pipeline/seal/chunk_codec.h"
#include "sealtrain/pipeline/seal/column_builder.h"
#include "sealtrain/pipeline/seal/shard_layout.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::pipeline {
namespace {

using ::sealtrain::testing::StatusIs;

// --- chunks ----------------------------------------------------------------------

absl::Status View(const ChunkShape& shape, const std::string& hex) {
  const std::string bytes = absl::HexStringToBytes(hex);
  const auto raw = crypto::SecretBytes::CopyFrom(AsBytes(bytes));
  return ViewChunk(shape, raw->span()).status();
}

constexpr ChunkShape kText = {.type = ValueType::kBytes, .rows = 2, .values = 2};
constexpr ChunkShape kInts = {.type = ValueType::kInt32, .rows = 2, .values = 2};
constexpr ChunkShape kNullInts = {
    .type = ValueType::kInt32, .has_validity = true, .rows = 2, .values = 2};
constexpr ChunkShape kLists = {.type = ValueType::kInt32, .repeated = true, .rows = 2, .values = 2};

TEST(ViewChunk, AcceptsWhatTheFormatSays) {
  EXPECT_OK(View(kText,
                 "000000000100000003000000"
                 "00000000"
                 "616263"));
  EXPECT_OK(View(kText,
                 "000000000000000000000000"
                 "00000000"));
  EXPECT_OK(View(kInts, "0100000002000000"));
  EXPECT_OK(View(kNullInts,
                 "0300000000000000"
                 "0100000002000000"));
  EXPECT_OK(View(kLists,
                 "000000000200000002000000"
                 "00000000"
                 "0100000002000000"));
}

TEST(ViewChunk, RefusesOffsetsThatLie) {
  const auto refused = [](const ChunkShape& shape, const std::string& hex) {
    EXPECT_THAT(View(shape, hex), StatusIs(absl::StatusCode::kDataLoss)) << hex;
  };
  refused(kText,
          "010000000100000003000000"
          "00000000"
          "616263");  // not from 0
  refused(kText,
          "000000000400000003000000"
          "00000000"
          "616263");  // falls
  refused(kText,
          "000000000100000004000000"
          "00000000"
          "616263");  // past the end
  refused(kText,
          "000000000100000002000000"
          "00000000"
          "616263");  // before the end
  refused(kText,
          "00000000ffffffff03000000"
          "00000000"
          "616263");  // far away
  refused(kText,
          "000000000100000003000000"
          "00000001"
          "616263");                   // padding
  refused(kText, "0000000001000000");  // too short
  refused(kText, "");
  refused(kLists,
          "000000000300000002000000"
          "00000000"
          "0100000002000000");
  refused(kLists,
          "000000000100000001000000"
          "00000000"
          "0100000002000000");
  refused(kLists,
          "000000000200000003000000"
          "00000000"
          "0100000002000000");
}

TEST(ViewChunk, RefusesLengthsThatDoNotFit) {
  EXPECT_THAT(View(kInts, "01000000020000"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(View(kInts, "010000000200000000"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(View(kNullInts, "03000000"), StatusIs(absl::StatusCode::kDataLoss));
  for (const std::uint64_t huge :
       {std::uint64_t{0xffffffff}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    ChunkShape shape = kText;
    shape.rows = shape.values = huge;
    EXPECT_THAT(View(shape, "0000000000000000"), StatusIs(absl::StatusCode::kDataLoss));
    shape = kLists;
    shape.rows = huge;
    EXPECT_THAT(View(shape, "0000000000000000"), StatusIs(absl::StatusCode::kDataLoss));
    shape = kLists;
    shape.values = huge;
    EXPECT_THAT(View(shape,
                     "000000000200000002000000"
                     "00000000"
                     "0100000002000000"),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(ViewChunk, RefusesShapesThatDoNotExist) {
  ChunkShape shape = kInts;
  shape.values = 3;
  EXPECT_THAT(View(shape, "010000000200000003000000"), StatusIs(absl::StatusCode::kDataLoss));
  shape = kLists;
  shape.has_validity = true;
  EXPECT_THAT(View(shape,
                   "0300000000000000"
                   "000000000200000002000000"
                   "00000000"
                   "0100000002000000"),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ViewChunk, RefusesValidityPastTheLastRow) {
  EXPECT_THAT(View(kNullInts,
                   "0700000000000000"
                   "0100000002000000"),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(View(kNullInts,
                   "0300000000000001"
                   "0100000002000000"),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ViewChunk, RefusesBooleansOtherThanTwo) {
  const ChunkShape shape = {.type = ValueType::kBool, .rows = 2, .values = 2};
  EXPECT_OK(View(shape, "0100"));
  EXPECT_THAT(View(shape, "0102"), StatusIs(absl::StatusCode::kDataLoss));
}

// --- the index -------------------------------------------------------------------

class DecodeShardIndexTest : public ::testing::Test {
 protected:
  DecodeShardIndexTest() {
    index_.add_group_rows(2);
    index_.add_group_rows(1);
    for (const char* id : {"1", "2.3"}) {
      ColumnIndex& column = *index_.add_column();
      column.set_id(id);
      column.set_type(ColumnIndex::INT32);
      for (const std::uint32_t rows : {2, 1}) {
        Chunk& chunk = *column.add_chunk();
        chunk.set_stored_bytes(4 * rows);
        chunk.set_raw_bytes(4 * rows);
        chunk.set_values(rows);
        chunk.set_encoding(Chunk::PLAIN);
      }
      column.set_stream_bytes(crypto::SealedSize(PaddedBytes(12)));
    }
    extent_ = {.rows = 3, .stream_bytes = 2 * crypto::SealedSize(PaddedBytes(12))};
  }

  static Bytes Encode(const ShardIndex& index) {
    const std::string encoded = index.SerializeAsString();
    Bytes plaintext;
    AppendBigEndian(encoded.size(), kIndexPrefixBytes, plaintext);
    plaintext.insert(plaintext.end(), encoded.begin(), encoded.end());
    plaintext.resize(PaddedBytes(plaintext.size()));
    return plaintext;
  }
  void ExpectRefused(const char* what, const std::function<void(ShardIndex&)>& change) {
    ShardIndex bad = index_;
    change(bad);
    EXPECT_THAT(DecodeShardIndex(Encode(bad), extent_), StatusIs(absl::StatusCode::kDataLoss))
        << what;
  }

  ShardIndex index_;
  ShardExtent extent_;
};

TEST_F(DecodeShardIndexTest, AcceptsWhatTheFormatSays) {
  EXPECT_OK(DecodeShardIndex(Encode(index_), extent_));
}

TEST_F(DecodeShardIndexTest, RefusesEveryLie) {
  ExpectRefused("an empty row group", [](ShardIndex& i) { i.set_group_rows(0, 0); });
  ExpectRefused("a huge row group", [](ShardIndex& i) { i.set_group_rows(0, (1 << 20) + 1); });
  ExpectRefused("other rows", [](ShardIndex& i) { i.set_group_rows(0, 3); });
  ExpectRefused("no columns", [](ShardIndex& i) { i.clear_column(); });
  ExpectRefused("a column twice", [](ShardIndex& i) { i.mutable_column(1)->set_id("1"); });
  ExpectRefused("no type", [](ShardIndex& i) {
    i.mutable_column(0)->set_type(ColumnIndex::TYPE_UNSPECIFIED);
  });
  ExpectRefused("an unknown type", [](ShardIndex& i) {
    i.mutable_column(0)->set_type(static_cast<ColumnIndex::Type>(9));
  });
  ExpectRefused("a stream too long", [](ShardIndex& i) {
    i.mutable_column(0)->set_stream_bytes(i.column(0).stream_bytes() + 1);
  });
  ExpectRefused("a stream of absurd length",
                [](ShardIndex& i) { i.mutable_column(0)->set_stream_bytes(~std::uint64_t{0}); });
  ExpectRefused("streams that do not fill the file",
                [](ShardIndex& i) { i.mutable_column()->RemoveLast(); });
  ExpectRefused("a chunk missing",
                [](ShardIndex& i) { i.mutable_column(0)->mutable_chunk()->RemoveLast(); });
  ExpectRefused("a chunk too many",
                [](ShardIndex& i) { *i.mutable_column(0)->add_chunk() = i.column(0).chunk(0); });
  const auto with_chunk = [](const std::function<void(Chunk&)>& change) {
    return [change](ShardIndex& i) { change(*i.mutable_column(0)->mutable_chunk(0)); };
  };
  ExpectRefused("no encoding",
                with_chunk([](Chunk& c) { c.set_encoding(Chunk::ENCODING_UNSPECIFIED); }));
  ExpectRefused("an unknown encoding",
                with_chunk([](Chunk& c) { c.set_encoding(static_cast<Chunk::Encoding>(3)); }));
  ExpectRefused("plain but shorter", with_chunk([](Chunk& c) { c.set_raw_bytes(9); }));
  ExpectRefused("past its stream", with_chunk([](Chunk& c) {
                  c.set_stored_bytes(1000);
                  c.set_raw_bytes(1000);
                }));
  ExpectRefused("a sum that overflows", with_chunk([](Chunk& c) {
                  c.set_stored_bytes(~std::uint64_t{0} - 3);
                  c.set_encoding(Chunk::ZSTD);
                }));
  ExpectRefused("shorter than its stream", with_chunk([](Chunk& c) {
                  c.set_stored_bytes(1);
                  c.set_encoding(Chunk::ZSTD);
                }));
  ExpectRefused("a bomb", with_chunk([](Chunk& c) {
                  c.set_raw_bytes(kMaxChunkBytes + 1);
                  c.set_encoding(Chunk::ZSTD);
                }));
  ExpectRefused("values other than rows", with_chunk([](Chunk& c) { c.set_values(3); }));
  ExpectRefused("validity of a repeated column", [](ShardIndex& i) {
    i.mutable_column(0)->set_repeated(true);
    i.mutable_column(0)->mutable_chunk(0)->set_has_validity(true);
  });
  ExpectRefused("an unknown field", [](ShardIndex& i) {
    i.GetReflection()->MutableUnknownFields(&i)->AddVarint(99, 1);
  });
  ExpectRefused("an unknown field deep down", [](ShardIndex& i) {
    Chunk& c = *i.mutable_column(0)->mutable_chunk(0);
    c.GetReflection()->MutableUnknownFields(&c)->AddVarint(99, 1);
  });
}

TEST_F(DecodeShardIndexTest, RefusesALengthThatDoesNotFit) {
  Bytes plaintext = Encode(index_);
  for (const std::uint32_t length :
       {0u, 1u, 0xffffffffu, static_cast<std::uint32_t>(plaintext.size())}) {
    Bytes bad = plaintext;
    PutBigEndian(length, kIndexPrefixBytes, absl::MakeSpan(bad));
    EXPECT_THAT(DecodeShardIndex(bad, extent_), StatusIs(absl::StatusCode::kDataLoss));
  }
  for (std::size_t size = 0; size < 4; ++size) {
    EXPECT_THAT(DecodeShardIndex(ByteSpan(plaintext).first(size), extent_),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  plaintext.push_back(0);
  EXPECT_THAT(DecodeShardIndex(plaintext, extent_), StatusIs(absl::StatusCode::kDataLoss));
}

// --- compression -----------------------------------------------------------------

class ChunkCodecTest : public ::testing::Test {
 protected:
  SecretBuffer Compress(const std::string& text, bool& smaller) {
    SecretBuffer out;
    auto compressor = ChunkCompressor::Create();
    EXPECT_OK(compressor);
    auto result = compressor->Compress(AsBytes(text), out);
    EXPECT_OK(result);
    smaller = *result;
    return out;
  }
};

TEST_F(ChunkCodecTest, RestoresWhatItCompressed) {
  const std::string text(100'000, 'a');
  bool smaller = false;
  const SecretBuffer frame = Compress(text, smaller);
  ASSERT_TRUE(smaller);
  EXPECT_LT(frame.size(), 1000u);
  ASSERT_OK_AND_ASSIGN(auto decompressor, ChunkDecompressor::Create());
  std::string out(text.size(), '\0');
  ASSERT_OK(decompressor.Decompress(
      frame.span(), MutableByteSpan(reinterpret_cast<std::uint8_t*>(out.data()), out.size())));
  EXPECT_EQ(out, text);
}

TEST_F(ChunkCodecTest, KeepsWhatDoesNotShrink) {
  std::string noise(10'000, '\0');
  ASSERT_OK(crypto::RandomFill(
      MutableByteSpan(reinterpret_cast<std::uint8_t*>(noise.data()), noise.size())));
  bool smaller = true;
  Compress(noise, smaller);
  EXPECT_FALSE(smaller);
  Compress(std::string(100, 'a'), smaller);  // too short to be worth it
  EXPECT_FALSE(smaller);
}

TEST_F(ChunkCodecTest, RefusesFramesThatAreNotExactlyTheChunk) {
  bool smaller = false;
  const SecretBuffer frame = Compress(std::string(5000, 'a'), smaller);
  ASSERT_TRUE(smaller);
  ASSERT_OK_AND_ASSIGN(auto decompressor, ChunkDecompressor::Create());
  const auto decompress = [&](ByteSpan bytes, std::size_t size) {
    auto raw = crypto::SecretBytes::Allocate(size);
    EXPECT_OK(raw);
    const absl::Status status = decompressor.Decompress(bytes, raw->mutable_span());
    for (const std::uint8_t byte : raw->span()) EXPECT_TRUE(status.ok() || byte == 0);
    return status;
  };
  EXPECT_OK(decompress(frame.span(), 5000));
  EXPECT_THAT(decompress(frame.span(), 4999), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(decompress(frame.span(), 5001), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(decompress(frame.span(), 0), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(decompress(frame.span().first(frame.size() - 1), 5000),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(decompress({}, 0), StatusIs(absl::StatusCode::kDataLoss));
  Bytes two(frame.span().begin(), frame.span().end());
  two.insert(two.end(), frame.span().begin(), frame.span().end());
  EXPECT_THAT(decompress(two, 10'000), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(decompress(two, 5000), StatusIs(absl::StatusCode::kDataLoss));
}

// --- builders --------------------------------------------------------------------

TEST(ColumnBuilder, ForgetsRowsBehindATruncation) {
  for (const bool repeated : {false, true}) {
    for (const ValueType type : {ValueType::kBytes, ValueType::kInt32}) {
      const ColumnSpec spec = {.id = "1", .name = "c", .type = type, .repeated = repeated};
      ColumnBuilder whole(spec);
      ColumnBuilder cut(spec);
      const auto add = [&](ColumnBuilder& builder, int i) {
        if (!repeated && i % 3 == 0) {
          ASSERT_OK(builder.EndNullRow());
          return;
        }
        for (int v = 0; v < (repeated ? i % 4 : 1); ++v) {
          if (type == ValueType::kBytes) {
            ASSERT_OK(builder.AppendText(std::string(static_cast<std::size_t>(i), 'x')));
          } else {
            ASSERT_OK(builder.AppendNumber(i));
          }
        }
        ASSERT_OK(builder.EndRow());
      };
      for (int keep = 0; keep <= 20; ++keep) {
        whole.Clear();
        cut.Clear();
        for (int i = 0; i < keep; ++i) add(whole, i);
        for (int i = 0; i < 20; ++i) add(cut, i);
        if (type == ValueType::kBytes) {
          ASSERT_OK(cut.AppendText("half a row"));
        } else {
          ASSERT_OK(cut.AppendNumber(7));
        }
        cut.TruncateTo(static_cast<std::uint64_t>(keep));
        // And both go on the same.
        for (int i = 0; i < 5; ++i) {
          add(whole, i + 1);
          add(cut, i + 1);
        }
        SecretBuffer a;
        SecretBuffer b;
        ASSERT_OK(whole.LayOut(a));
        ASSERT_OK(cut.LayOut(b));
        EXPECT_EQ(HexEncode(a.span()), HexEncode(b.span())) << keep;
        EXPECT_EQ(whole.values(), cut.values());
        EXPECT_EQ(whole.has_nulls(), cut.has_nulls());
      }
    }
  }
}

TEST(SecretBuffer, GrowsAndForgets) {
  SecretBuffer buffer;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    ASSERT_OK(buffer.Append(AsBytes("0123456789")));
    expected += "0123456789";
  }
  EXPECT_EQ(std::string(AsText(buffer.span())), expected);
  buffer.Truncate(5);
  ASSERT_OK(buffer.Resize(12));
  EXPECT_EQ(std::string(AsText(buffer.span())), "01234" + std::string(7, '\0'));
  ASSERT_OK(buffer.AlignTo(8));
  EXPECT_EQ(buffer.size(), 16u);
  ASSERT_OK(buffer.AlignTo(8));
  EXPECT_EQ(buffer.size(), 16u);
  ASSERT_OK(buffer.Append({}));
  buffer.Clear();
  EXPECT_TRUE(buffer.empty());
}

}  // namespace
}  // namespace sealtrain::pipeline
