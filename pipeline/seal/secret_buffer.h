// A growing run of plaintext in secret memory.
#ifndef SEALTRAIN_PIPELINE_SEAL_SECRET_BUFFER_H_
#define SEALTRAIN_PIPELINE_SEAL_SECRET_BUFFER_H_

#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::pipeline {

// Move-only. What it outgrows, drops or leaves behind is wiped.
// Not thread-safe.
class SecretBuffer {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  ByteSpan span() const { return memory_.span().first(size_); }
  MutableByteSpan mutable_span() { return memory_.mutable_span().first(size_); }

  // Unavailable: no memory; the contents are as before.
  absl::Status Append(ByteSpan bytes) {
    if (bytes.size() > memory_.size() - size_) {
      if (absl::Status s = Grow(bytes.size()); !s.ok()) return s;
    }
    // memcpy must not see the null pointer of an empty span.
    if (!bytes.empty())
      std::memcpy(memory_.mutable_span().data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
    return absl::OkStatus();
  }
  template <typename T>
  absl::Status AppendNumber(T number) {
    return Append(ByteSpan(reinterpret_cast<const std::uint8_t*>(&number), sizeof(number)));
  }
  // Appends zero bytes until the size is a multiple of `alignment`, at most 64.
  absl::Status AlignTo(std::size_t alignment);
  // Makes the size `size`, wiping what is cut off; new bytes are zero.
  absl::Status Resize(std::size_t size);
  // Wipes the contents and keeps the memory for new ones.
  void Clear() { Truncate(0); }
  // Cuts down to `size` <= size(), wiping the rest.
  void Truncate(std::size_t size);

 private:
  absl::Status Grow(std::size_t more);

  crypto::SecretBytes memory_;  // its size is the capacity; zero behind size_
  std::size_t size_ = 0;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SEAL_SECRET_BUFFER_H_
