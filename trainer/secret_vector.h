// A growable array in secret memory: what crypto::SecretBytes is to a buffer,
// this is to a vector. Growing moves the elements into a new buffer and wipes
// the old one.
//
// Elements are plain values. Move-only. Not thread-safe.
#ifndef SEALTRAIN_TRAINER_SECRET_VECTOR_H_
#define SEALTRAIN_TRAINER_SECRET_VECTOR_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <ostream>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::trainer {

template <class T>
class SecretVector {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= crypto::kSecretAlignment);

 public:
  SecretVector() = default;
  SecretVector(SecretVector&& other) noexcept
      : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  SecretVector& operator=(SecretVector&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  // `size` elements of zero bytes.
  static absl::StatusOr<SecretVector> WithSize(std::size_t size) {
    SecretVector vector;
    ST_RETURN_IF_ERROR(vector.Reserve(size));
    vector.size_ = size;
    return vector;
  }

  // Makes room for `capacity` elements in all. Unavailable: no memory.
  absl::Status Reserve(std::size_t capacity) {
    if (capacity <= this->capacity()) return absl::OkStatus();
    if (capacity > kMaxElements) return absl::UnavailableError("no memory for that many values");
    ST_ASSIGN_OR_RETURN(crypto::SecretBytes memory,
                        crypto::SecretBytes::Allocate(capacity * sizeof(T)));
    if (size_ > 0) std::memcpy(memory.mutable_span().data(), data(), size_ * sizeof(T));
    memory_ = std::move(memory);
    return absl::OkStatus();
  }

  absl::Status Append(const T& value) {
    if (size_ == capacity()) {
      const T copy = value;  // it may lie in the buffer that is about to go
      ST_RETURN_IF_ERROR(Reserve(std::max<std::size_t>(64, 2 * size_)));
      data()[size_++] = copy;
    } else {
      data()[size_++] = value;
    }
    return absl::OkStatus();
  }

  // Forgets the elements and keeps the memory.
  void Clear() { size_ = 0; }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }
  absl::Span<T> mutable_span() { return absl::MakeSpan(data(), size_); }
  absl::Span<const T> span() const { return absl::MakeConstSpan(data(), size_); }

  // Whether all of it is in locked pages; true of an empty vector.
  bool locked() const { return memory_.empty() || memory_.locked(); }

  // GoogleTest dumps what it cannot print; this is all it gets to see.
  friend void PrintTo(const SecretVector& vector, std::ostream* os) {
    *os << "<secret, " << vector.size() << " values>";
  }

 private:
  static constexpr std::size_t kMaxElements =
      (std::numeric_limits<std::size_t>::max() / 4) / sizeof(T);

  std::size_t capacity() const { return memory_.size() / sizeof(T); }
  T* data() { return reinterpret_cast<T*>(memory_.mutable_span().data()); }
  const T* data() const { return reinterpret_cast<const T*>(memory_.span().data()); }

  crypto::SecretBytes memory_;
  std::size_t size_ = 0;
};
template <class T>
std::ostream& operator<<(std::ostream&, const SecretVector<T>&) = delete;

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_SECRET_VECTOR_H_
