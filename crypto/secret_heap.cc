#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/crypto/secret_heap_internal.h"

namespace sealtrain::crypto {
namespace {

// Room for some 2,600 keys, or for three segments and 600 keys. Where RLIMIT_MEMLOCK
// does not allow that much, rather a small region that is locked than a large one
// that is not.
constexpr std::size_t kRegionBytes = std::size_t{256} << 10;
constexpr std::size_t kSmallRegionBytes = std::size_t{32} << 10;

absl::Status NoMemory(std::size_t size) {
  return absl::UnavailableError(absl::StrCat("no memory for a secret of ", size, " bytes"));
}

[[noreturn]] void DieOfCorruption() {
  static_cast<void>(std::fputs("sealtrain: somebody wrote outside of a secret buffer\n", stderr));
  std::abort();
}

bool AreZeros(ByteSpan bytes) {
  // The first byte is zero, and each byte is what its neighbour is.
  return bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

// Where a block with pages of its own begins in them.
std::size_t OffsetInPages(std::size_t size) {
  return RoundUp(size, PageBytes()) - RoundUp(size, kSecretAlignment);
}

// A byte of 1 that is 0 in every child (MADV_WIPEONFORK, Linux 4.14).
volatile std::uint8_t* MakeForkMark() {
  void* page =
      ::mmap(nullptr, PageBytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  // No memory for one page, or a kernel that is older than all that we run on.
  if (page == MAP_FAILED || ::madvise(page, PageBytes(), MADV_WIPEONFORK) != 0) std::abort();
  auto* const mark = static_cast<volatile std::uint8_t*>(page);
  *mark = 1;
  return mark;
}

}  // namespace

SecretHeap& SecretHeap::Get() {
  static auto& heap = *new SecretHeap();
  return heap;
}

SecretHeap::SecretHeap() : canary_{}, mark_(MakeForkMark()) {
  // Taking the mutex over a fork gives the child a heap that nobody was changing.
  const int failed = ::pthread_atfork([] { Get().mutex_.lock(); }, [] { Get().mutex_.unlock(); },
                                      [] { Get().AfterForkInChild(); });
  if (failed != 0) std::abort();  // no memory for three pointers
}

void SecretHeap::AfterForkInChild() {
  for (const Region& region : regions_) FenceSecretPages(region.pages);
  for (const auto& [start, pages] : large_) FenceSecretPages(pages);
  regions_.clear();
  large_.clear();
  generation_.fetch_add(1, std::memory_order_relaxed);
  *mark_ = 1;
  mutex_.unlock();
}

absl::StatusOr<SecretBlock> SecretHeap::Allocate(std::size_t size) {
  return size <= kMaxArenaBytes ? AllocateInRegion(size) : AllocatePages(size);
}

void SecretHeap::Free(const SecretBlock& block, std::size_t size) {
  if (block.generation != generation()) return;
  if (size <= kMaxArenaBytes) {
    FreeInRegion(block, size);
  } else {
    FreePages(block, size);
  }
}

absl::StatusOr<SecretBlock> SecretHeap::AllocateInRegion(std::size_t size) {
  const std::size_t extent_bytes = kCanaryBytes + RoundUp(size, kSecretAlignment) + kCanaryBytes;
  SecretBlock block;
  std::uint8_t* extent = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ST_RETURN_IF_ERROR(Prepare());
    extent = Take(extent_bytes, block.memory);
    if (extent == nullptr && AddRegion(extent_bytes)) extent = Take(extent_bytes, block.memory);
    block.generation = generation();
  }
  if (extent == nullptr) return NoMemory(size);
  ASAN_UNPOISON_MEMORY_REGION(extent, extent_bytes);
  const MutableByteSpan bytes(extent, extent_bytes);
  if (!AreZeros(bytes)) DieOfCorruption();
  PutCanary(bytes.first(kCanaryBytes));
  PutCanary(bytes.subspan(kCanaryBytes + size));
  ASAN_POISON_MEMORY_REGION(extent, kCanaryBytes);
  ASAN_POISON_MEMORY_REGION(extent + kCanaryBytes + size, extent_bytes - kCanaryBytes - size);
  block.data = extent + kCanaryBytes;
  return block;
}

void SecretHeap::FreeInRegion(const SecretBlock& block, std::size_t size) {
  const std::size_t extent_bytes = kCanaryBytes + RoundUp(size, kSecretAlignment) + kCanaryBytes;
  std::uint8_t* extent = block.data - kCanaryBytes;
  ASAN_UNPOISON_MEMORY_REGION(extent, extent_bytes);
  const MutableByteSpan bytes(extent, extent_bytes);
  CheckCanary(bytes.first(kCanaryBytes));
  CheckCanary(bytes.subspan(kCanaryBytes + size));
  Wipe(bytes);
  ASAN_POISON_MEMORY_REGION(extent, extent_bytes);
  const std::lock_guard<std::mutex> lock(mutex_);
  GiveBack(extent, extent_bytes);
}

absl::StatusOr<SecretBlock> SecretHeap::AllocatePages(std::size_t size) {
  {
    // Keys are to find locked memory even where plaintext has taken all the rest.
    const std::lock_guard<std::mutex> lock(mutex_);
    ST_RETURN_IF_ERROR(Prepare());
  }
  const std::optional<SecretPages> pages = MapSecretPages(size, /*hide=*/false);
  if (!pages.has_value()) return NoMemory(size);
  std::uint8_t* data = pages->data + OffsetInPages(size);
  PutCanary(MutableByteSpan(data + size, RoundUp(size, kSecretAlignment) - size));
  const std::lock_guard<std::mutex> lock(mutex_);
  large_.emplace(pages->data, *pages);
  return SecretBlock{.data = data, .memory = pages->memory, .generation = generation()};
}

void SecretHeap::FreePages(const SecretBlock& block, std::size_t size) {
  CheckCanary(ByteSpan(block.data + size, RoundUp(size, kSecretAlignment) - size));
  Wipe(MutableByteSpan(block.data, size));
  const SecretPages pages = {.data = block.data - OffsetInPages(size),
                             .bytes = RoundUp(size, PageBytes()),
                             .memory = block.memory};
  // Unmapped under the mutex: a fork in between would fence what is not there.
  const std::lock_guard<std::mutex> lock(mutex_);
  large_.erase(pages.data);
  UnmapSecretPages(pages);
}

absl::Status SecretHeap::Prepare() {
  if (!regions_.empty()) return absl::OkStatus();
  ST_RETURN_IF_ERROR(RandomFill(absl::MakeSpan(canary_)));
  if (!AddRegion(kSmallRegionBytes)) return NoMemory(kSmallRegionBytes);
  return absl::OkStatus();
}

bool SecretHeap::AddRegion(std::size_t extent_bytes) {
  std::optional<SecretPages> pages = MapSecretPages(kRegionBytes, /*hide=*/true);
  if (pages.has_value() && pages->memory == SecretMemory::kUnlocked &&
      extent_bytes <= kSmallRegionBytes) {
    UnmapSecretPages(*pages);
    pages = MapSecretPages(kSmallRegionBytes, /*hide=*/true);
  }
  if (!pages.has_value()) return false;
  ASAN_POISON_MEMORY_REGION(pages->data, pages->bytes);
  regions_.push_back(Region{.pages = *pages, .free = {{0, pages->bytes}}});
  return true;
}

std::uint8_t* SecretHeap::Take(std::size_t extent_bytes, SecretMemory& memory) {
  for (Region& region : regions_) {
    const auto free = std::find_if(region.free.begin(), region.free.end(), [&](const auto& extent) {
      return extent.second >= extent_bytes;
    });
    if (free == region.free.end()) continue;
    const auto [offset, bytes] = *free;
    region.free.erase(free);
    if (bytes > extent_bytes) region.free.emplace(offset + extent_bytes, bytes - extent_bytes);
    memory = region.pages.memory;
    return region.pages.data + offset;
  }
  return nullptr;
}

void SecretHeap::GiveBack(std::uint8_t* extent, std::size_t extent_bytes) {
  const auto region = std::find_if(regions_.begin(), regions_.end(), [&](const Region& candidate) {
    return candidate.pages.data <= extent && extent < candidate.pages.data + candidate.pages.bytes;
  });
  if (region == regions_.end()) DieOfCorruption();
  auto [here, inserted] =
      region->free.emplace(static_cast<std::size_t>(extent - region->pages.data), extent_bytes);
  if (!inserted) DieOfCorruption();
  if (const auto next = std::next(here);
      next != region->free.end() && here->first + here->second == next->first) {
    here->second += next->second;
    region->free.erase(next);
  }
  if (here == region->free.begin()) return;
  if (const auto previous = std::prev(here); previous->first + previous->second == here->first) {
    previous->second += here->second;
    region->free.erase(here);
  }
}

void SecretHeap::PutCanary(MutableByteSpan place) const {
  for (std::size_t i = 0; i < place.size(); ++i) place[i] = canary_[i % kCanaryBytes];
}

void SecretHeap::CheckCanary(ByteSpan place) const {
  for (std::size_t i = 0; i < place.size(); ++i) {
    if (place[i] != canary_[i % kCanaryBytes]) DieOfCorruption();
  }
}

}  // namespace sealtrain::crypto
