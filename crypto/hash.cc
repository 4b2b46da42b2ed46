#include "sealtrain/crypto/hash.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "sealtrain/crypto/openssl_internal.h"

namespace sealtrain::crypto {
namespace {

constexpr std::uint8_t kLeafPrefix[] = {0x00};
constexpr std::uint8_t kNodePrefix = 0x01;

const EVP_MD* FetchedSha256() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}
const EVP_MD* FetchedSha384() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA384", nullptr);
  return md;
}

// Hashing has no error a caller could handle: it fails only without memory or
// with an OpenSSL that lacks SHA-2, and then nothing we say could be trusted.
template <std::size_t kSize>
std::array<std::uint8_t, kSize> Hash(const EVP_MD* md, std::initializer_list<ByteSpan> parts) {
  // A context costs more than hashing a tree node, so each thread keeps one.
  thread_local const DigestContext context(EVP_MD_CTX_new());
  if (md == nullptr || context == nullptr || EVP_MD_get_size(md) != static_cast<int>(kSize) ||
      EVP_DigestInit_ex2(context.get(), md, nullptr) != 1) {
    std::abort();
  }
  for (ByteSpan part : parts) {
    if (EVP_DigestUpdate(context.get(), part.data(), part.size()) != 1) std::abort();
  }
  std::array<std::uint8_t, kSize> digest;
  if (EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) std::abort();
  return digest;
}

// The root of subtrees with these roots, the largest first, and of what follows them.
Digest Fold(absl::Span<const Digest> peaks, Digest root) {
  for (auto peak = peaks.rbegin(); peak != peaks.rend(); ++peak) {
    root = MerkleNodeHash(*peak, root);
  }
  return root;
}

}  // namespace

Digest Sha256(ByteSpan bytes) { return Hash<32>(FetchedSha256(), {bytes}); }

std::array<std::uint8_t, 48> Sha384(ByteSpan bytes) { return Hash<48>(FetchedSha384(), {bytes}); }

void Sha256Stream::FreeContext::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Sha256Stream::Sha256Stream() : context_(EVP_MD_CTX_new()) {
  if (FetchedSha256() == nullptr || context_ == nullptr ||
      EVP_DigestInit_ex2(context_.get(), FetchedSha256(), nullptr) != 1) {
    std::abort();
  }
}

void Sha256Stream::Append(ByteSpan bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) std::abort();
}

Digest Sha256Stream::Finish() {
  Digest digest;
  if (EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1) std::abort();
  return digest;
}

// In one piece where that is cheap: each further update of OpenSSL takes an eighth of the
// time of a node.

Digest MerkleLeafHash(ByteSpan entry) {
  constexpr std::size_t kShort = 1024;
  if (entry.size() >= kShort) return Hash<32>(FetchedSha256(), {kLeafPrefix, entry});
  std::array<std::uint8_t, kShort> leaf;
  leaf[0] = kLeafPrefix[0];
  std::copy(entry.begin(), entry.end(), leaf.begin() + 1);
  return Hash<32>(FetchedSha256(), {ByteSpan(leaf).first(1 + entry.size())});
}

Digest MerkleNodeHash(const Digest& left, const Digest& right) {
  std::array<std::uint8_t, 1 + 2 * sizeof(Digest)> node = {kNodePrefix};
  std::copy(right.begin(), right.end(), std::copy(left.begin(), left.end(), node.begin() + 1));
  return Hash<32>(FetchedSha256(), {node});
}

void MerkleAccumulator::Append(const Digest& leaf_hash) {
  peaks_.push_back(leaf_hash);
  // Each trailing zero bit of the new size is a pair of equal subtrees to join.
  for (std::uint64_t size = ++size_; size % 2 == 0; size /= 2) {
    const Digest right = peaks_.back();
    peaks_.pop_back();
    peaks_.back() = MerkleNodeHash(peaks_.back(), right);
  }
}

Digest MerkleAccumulator::Root() const {
  if (peaks_.empty()) return Sha256({});
  return Fold(absl::MakeConstSpan(peaks_).first(peaks_.size() - 1), peaks_.back());
}

Digest MerkleAccumulator::RootWith(const Digest& rest) const { return Fold(peaks_, rest); }

}  // namespace sealtrain::crypto
