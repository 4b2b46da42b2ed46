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

void* MapAnonymous(std::size_t bytes) {
  void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return base == MAP_FAILED ? nullptr : base;
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
  if (!hidden) base = MapAnonymous(WithGuards(bytes));
  if (base == nullptr) return std::nullopt;
  SecretPages pages = {.data = static_cast<std::uint8_t*>(base) + PageBytes(),
                       .bytes = bytes,
                       .memory = hidden ? SecretMemory::kHidden : SecretMemory::kUnlocked};
  if (!Protect(static_cast<std::uint8_t*>(base), bytes)) {
    UnmapSecretPages(pages);
    return std::nullopt;
  }
  if (!hidden && ::mlock(pages.data, bytes) == 0) pages.memory = SecretMemory::kLocked;
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
