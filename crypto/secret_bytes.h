// Memory for what must not leak: keys and plaintext.
//
// SecretBytes is a fixed-size, move-only buffer in guarded memory that is left
// out of core dumps and is wiped when it goes away. Its contents have no way
// into a stream, a string, a protobuf or a test failure message.
//
// A forked child has none of its parent's secrets: it may make its own, and may
// destroy or move those that it inherited, but whoever looks at the contents of
// one ends with a segmentation fault. Zeros would be worse: they look like a key.
//
// Thread-compatible: const members may be called from several threads, and
// distinct objects share no state that shows.
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

// What the kernel does for the contents of a SecretBytes. Every kind lies beside
// guard pages or canaries, is left out of core dumps and is not inherited by
// forked children; each kind has what those before it have.
enum class SecretMemory {
  kUnlocked,  // may be written to swap: RLIMIT_MEMLOCK is reached
  kLocked,    // mlock(2): never swapped
  kHidden,    // memfd_secret(2): not in the kernel's own map, so that neither
              // /proc/PID/mem nor ptrace shows it to anybody, root included
};

// What a SecretBytes holds on to.
struct SecretBlock {
  std::uint8_t* data = nullptr;
  SecretMemory memory = SecretMemory::kUnlocked;
  std::uint32_t generation = 0;  // of the process that made it, counted in forks
};

class SecretBytes {
 public:
  // A buffer of no bytes.
  SecretBytes() = default;
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();  // wipes

  // `size` zero bytes. Up to 64 KiB, which is a key or a segment, are kHidden
  // where the kernel has memfd_secret; more are kLocked. Both count against
  // RLIMIT_MEMLOCK (8 MiB for ordinary users by default), and what does not fit
  // is kUnlocked: ask memory() where that matters. Unavailable: no memory.
  static absl::StatusOr<SecretBytes> Allocate(std::size_t size);
  // Copies `bytes`, which the caller still has to wipe.
  static absl::StatusOr<SecretBytes> CopyFrom(ByteSpan bytes);
  // `size` bytes from the kernel's CSPRNG. Unavailable: also if it gives none.
  static absl::StatusOr<SecretBytes> Random(std::size_t size);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  ByteSpan span() const { return ByteSpan(block_.data, size_); }
  MutableByteSpan mutable_span() { return MutableByteSpan(block_.data, size_); }

  // Which memory it got; kUnlocked if it has no bytes.
  SecretMemory memory() const { return block_.memory; }
  // Whether the contents are never swapped.
  bool locked() const { return block_.memory != SecretMemory::kUnlocked; }
  // Whether this process is a child, forked in whatever way since the contents were
  // made, and so does not have them.
  bool left_behind() const;

  // Wipes the contents now and becomes empty. Ends the process if somebody wrote
  // beyond the buffer's ends.
  void Clear();

  // GoogleTest dumps what it cannot print; this is all it gets to see.
  friend void PrintTo(const SecretBytes& bytes, std::ostream* os);

 private:
  SecretBlock block_;
  std::size_t size_ = 0;
};
std::ostream& operator<<(std::ostream&, const SecretBytes&) = delete;

// Wipes memory in a way that the compiler may not remove.
void Wipe(MutableByteSpan bytes);

// Compares in a time that depends on the sizes only.
bool ConstantTimeEqual(ByteSpan a, ByteSpan b);

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_SECRET_BYTES_H_
