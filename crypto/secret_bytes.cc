#include "sealtrain/crypto/secret_bytes.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/crypto/secret_heap_internal.h"
#include "sealtrain/crypto/sodium_internal.h"

namespace sealtrain::crypto {

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : block_(std::exchange(other.block_, {})), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    Clear();
    block_ = std::exchange(other.block_, {});
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

SecretBytes::~SecretBytes() { Clear(); }

absl::StatusOr<SecretBytes> SecretBytes::Allocate(std::size_t size) {
  SecretBytes secret;
  if (size == 0) return secret;
  ST_ASSIGN_OR_RETURN(secret.block_, SecretHeap::Get().Allocate(size));
  secret.size_ = size;
  return secret;
}

absl::StatusOr<SecretBytes> SecretBytes::CopyFrom(ByteSpan bytes) {
  ST_ASSIGN_OR_RETURN(SecretBytes secret, Allocate(bytes.size()));
  std::copy(bytes.begin(), bytes.end(), secret.mutable_span().begin());
  return secret;
}

absl::StatusOr<SecretBytes> SecretBytes::Random(std::size_t size) {
  ST_ASSIGN_OR_RETURN(SecretBytes secret, Allocate(size));
  ST_RETURN_IF_ERROR(RandomFill(secret.mutable_span()));
  return secret;
}

bool SecretBytes::left_behind() const {
  if (size_ == 0) return false;
  const SecretHeap& heap = SecretHeap::Get();
  return !heap.is_here() || block_.generation != heap.generation();
}

void SecretBytes::Clear() {
  if (size_ == 0) return;
  SecretHeap::Get().Free(block_, size_);
  block_ = {};
  size_ = 0;
}

void PrintTo(const SecretBytes& bytes, std::ostream* os) {
  *os << "<secret, " << bytes.size() << " bytes>";
}

void Wipe(MutableByteSpan bytes) { sodium_memzero(bytes.data(), bytes.size()); }

bool ConstantTimeEqual(ByteSpan a, ByteSpan b) {
  if (a.size() != b.size()) return false;
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace sealtrain::crypto
