// The heap behind SecretBytes.
//
// Up to kMaxArenaBytes a block is carved out of a shared region of pages, which
// is kept for the life of the process: keys and single segments come and go
// without a system call. Larger blocks, which are plaintext, have pages of their
// own that end where the block ends.
//
// Invariants:
// 1. Every byte of a region that is in no block is zero.
// 2. A block in a region lies between two canaries, the second of which starts
//    right behind its last byte; so does one behind a larger block, up to the
//    next multiple of kSecretAlignment, where its pages end. A canary that
//    changed, or a free byte that is not zero, ends the process: somebody has
//    written to what was not theirs.
// 3. After a fork the child's heap is empty, and every block of its parent
//    belongs to an earlier generation, or, where nobody told the child, is_here()
//    is false.
#ifndef SEALTRAIN_CRYPTO_SECRET_HEAP_INTERNAL_H_
#define SEALTRAIN_CRYPTO_SECRET_HEAP_INTERNAL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/crypto/secret_pages_internal.h"

namespace sealtrain::crypto {

// Thread-safe.
class SecretHeap {
 public:
  // Holds a whole segment of a sealed stream.
  static constexpr std::size_t kMaxArenaBytes = std::size_t{64} << 10;

  // The one of this process. It is never destroyed, so that static SecretBytes
  // may outlive everything.
  static SecretHeap& Get();

  // `size` zero bytes, at least one. Unavailable: no memory, or no random bytes
  // for the canary.
  absl::StatusOr<SecretBlock> Allocate(std::size_t size);
  // Wipes the block; does nothing with one of an earlier generation.
  void Free(const SecretBlock& block, std::size_t size);

  // How many forks lie between this process and the first one, as far as the handlers of
  // pthread_atfork() were called.
  std::uint32_t generation() const { return generation_.load(std::memory_order_relaxed); }
  // False in a child in which they were not, such as one of the bare system call: what
  // its parent's blocks were is not there.
  bool is_here() const { return *mark_ != 0; }

 private:
  static constexpr std::size_t kCanaryBytes = 32;
  struct Region {
    SecretPages pages;
    std::map<std::size_t, std::size_t> free;  // offset to bytes; neighbours are joined
  };

  SecretHeap();

  absl::StatusOr<SecretBlock> AllocateInRegion(std::size_t size);
  absl::StatusOr<SecretBlock> AllocatePages(std::size_t size);
  void FreeInRegion(const SecretBlock& block, std::size_t size);
  void FreePages(const SecretBlock& block, std::size_t size);

  // All of these ask for the mutex.
  absl::Status Prepare();
  bool AddRegion(std::size_t extent_bytes);
  // The first free extent of that many bytes, taken, and its memory; or null.
  std::uint8_t* Take(std::size_t extent_bytes, SecretMemory& memory);
  void GiveBack(std::uint8_t* extent, std::size_t extent_bytes);

  void PutCanary(MutableByteSpan place) const;
  void CheckCanary(ByteSpan place) const;

  void AfterForkInChild();

  std::mutex mutex_;
  std::array<std::uint8_t, kCanaryBytes> canary_;  // random, drawn with the first region
  std::vector<Region> regions_;
  std::map<std::uint8_t*, SecretPages> large_;  // by where their pages start
  std::atomic<std::uint32_t> generation_ = 0;
  // 1, on a page that the kernel fills with zeros for every child.
  volatile std::uint8_t* const mark_;
};

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_SECRET_HEAP_INTERNAL_H_
