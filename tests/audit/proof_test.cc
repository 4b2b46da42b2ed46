#include "sealtrain/audit/proof.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;

constexpr std::uint64_t kMaxSize = 70;

std::string EntryText(std::uint64_t n) { return absl::StrCat("entry ", n); }
Digest Leaf(std::uint64_t n) { return crypto::MerkleLeafHash(AsBytes(EntryText(n))); }

absl::StatusOr<Digest> Subtree(int height, std::uint64_t index) {
  if (height == 0) return Leaf(index);
  return crypto::MerkleNodeHash(*Subtree(height - 1, 2 * index),
                                *Subtree(height - 1, 2 * index + 1));
}
Digest Root(std::uint64_t size) { return *RootOf(size, Subtree); }

// Every way to spoil a proof by one hash.
std::vector<ProofHashes> Spoiled(const ProofHashes& proof) {
  std::vector<ProofHashes> all;
  for (std::size_t i = 0; i < proof.size(); ++i) {
    all.push_back(proof);
    all.back()[i][31] ^= 1;
    all.push_back(proof);
    all.back().erase(all.back().begin() + static_cast<std::ptrdiff_t>(i));
    all.push_back(proof);
    all.back().insert(all.back().begin() + static_cast<std::ptrdiff_t>(i), proof[i]);
  }
  all.push_back(proof);
  all.back().push_back(Leaf(0));
  return all;
}

