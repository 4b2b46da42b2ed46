// Proofs over the Merkle tree of RFC 6962 (section 2.1.1 and 2.1.2), and the
// text form of an inclusion proof, C2SP tlog-proof.
// docs/formats/audit-log.md, "Proofs".
#ifndef SEALTRAIN_AUDIT_PROOF_H_
#define SEALTRAIN_AUDIT_PROOF_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::audit {

using ProofHashes = std::vector<Digest>;

// Where proofs get their hashes: the root of the perfect subtree over the
// leaves [index << height, (index + 1) << height).
using SubtreeHash = absl::FunctionRef<absl::StatusOr<Digest>(int height, std::uint64_t index)>;

// The root over the first `size` leaves. OutOfRange: `size` is 0.
absl::StatusOr<Digest> RootOf(std::uint64_t size, SubtreeHash subtree_hash);

// That leaf `index` is in the tree of `size` leaves, the leaf's sibling first.
// OutOfRange: index >= size. Else errors of `subtree_hash`.
absl::StatusOr<ProofHashes> ProveInclusion(std::uint64_t index, std::uint64_t size,
                                           SubtreeHash subtree_hash);
// DataLoss: the proof does not lead from the leaf to `root`.
absl::Status VerifyInclusion(std::uint64_t index, std::uint64_t size, const Digest& leaf_hash,
                             absl::Span<const Digest> proof, const Digest& root);

// That the tree of `old_size` leaves is the beginning of that of `new_size`.
// OutOfRange unless 0 < old_size <= new_size. Else errors of `subtree_hash`.
absl::StatusOr<ProofHashes> ProveConsistency(std::uint64_t old_size, std::uint64_t new_size,
                                             SubtreeHash subtree_hash);
// DataLoss: the proof does not connect the roots.
absl::Status VerifyConsistency(std::uint64_t old_size, const Digest& old_root,
                               std::uint64_t new_size, const Digest& new_root,
                               absl::Span<const Digest> proof);

struct TlogProof {
  Bytes extra;  // not authenticated by anything
  std::uint64_t index = 0;
  ProofHashes hashes;
  std::string checkpoint_note;
};

std::string FormatTlogProof(const TlogProof& proof);
// DataLoss: malformed. Nothing is verified, not even that the checkpoint is one.
absl::StatusOr<TlogProof> ParseTlogProof(absl::string_view text);

struct ProvenEntry {
  std::uint64_t index = 0;
  Checkpoint checkpoint;
  VerifierKey key;  // that signed it; of several, the first
  Bytes extra;      // of the proof; not authenticated by anything
};
// Checks offline that `entry` is in the log that has one of the keys `vkeys`: needs
// nothing else. InvalidArgument: malformed vkey. DataLoss: malformed proof, checkpoint
// not signed by such a key, or another entry.
absl::StatusOr<ProvenEntry> CheckProof(absl::string_view proof, ByteSpan entry,
                                       const std::vector<std::string>& vkeys);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_PROOF_H_
