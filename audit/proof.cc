#include "sealtrain/audit/proof.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/numeric/bits.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

constexpr char kProofHeader[] = "c2sp.org/tlog-proof@v1";
constexpr std::size_t kMaxProofHashes = 63;  // sizes are below 2^63

// The leaves [begin, end). Proofs recurse over ranges whose size RFC 6962
// splits at the largest power of two below it.
struct Range {
  std::uint64_t begin;
  std::uint64_t end;

  std::uint64_t size() const { return end - begin; }
  bool perfect() const { return absl::has_single_bit(size()); }
  std::uint64_t middle() const { return begin + absl::bit_floor(size() - 1); }
  Range left() const { return {begin, middle()}; }
  Range right() const { return {middle(), end}; }
};

// A range of this recursion starts at a multiple of its perfect subtrees' size.
absl::StatusOr<Digest> RangeRoot(Range range, SubtreeHash subtree_hash) {
  if (range.perfect()) {
    const int height = absl::countr_zero(range.size());
    return subtree_hash(height, range.begin >> height);
  }
  ST_ASSIGN_OR_RETURN(const Digest left, RangeRoot(range.left(), subtree_hash));
  ST_ASSIGN_OR_RETURN(const Digest right, RangeRoot(range.right(), subtree_hash));
  return crypto::MerkleNodeHash(left, right);
}

// PATH(index, D[range]) of RFC 6962 section 2.1.1.
absl::Status AppendPath(std::uint64_t index, Range range, SubtreeHash subtree_hash,
                        ProofHashes& path) {
  if (range.size() == 1) return absl::OkStatus();
  const bool in_left = index < range.middle();
  ST_RETURN_IF_ERROR(AppendPath(index, in_left ? range.left() : range.right(), subtree_hash, path));
  ST_ASSIGN_OR_RETURN(const Digest sibling,
                      RangeRoot(in_left ? range.right() : range.left(), subtree_hash));
  path.push_back(sibling);
  return absl::OkStatus();
}

// SUBPROOF(old_size, D[range], whole) of section 2.1.2. `whole`: the old tree
// is still all of the range's left part, so the verifier knows its root.
absl::Status AppendSubproof(std::uint64_t old_size, Range range, bool whole,
                            SubtreeHash subtree_hash, ProofHashes& proof) {
  if (old_size == range.end) {
    if (whole) return absl::OkStatus();
    ST_ASSIGN_OR_RETURN(const Digest root, RangeRoot(range, subtree_hash));
    proof.push_back(root);
    return absl::OkStatus();
  }
  const bool in_left = old_size <= range.middle();
  ST_RETURN_IF_ERROR(AppendSubproof(old_size, in_left ? range.left() : range.right(),
                                    whole && in_left, subtree_hash, proof));
  ST_ASSIGN_OR_RETURN(const Digest sibling,
                      RangeRoot(in_left ? range.right() : range.left(), subtree_hash));
  proof.push_back(sibling);
  return absl::OkStatus();
}

absl::Status WrongProof() { return absl::DataLossError("the proof does not lead to the root"); }

}  // namespace

absl::StatusOr<Digest> RootOf(std::uint64_t size, SubtreeHash subtree_hash) {
  if (size == 0) return absl::OutOfRangeError("no leaves");
  return RangeRoot({0, size}, subtree_hash);
}

absl::StatusOr<ProofHashes> ProveInclusion(std::uint64_t index, std::uint64_t size,
                                           SubtreeHash subtree_hash) {
  if (index >= size) {
    return absl::OutOfRangeError(absl::StrCat("no entry ", index, " in a log of size ", size));
  }
  ProofHashes path;
  ST_RETURN_IF_ERROR(AppendPath(index, {0, size}, subtree_hash, path));
  return path;
}