TEST(RootOf, IsTheAccumulatorsRoot) {
  crypto::MerkleAccumulator accumulator;
  for (std::uint64_t size = 1; size <= kMaxSize; ++size) {
    accumulator.Append(Leaf(size - 1));
    EXPECT_EQ(Root(size), accumulator.Root());
  }
  EXPECT_THAT(RootOf(0, Subtree), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST(InclusionProof, HoldsForEveryLeafOfEverySmallTree) {
  for (std::uint64_t size = 1; size <= kMaxSize; ++size) {
    const Digest root = Root(size);
    for (std::uint64_t index = 0; index < size; ++index) {
      ASSERT_OK_AND_ASSIGN(const ProofHashes proof, ProveInclusion(index, size, Subtree));
      ASSERT_OK(VerifyInclusion(index, size, Leaf(index), proof, root));
    }
  }
}

TEST(InclusionProof, HoldsForNothingElse) {
  for (const std::uint64_t size : {1, 2, 3, 7, 8, 13, 64, 70}) {
    const Digest root = Root(size);
    for (std::uint64_t index = 0; index < size; ++index) {
      ASSERT_OK_AND_ASSIGN(const ProofHashes proof, ProveInclusion(index, size, Subtree));
      for (std::uint64_t other = 0; other <= size; ++other) {
        if (other == index) continue;
        EXPECT_FALSE(VerifyInclusion(other, size, Leaf(index), proof, root).ok());
        EXPECT_FALSE(VerifyInclusion(index, size, Leaf(other), proof, root).ok());
      }
      EXPECT_FALSE(VerifyInclusion(index, size, Leaf(index), proof, Root(size + 1)).ok());
      for (const ProofHashes& bad : Spoiled(proof)) {
        EXPECT_THAT(VerifyInclusion(index, size, Leaf(index), bad, root), StatusIs(kDataLoss));
      }
    }
  }
  EXPECT_THAT(ProveInclusion(3, 3, Subtree), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST(ConsistencyProof, HoldsBetweenAllSmallTrees) {
  for (std::uint64_t new_size = 1; new_size <= kMaxSize; ++new_size) {
    for (std::uint64_t old_size = 1; old_size <= new_size; ++old_size) {
      ASSERT_OK_AND_ASSIGN(const ProofHashes proof, ProveConsistency(old_size, new_size, Subtree));
      ASSERT_OK(VerifyConsistency(old_size, Root(old_size), new_size, Root(new_size), proof));
    }
  }
}

TEST(ConsistencyProof, HoldsForNothingElse) {
  for (const std::uint64_t new_size : {1, 2, 3, 6, 7, 8, 13, 33}) {
    for (std::uint64_t old_size = 1; old_size <= new_size; ++old_size) {
      ASSERT_OK_AND_ASSIGN(const ProofHashes proof, ProveConsistency(old_size, new_size, Subtree));
      const Digest old_root = Root(old_size);
      const Digest new_root = Root(new_size);
      for (std::uint64_t other = 1; other <= new_size + 1; ++other) {
        if (other != old_size) {
          EXPECT_FALSE(VerifyConsistency(old_size, Root(other), new_size, new_root, proof).ok());
        }
        if (other != new_size) {
          EXPECT_FALSE(VerifyConsistency(old_size, old_root, new_size, Root(other), proof).ok());
        }
      }
      for (const ProofHashes& bad : Spoiled(proof)) {
        EXPECT_THAT(VerifyConsistency(old_size, old_root, new_size, new_root, bad),
                    StatusIs(kDataLoss))
            << old_size << " " << new_size;
      }
    }
  }
  EXPECT_THAT(ProveConsistency(0, 3, Subtree), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(ProveConsistency(4, 3, Subtree), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(VerifyConsistency(0, Root(1), 1, Root(1), {}), StatusIs(kDataLoss));
}

class TlogProofTest : public ::testing::Test {
 protected:
  std::string Text(std::uint64_t index, std::uint64_t size, Bytes extra = {}) {
    const Checkpoint checkpoint{.origin = kTestOrigin, .size = size, .root = Root(size)};
    return FormatTlogProof({.extra = std::move(extra),
                            .index = index,
                            .hashes = *ProveInclusion(index, size, Subtree),
                            .checkpoint_note = *SignCheckpoint(checkpoint, TestKey())});
  }
  absl::StatusOr<ProvenEntry> Check(const std::string& proof, std::uint64_t n) {
    return CheckProof(proof, AsBytes(EntryText(n)), {FormatVkey(TestVerifier())});
  }
};

TEST_F(TlogProofTest, RoundTrips) {
  for (const std::uint64_t size : {1, 2, 7, 70}) {
    for (std::uint64_t index = 0; index < size; ++index) {
      for (const Bytes& extra : {Bytes{}, Bytes{1, 2, 3}}) {
        const std::string text = Text(index, size, extra);
        ASSERT_OK_AND_ASSIGN(const TlogProof parsed, ParseTlogProof(text));
        EXPECT_EQ(parsed.extra, extra);
        EXPECT_EQ(FormatTlogProof(parsed), text);
        ASSERT_OK_AND_ASSIGN(const ProvenEntry proven, Check(text, index));
        EXPECT_EQ(proven.index, index);
        EXPECT_EQ(proven.checkpoint.size, size);
      }
    }
  }
}

TEST_F(TlogProofTest, LooksLikeTheSpecification) {
  EXPECT_THAT(Text(1, 2, {0xFF}), ::testing::StartsWith(absl::StrCat(
                                      "c2sp.org/tlog-proof@v1\nextra /w==\nindex 1\n",
                                      EncodeBase64(Leaf(0)), "\n\n", kTestOrigin, "\n2\n")));
}

TEST_F(TlogProofTest, RejectsAnotherEntryOrKey) {
  const std::string text = Text(4, 7);
  EXPECT_OK(Check(text, 4));
  EXPECT_THAT(Check(text, 5), StatusIs(kDataLoss));
  EXPECT_THAT(CheckProof(text, AsBytes(EntryText(4)), {FormatVkey(TestVerifier(8))}),
              StatusIs(kDataLoss));
  EXPECT_THAT(CheckProof(text, AsBytes(EntryText(4)), {"no vkey"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(TlogProofTest, RejectsAnyFlippedBitAndTruncation) {
  const std::string text = Text(4, 7);
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(Check(text.substr(0, i), 4).ok()) << i;
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = text;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_FALSE(Check(bad, 4).ok()) << i;
    }
  }
}

TEST_F(TlogProofTest, RejectsOtherForms) {
  const std::string good = Text(1, 2);
  const std::string hash = EncodeBase64(Leaf(0));
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"@v1", "@v2"},
      {"@v1", "@v1 "},
      {"index 1", "index 01"},
      {"index 1", "Index 1"},
      {"index 1\n", ""},
      {"index 1", "index 1\nindex 1"},
      {"index 1", "extra AA\nindex 1"},
      {"index 1", "extra \nindex 1"},
      {"index 1", "index 1\nextra AAAA"},
      {hash, hash + " "},
      {hash, hash.substr(1)}};
  for (const auto& [from, to] : changes) {
    const std::string bad = absl::StrReplaceAll(good, {{from, to}});
    ASSERT_NE(bad, good);
    EXPECT_THAT(Check(bad, 1), StatusIs(kDataLoss)) << bad;
  }
  std::string many = "c2sp.org/tlog-proof@v1\nindex 1\n";
  for (int i = 0; i < 64; ++i) absl::StrAppend(&many, hash, "\n");
  EXPECT_THAT(ParseTlogProof(many + "\n"), StatusIs(kDataLoss));
}

}  // namespace
}  // namespace sealtrain::audit
