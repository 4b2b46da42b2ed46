#include <sodium.h>

#include <utility>

#include "absl/status/status.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/trainer/random_stream_internal.h"

namespace sealtrain::trainer {
namespace {

// Large enough for libsodium's vector code, small enough for the first cache.
constexpr std::size_t kWords = 1024;

}  // namespace

absl::StatusOr<RandomStream> RandomStream::FromSystem() {
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes key,
                      crypto::SecretBytes::Random(crypto_stream_chacha20_KEYBYTES));
  return FromKey(std::move(key));
}

absl::StatusOr<RandomStream> RandomStream::FromKey(crypto::SecretBytes key) {
  if (key.size() != crypto_stream_chacha20_KEYBYTES) {
    return absl::InvalidArgumentError("a random stream's key has 32 bytes");
  }
  if (sodium_init() < 0) return absl::UnavailableError("libsodium cannot start");
  ST_ASSIGN_OR_RETURN(auto words, SecretVector<std::uint64_t>::WithSize(kWords));
  return RandomStream(std::move(key), std::move(words));
}

RandomStream::RandomStream(crypto::SecretBytes key, SecretVector<std::uint64_t> words)
    : key_(std::move(key)), words_(std::move(words)), next_(words_.size()) {}

void RandomStream::Refill() {
  static_assert(crypto_stream_chacha20_NONCEBYTES == 8);
  std::uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
  PutBigEndian(refills_++, sizeof(nonce), MutableByteSpan(nonce));
  const absl::Span<std::uint64_t> words = words_.mutable_span();
  crypto_stream_chacha20(reinterpret_cast<unsigned char*>(words.data()),
                         words.size() * sizeof(std::uint64_t), nonce, key_.span().data());
  next_ = 0;
}

}  // namespace sealtrain::trainer