// RFC 9162 section 2.1.3.2. `node` and `last` are the positions of the path and
// of the tree's last node in the row that `hash` has reached.
absl::Status VerifyInclusion(std::uint64_t index, std::uint64_t size, const Digest& leaf_hash,
                             absl::Span<const Digest> proof, const Digest& root) {
  if (index >= size) return WrongProof();
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  Digest hash = leaf_hash;
  for (const Digest& sibling : proof) {
    if (last == 0) return WrongProof();
    if ((node & 1) != 0 || node == last) {
      hash = crypto::MerkleNodeHash(sibling, hash);
      // A last node without a sibling goes up unhashed.
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = crypto::MerkleNodeHash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0 || hash != root) return WrongProof();
  return absl::OkStatus();
}

absl::StatusOr<ProofHashes> ProveConsistency(std::uint64_t old_size, std::uint64_t new_size,
                                             SubtreeHash subtree_hash) {
  if (old_size == 0 || old_size > new_size) {
    return absl::OutOfRangeError(
        absl::StrCat("no consistency proof from size ", old_size, " to ", new_size));
  }
  ProofHashes proof;
  ST_RETURN_IF_ERROR(AppendSubproof(old_size, {0, new_size}, /*whole=*/true, subtree_hash, proof));
  return proof;
}

// RFC 9162 section 2.1.4.2.
absl::Status VerifyConsistency(std::uint64_t old_size, const Digest& old_root,
                               std::uint64_t new_size, const Digest& new_root,
                               absl::Span<const Digest> proof) {
  if (old_size == 0 || old_size > new_size) return WrongProof();
  if (old_size == new_size) {
    return proof.empty() && old_root == new_root ? absl::OkStatus() : WrongProof();
  }
  std::uint64_t node = old_size - 1;
  std::uint64_t last = new_size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  // An old tree that is a perfect subtree has its root for a start, and the
  // proof leaves it out.
  Digest from_old = old_root;
  if (!absl::has_single_bit(old_size)) {
    if (proof.empty()) return WrongProof();
    from_old = proof[0];
    proof.remove_prefix(1);
  }
  Digest from_new = from_old;
  for (const Digest& sibling : proof) {
    if (last == 0) return WrongProof();
    if ((node & 1) != 0 || node == last) {
      from_old = crypto::MerkleNodeHash(sibling, from_old);
      from_new = crypto::MerkleNodeHash(sibling, from_new);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      from_new = crypto::MerkleNodeHash(from_new, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0 || from_old != old_root || from_new != new_root) return WrongProof();
  return absl::OkStatus();
}

std::string FormatTlogProof(const TlogProof& proof) {
  std::string text = absl::StrCat(kProofHeader, "\n");
  if (!proof.extra.empty()) absl::StrAppend(&text, "extra ", EncodeBase64(proof.extra), "\n");
  absl::StrAppend(&text, "index ", proof.index, "\n");
  for (const Digest& hash : proof.hashes) absl::StrAppend(&text, EncodeBase64(hash), "\n");
  absl::StrAppend(&text, "\n", proof.checkpoint_note);
  return text;
}

absl::StatusOr<TlogProof> ParseTlogProof(absl::string_view text) {
  const auto malformed = [](absl::string_view what) {
    return absl::DataLossError(absl::StrCat("malformed tlog-proof: ", what));
  };
  // The checkpoint follows the first empty line; it has one of its own.
  const std::size_t separator = text.find("\n\n");
  if (separator == absl::string_view::npos) return malformed("no checkpoint");
  std::vector<absl::string_view> lines = absl::StrSplit(text.substr(0, separator), '\n');
  std::reverse(lines.begin(), lines.end());
  const auto take_field = [&](absl::string_view prefix) -> std::optional<absl::string_view> {
    if (lines.empty() || !absl::StartsWith(lines.back(), prefix)) return std::nullopt;
    const absl::string_view field = absl::StripPrefix(lines.back(), prefix);
    lines.pop_back();
    return field;
  };

  TlogProof proof;
  const auto header = take_field(kProofHeader);
  if (!header || !header->empty()) return malformed("another first line");
  if (const auto extra = take_field("extra ")) {
    auto bytes = DecodeBase64(*extra);
    if (!bytes || bytes->empty()) return malformed("bad extra data");
    proof.extra = *std::move(bytes);
  }
  const auto index = DecodeDecimal(take_field("index ").value_or(""));
  if (!index) return malformed("bad index");
  proof.index = *index;
  while (const auto line = take_field("")) {
    const auto hash = DecodeBase64Digest(*line);
    if (!hash) return malformed("bad hash");
    if (proof.hashes.size() == kMaxProofHashes) return malformed("too many hashes");
    proof.hashes.push_back(*hash);
  }
  proof.checkpoint_note = std::string(text.substr(separator + 2));
  return proof;
}

absl::StatusOr<ProvenEntry> CheckProof(absl::string_view proof, ByteSpan entry,
                                       const std::vector<std::string>& vkeys) {
  ST_ASSIGN_OR_RETURN(const std::vector<VerifierKey> keys, ParseVkeys(vkeys));
  ST_ASSIGN_OR_RETURN(TlogProof parsed, ParseTlogProof(proof));
  ST_ASSIGN_OR_RETURN(SignedCheckpoint verified, VerifyCheckpoint(parsed.checkpoint_note, keys));
  const Checkpoint& checkpoint = verified.checkpoint;
  ST_RETURN_IF_ERROR(VerifyInclusion(parsed.index, checkpoint.size, crypto::MerkleLeafHash(entry),
                                     parsed.hashes, checkpoint.root));
  return ProvenEntry{.index = parsed.index,
                     .checkpoint = std::move(verified.checkpoint),
                     .key = std::move(verified.key),
                     .extra = std::move(parsed.extra)};
}

}  // namespace sealtrain::audit
