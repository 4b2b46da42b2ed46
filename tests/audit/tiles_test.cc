#include "sealtrain/audit/tiles.h"

#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/tree_edge.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;

Digest NumberLeaf(std::uint64_t n) { return crypto::MerkleLeafHash(AsBytes(absl::StrCat(n))); }

TEST(TilePath, FollowsTheSpecification) {
  EXPECT_EQ(TilePath({.level = 0, .index = 0}), "tile/0/000");
  EXPECT_EQ(TilePath({.level = 0, .index = 1234067}), "tile/0/x001/x234/067");
  EXPECT_EQ(TilePath({.level = 2, .index = 999}), "tile/2/999");
  EXPECT_EQ(TilePath({.level = 2, .index = 1000}), "tile/2/x001/000");
  EXPECT_EQ(TilePath({.level = 0, .index = 273, .width = 112}), "tile/0/273.p/112");
  EXPECT_EQ(BundlePath({.index = 1234067, .width = 1}), "tile/entries/x001/x234/067.p/1");
  EXPECT_EQ(BundlePath({.index = 5}), "tile/entries/005");
}

TEST(TileWidth, FollowsTheSpecification) {
  // "A tree of size 70,000 …"
  EXPECT_EQ(HashesAtLevel(70'000, 0) / kTileWidth, 273u);
  EXPECT_EQ(PartialWidth(70'000, 0), 112u);
  EXPECT_EQ(HashesAtLevel(70'000, 1) / kTileWidth, 1u);
  EXPECT_EQ(PartialWidth(70'000, 1), 17u);
  EXPECT_EQ(HashesAtLevel(70'000, 2) / kTileWidth, 0u);
  EXPECT_EQ(PartialWidth(70'000, 2), 1u);
  EXPECT_EQ(PartialWidth(256, 0), 0u);
  EXPECT_EQ(PartialWidth(256, 1), 1u);
}

TEST(Tile, RoundTrips) {
  const std::vector<Digest> hashes = {NumberLeaf(0), NumberLeaf(1), NumberLeaf(2)};
  ASSERT_OK_AND_ASSIGN(const auto parsed, ParseTile(EncodeTile(hashes), 3));
  EXPECT_EQ(parsed, hashes);
}

TEST(Tile, RejectsAnotherWidth) {
  const Bytes bytes = EncodeTile(std::vector<Digest>{NumberLeaf(0), NumberLeaf(1)});
  EXPECT_THAT(ParseTile(bytes, 1), StatusIs(kDataLoss));
  EXPECT_THAT(ParseTile(bytes, 3), StatusIs(kDataLoss));
  EXPECT_THAT(ParseTile(ByteSpan(bytes).first(63), 2), StatusIs(kDataLoss));
}

TEST(BundleBytes, RoundTrip) {
  std::string bundle;
  const std::vector<std::string> entries = {"one", "", std::string(65'535, 'x')};
  for (const std::string& entry : entries) AppendToBundle(entry, bundle);
  EXPECT_EQ(bundle.substr(0, 5), std::string("\0\3one", 5));
  ASSERT_OK_AND_ASSIGN(const auto parsed, ParseBundle(bundle, 3));
  EXPECT_EQ(std::vector<std::string>(parsed.begin(), parsed.end()), entries);
}

TEST(BundleBytes, RejectTruncationAndAnotherNumber) {
  std::string bundle;
  AppendToBundle("one", bundle);
  AppendToBundle("two", bundle);
  EXPECT_OK(ParseBundle(bundle, 2));
  EXPECT_THAT(ParseBundle(bundle, 1), StatusIs(kDataLoss));
  EXPECT_THAT(ParseBundle(bundle, 3), StatusIs(kDataLoss));
  for (std::size_t n = 0; n < bundle.size(); ++n) {
    EXPECT_THAT(ParseBundle(bundle.substr(0, n), 2), StatusIs(kDataLoss)) << n;
  }
  EXPECT_THAT(ParseBundle(bundle + "x", 2), StatusIs(kDataLoss));
}

// The tree's definition, RFC 6962 section 2.1.
Digest NaiveRoot(std::uint64_t begin, std::uint64_t end) {
  if (begin == end) return crypto::Sha256({});
  if (end - begin == 1) return NumberLeaf(begin);
  std::uint64_t split = 1;
  while (2 * split < end - begin) split *= 2;
  return crypto::MerkleNodeHash(NaiveRoot(begin, begin + split), NaiveRoot(begin + split, end));
}

TEST(TreeEdge, HasTheRootOfTheDefinition) {
  TreeEdge edge;
  EXPECT_EQ(edge.Root(), crypto::Sha256({}));
  for (std::uint64_t n = 0; n < 600; ++n) {
    edge.Append(NumberLeaf(n), [](const TileId&, absl::Span<const Digest>) {});
    ASSERT_EQ(edge.size(), n + 1);
    ASSERT_EQ(edge.Root(), NaiveRoot(0, n + 1)) << n;
  }
}

TEST(TreeEdge, HandsOutEachFullTileOnceAndKeepsThePartialOnes) {
  std::map<std::string, std::vector<Digest>> full;
  TreeEdge edge;
  crypto::MerkleAccumulator expected;
  for (std::uint64_t n = 0; n < 70'000; ++n) {
    edge.Append(NumberLeaf(n), [&](const TileId& tile, absl::Span<const Digest> hashes) {
      EXPECT_EQ(hashes.size(), kTileWidth);
      EXPECT_TRUE(
          full.emplace(TilePath(tile), std::vector<Digest>(hashes.begin(), hashes.end())).second);
    });
    expected.Append(NumberLeaf(n));
  }
  EXPECT_EQ(full.size(), 273u + 1u);
  EXPECT_EQ(edge.Root(), expected.Root());
  EXPECT_EQ(full["tile/0/272"][255], NumberLeaf(69'887));
  EXPECT_EQ(full["tile/1/000"][3], PerfectRoot(full["tile/0/003"]));
  EXPECT_EQ(edge.partial_tile(0).size(), 112u);
  EXPECT_EQ(edge.partial_tile(1).size(), 17u);
  ASSERT_EQ(edge.partial_tile(2).size(), 1u);
  EXPECT_EQ(edge.partial_tile(2)[0], PerfectRoot(full["tile/1/000"]));
}

TEST(TreeEdge, GoesOnFromItsPartialTiles) {
  TreeEdge edge;
  const auto ignore = [](const TileId&, absl::Span<const Digest>) {};
  for (std::uint64_t n = 0; n < 1000; ++n) {
    TreeEdge::Tiles tiles;
    for (int level = 0; level < kTileLevels; ++level) {
      tiles[static_cast<std::size_t>(level)] = edge.partial_tile(level);
    }
    TreeEdge restored(tiles);
    ASSERT_EQ(restored.size(), edge.size());
    ASSERT_EQ(restored.Root(), edge.Root());
    edge.Append(NumberLeaf(n), ignore);
    restored.Append(NumberLeaf(n), ignore);
    ASSERT_EQ(restored.Root(), edge.Root()) << n;
  }
}

}  // namespace
}  // namespace sealtrain::audit
