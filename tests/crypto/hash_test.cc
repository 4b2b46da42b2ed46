#include "sealtrain/crypto/hash.h"

#include <string>
#include <thread>
#include <vector>

#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

// FIPS 180-4 examples.
TEST(Sha256Stream, HashesPartsLikeTheWhole) {
  Bytes bytes(1000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  for (const std::size_t part : {1, 7, 64, 999, 1000}) {
    Sha256Stream stream;
    for (std::size_t begin = 0; begin < bytes.size(); begin += part) {
      stream.Append(ByteSpan(bytes).subspan(begin, part));
    }
    EXPECT_EQ(stream.Finish(), Sha256(bytes)) << part;
  }
  EXPECT_EQ(Sha256Stream().Finish(), Sha256({}));
}

TEST(Sha256, MatchesKnownAnswers) {
  EXPECT_EQ(HexEncode(Sha256({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexEncode(Sha256(AsBytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha384, MatchesKnownAnswers) {
  EXPECT_EQ(HexEncode(Sha384({})),
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
            "274edebfe76f65fbd51ad2f14898b95b");
  EXPECT_EQ(HexEncode(Sha384(AsBytes("abc"))),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
            "8086072ba1e7cc2358baeca134c825a7");
}

TEST(Sha256, IsTheSameOnEveryThread) {
  const Digest expected = Sha256(AsBytes("abc"));
  std::vector<std::thread> threads;
  std::vector<int> mismatches(4);
  for (int& count : mismatches) {
    threads.emplace_back([&count, &expected] {
      for (int i = 0; i < 1000; ++i) count += Sha256(AsBytes("abc")) == expected ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(mismatches, std::vector<int>(4, 0));
}

TEST(MerkleLeafHash, IsOfAZeroAndTheEntryAtEveryLength) {
  for (const std::size_t size : {0, 1, 63, 64, 1022, 1023, 1024, 1025, 5000}) {
    Bytes whole(1 + size, 'x');
    whole[0] = 0;
    EXPECT_EQ(MerkleLeafHash(ByteSpan(whole).subspan(1)), Sha256(whole)) << size;
  }
}

// The eight leaves of the reference tree of Certificate Transparency and the
// roots over their prefixes.
TEST(MerkleAccumulator, MatchesCertificateTransparency) {
  const std::vector<std::string> leaves = {"",
                                           "00",
                                           "10",
                                           "2021",
                                           "3031",
                                           "40414243",
                                           "5051525354555657",
                                           "606162636465666768696a6b6c6d6e6f"};
  const std::vector<std::string> roots = {
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  MerkleAccumulator tree;
  EXPECT_EQ(HexEncode(tree.Root()), roots[0]);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    tree.Append(MerkleLeafHash(FromHex(leaves[i])));
    EXPECT_EQ(tree.size(), i + 1);
    EXPECT_EQ(HexEncode(tree.Root()), roots[i + 1]) << "of " << i + 1 << " leaves";
  }
}

// RFC 6962 section 2.1 to the letter: split at the largest power of two below n.
Digest NaiveRoot(absl::Span<const Digest> leaves) {
  if (leaves.empty()) return Sha256({});
  if (leaves.size() == 1) return leaves[0];
  std::size_t split = 1;
  while (split * 2 < leaves.size()) split *= 2;
  return MerkleNodeHash(NaiveRoot(leaves.first(split)), NaiveRoot(leaves.subspan(split)));
}

TEST(MerkleAccumulator, AgreesWithTheRecursiveDefinition) {
  std::vector<Digest> leaves;
  MerkleAccumulator tree;
  for (int size = 0; size <= 300; ++size) {
    ASSERT_EQ(tree.Root(), NaiveRoot(leaves)) << "of " << size << " leaves";
    leaves.push_back(MerkleLeafHash(AsBytes(std::to_string(size))));
    tree.Append(leaves.back());
  }
}

// A tree in pieces of four leaves, the last of which has one to four.
TEST(MerkleAccumulator, GoesOnFromTheRootsOfSubtrees) {
  std::vector<Digest> leaves;
  MerkleAccumulator subtrees;
  for (std::size_t size = 1; size <= 100; ++size) {
    leaves.push_back(MerkleLeafHash(AsBytes(std::to_string(size))));
    const absl::Span<const Digest> last = absl::MakeConstSpan(leaves).subspan((size - 1) / 4 * 4);
    ASSERT_EQ(subtrees.RootWith(NaiveRoot(last)), NaiveRoot(leaves)) << "of " << size << " leaves";
    if (size % 4 == 0) subtrees.Append(NaiveRoot(last));
  }
}

TEST(MerkleHashes, KeepLeavesAndNodesApart) {
  const Digest a = Sha256(AsBytes("a"));
  const Digest b = Sha256(AsBytes("b"));
  Bytes both(a.begin(), a.end());
  both.insert(both.end(), b.begin(), b.end());
  EXPECT_NE(MerkleLeafHash(both), MerkleNodeHash(a, b));
  EXPECT_NE(MerkleNodeHash(a, b), MerkleNodeHash(b, a));
}

}  // namespace
}  // namespace sealtrain::crypto
