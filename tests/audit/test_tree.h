// A Merkle tree in memory and its signed checkpoints, for tests of those who see
// a log through these alone.
#ifndef SEALTRAIN_TESTS_AUDIT_TEST_TREE_H_
#define SEALTRAIN_TESTS_AUDIT_TEST_TREE_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_test_util.h"

namespace sealtrain::audit {

class TestTree {
 public:
  // Trees of another `history` differ from entry `fork` on.
  explicit TestTree(std::uint64_t size, const std::string& history = "", std::uint64_t fork = 0) {
    for (std::uint64_t n = 0; n < size; ++n) {
      leaves_.push_back(crypto::MerkleLeafHash(
          AsBytes(absl::StrCat("entry ", n, n < fork ? std::string() : history))));
    }
  }

  Digest Root(std::uint64_t size) const {
    if (size == 0) return crypto::Sha256({});
    return *RootOf(size, [this](int height, std::uint64_t index) { return Hash(height, index); });
  }
  ProofHashes Consistency(std::uint64_t old_size, std::uint64_t size) const {
    if (old_size == 0) return {};
    return *ProveConsistency(
        old_size, size, [this](int height, std::uint64_t index) { return Hash(height, index); });
  }
  Checkpoint At(std::uint64_t size) const {
    return {.origin = kTestOrigin, .size = size, .root = Root(size)};
  }
  std::string NoteAt(std::uint64_t size, std::uint8_t seed = 7) const {
    return *SignCheckpoint(At(size), TestKey(seed));
  }

 private:
  absl::StatusOr<Digest> Hash(int height, std::uint64_t index) const {
    if (height == 0) return leaves_[index];
    return crypto::MerkleNodeHash(*Hash(height - 1, 2 * index), *Hash(height - 1, 2 * index + 1));
  }

  std::vector<Digest> leaves_;
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_TESTS_AUDIT_TEST_TREE_H_
