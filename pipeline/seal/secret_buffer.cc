#include "sealtrain/pipeline/seal/secret_buffer.h"

#include <algorithm>
#include <utility>

#include "sealtrain/base/status_macros.h"

namespace sealtrain::pipeline {
namespace {

// Secret memory comes in whole pages with guards around them, so small
// beginnings only cost system calls.
constexpr std::size_t kSmallest = 4096;

}  // namespace

absl::Status SecretBuffer::AlignTo(std::size_t alignment) {
  const std::size_t over = size_ % alignment;
  return over == 0 ? absl::OkStatus() : Resize(size_ + alignment - over);
}

absl::Status SecretBuffer::Resize(std::size_t size) {
  if (size <= size_) {
    Truncate(size);
    return absl::OkStatus();
  }
  if (size > memory_.size()) ST_RETURN_IF_ERROR(Grow(size - size_));
  size_ = size;  // zero by the invariant
  return absl::OkStatus();
}

void SecretBuffer::Truncate(std::size_t size) {
  crypto::Wipe(memory_.mutable_span().subspan(size, size_ - size));
  size_ = size;
}

absl::Status SecretBuffer::Grow(std::size_t more) {
  const std::size_t capacity = std::max({kSmallest, memory_.size() * 2, size_ + more});
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes larger, crypto::SecretBytes::Allocate(capacity));
  if (size_ > 0) std::memcpy(larger.mutable_span().data(), memory_.span().data(), size_);
  memory_ = std::move(larger);
  return absl::OkStatus();
}

}  // namespace sealtrain::pipeline
