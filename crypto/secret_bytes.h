// Memory for what must not leak: keys and plaintext.
//
// SecretBytes is a fixed-size, move-only buffer in guarded, locked memory that
// is left out of core dumps and is wiped when it goes away. Its contents have
// no way into a stream, a string, a protobuf or a test failure message.
//
// Thread-compatible: const members may be called from several threads.
#ifndef SEALTRAIN_CRYPTO_SECRET_BYTES_H_
#define SEALTRAIN_CRYPTO_SECRET_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <iosfwd>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::crypto {

// Where the contents of every SecretBytes start: a multiple of this address,
// so that typed arrays and vector registers may look at them.
inline constexpr std::size_t kSecretAlignment = 32;

class SecretBytes {
 public:
  // A buffer of no bytes.
  SecretBytes() = default;
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();  // wipes

  // `size` zero bytes. Unavailable: no memory. Buffers above 1 MiB read as
  // zeros in a forked child; smaller ones, which may be keys, are inherited.
  static absl::StatusOr<SecretBytes> Allocate(std::size_t size);
  // Copies `bytes`, which the caller still has to wipe.
  static absl::StatusOr<SecretBytes> CopyFrom(ByteSpan bytes);
  // `size` bytes from the operating system's CSPRNG.
  static absl::StatusOr<SecretBytes> Random(std::size_t size);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  ByteSpan span() const { return ByteSpan(data_, size_); }
  MutableByteSpan mutable_span() { return MutableByteSpan(data_, size_); }

  // Whether the kernel has locked the pages, so that they are never swapped.
  // False where RLIMIT_MEMLOCK is too small; everything else still holds.
  bool locked() const { return locked_; }

  // Wipes the contents now and becomes empty.
  void Clear();

  // GoogleTest dumps what it cannot print; this is all it gets to see.
  friend void PrintTo(const SecretBytes& bytes, std::ostream* os);

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  bool locked_ = false;
};
std::ostream& operator<<(std::ostream&, const SecretBytes&) = delete;

// Wipes memory in a way that the compiler may not remove.
void Wipe(MutableByteSpan bytes);

// Compares in a time that depends on the sizes only.
bool ConstantTimeEqual(ByteSpan a, ByteSpan b);

// Fills `out` from the operating system's CSPRNG (getrandom through libsodium,
// which aborts the process if the kernel cannot deliver: there is no fallback).
void RandomFill(MutableByteSpan out);
Id RandomId();

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_SECRET_BYTES_H_
