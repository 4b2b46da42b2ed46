#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>

#include "sealtrain/crypto/secret_pages_internal.h"

namespace sealtrain::crypto {
namespace {

std::size_t WithGuards(std::size_t bytes) { return bytes + 2 * PageBytes(); }

// `bytes` from memfd_secret(2) (Linux 5.14), or null: the kernel has none or
// RLIMIT_MEMLOCK is reached.
void* MapHidden(std::size_t bytes) {
  const int fd = static_cast<int>(::syscall(SYS_memfd_secret, O_CLOEXEC));
  if (fd < 0) return nullptr;
  void* base = MAP_FAILED;
  if (::ftruncate(fd, static_cast<off_t>(bytes)) == 0) {
    base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  ::close(fd);
  return base == MAP_FAILED ? nullptr : base;
}

// What a transparent huge page has on the machines that have them. Elsewhere the
// alignment is worth nothing and costs nothing.
constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

void* Reserve(std::size_t bytes) {
  void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return base == MAP_FAILED ? nullptr : base;
}

// `bytes` with guards around them. What can hold a huge page begins, behind its
// guard, where a huge page may begin.
void* MapAnonymous(std::size_t bytes) {
  if (bytes < kHugePageBytes) return Reserve(WithGuards(bytes));
  // More than is needed, and what lies around the aligned part is given back.
  auto* const base = static_cast<std::uint8_t*>(Reserve(WithGuards(bytes) + kHugePageBytes));
  if (base == nullptr) return nullptr;
  const auto first_data = reinterpret_cast<std::uintptr_t>(base) + PageBytes();
  const std::size_t before = RoundUp(first_data, kHugePageBytes) - first_data;
  std::uint8_t* const aligned = base + before;
  if (before > 0) ::munmap(base, before);
  if (before < kHugePageBytes) ::munmap(aligned + WithGuards(bytes), kHugePageBytes - before);
  return aligned;
}

// The guard pages, and what the kernel is never to do with what lies between.
bool Protect(std::uint8_t* base, std::size_t bytes) {
  return ::mprotect(base, PageBytes(), PROT_NONE) == 0 &&
         ::mprotect(base + PageBytes() + bytes, PageBytes(), PROT_NONE) == 0 &&
         ::madvise(base, WithGuards(bytes), MADV_DONTDUMP) == 0 &&
         ::madvise(base, WithGuards(bytes), MADV_DONTFORK) == 0;
}

}  // namespace

std::size_t PageBytes() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

std::optional<SecretPages> MapSecretPages(std::size_t bytes, bool hide) {
  if (bytes > std::numeric_limits<std::size_t>::max() / 2) return std::nullopt;
  bytes = RoundUp(bytes, PageBytes());
  void* base = hide ? MapHidden(WithGuards(bytes)) : nullptr;
  const bool hidden = base != nullptr;
  if (!hidden) base = MapAnonymous(bytes);
  if (base == nullptr) return std::nullopt;
  SecretPages pages = {.data = static_cast<std::uint8_t*>(base) + PageBytes(),
                       .bytes = bytes,
                       .memory = hidden ? SecretMemory::kHidden : SecretMemory::kUnlocked};
  if (!Protect(static_cast<std::uint8_t*>(base), bytes)) {
    UnmapSecretPages(pages);
    return std::nullopt;
  }
  if (hidden) return pages;
  // A wish, which the kernel may leave unheard: with one huge page for 512 pages,
  // large plaintext is mapped, locked and given back tens of times faster.
  if (bytes >= kHugePageBytes) ::madvise(pages.data, bytes, MADV_HUGEPAGE);
  if (::mlock(pages.data, bytes) == 0) pages.memory = SecretMemory::kLocked;
  return pages;
}

void UnmapSecretPages(const SecretPages& pages) {
  ::munmap(pages.data - PageBytes(), WithGuards(pages.bytes));
}

void FenceSecretPages(const SecretPages& pages) {
  std::uint8_t* base = pages.data - PageBytes();
  const void* fence =
      ::mmap(base, WithGuards(pages.bytes), PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (fence != base) std::abort();  // something else lies where a key is thought to be
}

}  // namespace sealtrain::crypto
