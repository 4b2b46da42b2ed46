#include "sealtrain/crypto/secret_bytes.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/sodium_internal.h"

namespace sealtrain::crypto {
namespace {

// Up to this size libsodium's guarded heap serves: it adds a canary. Above it
// we map ourselves, because that is plaintext, which a forked child must not
// inherit, while a key that silently became zeros in a child would be worse.
constexpr std::size_t kMaxGuardedHeapBytes = std::size_t{1} << 20;

std::size_t PageBytes() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

// `unit` is a power of two.
std::size_t RoundUp(std::size_t value, std::size_t unit) {
  return (value + unit - 1) & ~(unit - 1);
}

bool Lock(const void* data, std::size_t size) { return ::mlock(data, size) == 0; }

absl::Status NoMemory(std::size_t size) {
  return absl::UnavailableError(absl::StrCat("no memory for a secret of ", size, " bytes"));
}

// A mapping of our own: a guard page, whole pages that end with the data, a
// guard page.
struct Mapping {
  explicit Mapping(std::size_t size)
      : pages_bytes(RoundUp(size, PageBytes())),
        data_offset(PageBytes() + pages_bytes - RoundUp(size, kSecretAlignment)),
        total_bytes(pages_bytes + 2 * PageBytes()) {}

  std::size_t pages_bytes;
  std::size_t data_offset;  // from the start of the mapping
  std::size_t total_bytes;
};

std::uint8_t* Map(std::size_t size, bool& locked) {
  const Mapping mapping(size);
  void* base = ::mmap(nullptr, mapping.total_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  std::uint8_t* pages = static_cast<std::uint8_t*>(base) + PageBytes();
  if (::mprotect(pages, mapping.pages_bytes, PROT_READ | PROT_WRITE) != 0 ||
      ::madvise(pages, mapping.pages_bytes, MADV_DONTDUMP) != 0 ||
      ::madvise(pages, mapping.pages_bytes, MADV_WIPEONFORK) != 0) {
    ::munmap(base, mapping.total_bytes);
    return nullptr;
  }
  locked = Lock(pages, mapping.pages_bytes);
  return static_cast<std::uint8_t*>(base) + mapping.data_offset;
}

void Unmap(std::uint8_t* data, std::size_t size) {
  const Mapping mapping(size);
  Wipe(MutableByteSpan(data, size));
  ::munmap(data - mapping.data_offset, mapping.total_bytes);
}

}  // namespace

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      locked_(std::exchange(other.locked_, false)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    Clear();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    locked_ = std::exchange(other.locked_, false);
  }
  return *this;
}

SecretBytes::~SecretBytes() { Clear(); }

absl::StatusOr<SecretBytes> SecretBytes::Allocate(std::size_t size) {
  EnsureSodium();
  SecretBytes secret;
  if (size == 0) return secret;
  if (size > std::numeric_limits<std::size_t>::max() / 2) return NoMemory(size);
  if (size > kMaxGuardedHeapBytes) {
    secret.data_ = Map(size, secret.locked_);
    if (secret.data_ == nullptr) return NoMemory(size);
  } else {
    const std::size_t bytes = RoundUp(size, kSecretAlignment);
    secret.data_ = static_cast<std::uint8_t*>(sodium_malloc(bytes));
    if (secret.data_ == nullptr) return NoMemory(size);
    std::memset(secret.data_, 0, bytes);
    // libsodium has tried to lock but does not say whether it could.
    secret.locked_ = Lock(secret.data_, bytes);
  }
  secret.size_ = size;
  return secret;
}

absl::StatusOr<SecretBytes> SecretBytes::CopyFrom(ByteSpan bytes) {
  ST_ASSIGN_OR_RETURN(SecretBytes secret, Allocate(bytes.size()));
  if (!bytes.empty()) std::memcpy(secret.data_, bytes.data(), bytes.size());
  return secret;
}

absl::StatusOr<SecretBytes> SecretBytes::Random(std::size_t size) {
  ST_ASSIGN_OR_RETURN(SecretBytes secret, Allocate(size));
  RandomFill(secret.mutable_span());
  return secret;
}

void SecretBytes::Clear() {
  if (data_ == nullptr) return;
  if (size_ > kMaxGuardedHeapBytes) {
    Unmap(data_, size_);
  } else {
    sodium_free(data_);  // wipes, and aborts if the canary was overwritten
  }
  data_ = nullptr;
  size_ = 0;
  locked_ = false;
}

void PrintTo(const SecretBytes& bytes, std::ostream* os) {
  *os << "<secret, " << bytes.size() << " bytes>";
}

void Wipe(MutableByteSpan bytes) { sodium_memzero(bytes.data(), bytes.size()); }

bool ConstantTimeEqual(ByteSpan a, ByteSpan b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

void RandomFill(MutableByteSpan out) {
  EnsureSodium();
  randombytes_buf(out.data(), out.size());
}

Id RandomId() {
  Id id;
  RandomFill(absl::MakeSpan(id));
  return id;
}

}  // namespace sealtrain::crypto
