// Whole pages for secrets: how they are got from the kernel and given back.
//
// Pages lie between two guard pages, are left out of core dumps and are not
// inherited by forked children. Beyond that, what can be had is had.
#ifndef SEALTRAIN_CRYPTO_SECRET_PAGES_INTERNAL_H_
#define SEALTRAIN_CRYPTO_SECRET_PAGES_INTERNAL_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

struct SecretPages {
  std::uint8_t* data;
  std::size_t bytes;  // whole pages, without the guard pages
  SecretMemory memory;
};

std::size_t PageBytes();

// `value` up to the next multiple of `unit`, a power of two.
constexpr std::size_t RoundUp(std::size_t value, std::size_t unit) {
  return (value + unit - 1) & ~(unit - 1);
}

// At least `bytes` of zeros. kHidden is tried only if `hide`: each page that is
// touched first costs about 0.1 ms there, because the kernel takes it out of its
// own map and flushes every core's. Nothing: no memory.
std::optional<SecretPages> MapSecretPages(std::size_t bytes, bool hide);

// The caller has wiped them.
void UnmapSecretPages(const SecretPages& pages);

// In a forked child: keeps the address range of pages that only the parent has
// from being mapped again, so that whoever still points there finds no other
// bytes but a segmentation fault.
void FenceSecretPages(const SecretPages& pages);

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_SECRET_PAGES_INTERNAL_H_
