#include "sealtrain/crypto/hpke.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hpke_internal.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/crypto/x25519_internal.h"

namespace sealtrain::crypto {

static_assert(kHpkeTagBytes == kTagBytes);

absl::Status HpkeTampered() {
  return absl::DataLossError("not sealed by HPKE to this key, or for something else");
}

HpkeContext::HpkeContext(Aes256Gcm aead, SecretBytes base_nonce, std::uint64_t max_messages)
    : aead_(std::move(aead)), base_nonce_(std::move(base_nonce)), max_messages_(max_messages) {}

absl::StatusOr<HpkeContext::Nonce> HpkeContext::NextNonce() const {
  if (sequence_ >= max_messages_) {
    return absl::ResourceExhaustedError("an HPKE context has no message left");
  }
  if (base_nonce_.left_behind()) {
    return absl::FailedPreconditionError("an HPKE context does not go on in a forked child");
  }
  // ComputeNonce of section 5.2; the first four bytes of the sequence are zero.
  Nonce nonce;
  std::copy_n(base_nonce_.span().begin(), nonce.size(), nonce.begin());
  std::uint8_t sequence[8];
  PutBigEndian(sequence_, 8, sequence);
  std::transform(std::begin(sequence), std::end(sequence), nonce.begin() + 4, nonce.begin() + 4,
                 [](std::uint8_t a, std::uint8_t b) { return static_cast<std::uint8_t>(a ^ b); });
  return nonce;
}

absl::Status HpkeContext::Seal(ByteSpan aad, ByteSpan plaintext, MutableByteSpan out) {
  const absl::StatusOr<Nonce> nonce = NextNonce();
  return Finish(nonce.ok() ? aead_.Seal(*nonce, aad, plaintext, out) : nonce.status(), out);
}

absl::Status HpkeContext::Open(ByteSpan aad, ByteSpan message, MutableByteSpan out) {
  const absl::StatusOr<Nonce> nonce = NextNonce();
  const absl::Status status =
      Finish(nonce.ok() ? aead_.Open(*nonce, aad, message, out) : nonce.status(), out);
  return absl::IsDataLoss(status) ? HpkeTampered() : status;
}

absl::Status HpkeContext::Finish(absl::Status status, MutableByteSpan out) {
  if (status.ok()) {
    ++sequence_;
  } else {
    Wipe(out);
  }
  return status;
}

HpkeKeyPair::HpkeKeyPair(SecretBytes private_key, const HpkePublicKey& public_key)
    : private_key_(std::move(private_key)), public_key_(public_key) {}

absl::StatusOr<HpkeKeyPair> HpkeKeyPair::Generate() {
  ST_ASSIGN_OR_RETURN(SecretBytes private_key, SecretBytes::Random(kX25519Bytes));
  return FromPrivateKey(std::move(private_key));
}

absl::StatusOr<HpkeKeyPair> HpkeKeyPair::FromPrivateKey(SecretBytes private_key) {
  HpkePublicKey public_key;
  ST_ASSIGN_OR_RETURN(public_key.bytes, X25519PublicKey(private_key.span()));
  return HpkeKeyPair(std::move(private_key), public_key);
}

void PrintTo(const HpkeKeyPair&, std::ostream* os) { *os << "<secret key pair>"; }

HpkeSealer::HpkeSealer(const HpkePublicKey& encapsulated_key, std::unique_ptr<HpkeContext> context)
    : encapsulated_key_(encapsulated_key), context_(std::move(context)) {}
HpkeSealer::HpkeSealer(HpkeSealer&&) noexcept = default;
HpkeSealer& HpkeSealer::operator=(HpkeSealer&&) noexcept = default;
HpkeSealer::~HpkeSealer() = default;

absl::StatusOr<HpkeSealer> HpkeSealer::Create(const HpkePublicKey& recipient, ByteSpan info) {
  ST_ASSIGN_OR_RETURN(const HpkeKeyPair ephemeral, HpkeKeyPair::Generate());
  ST_ASSIGN_OR_RETURN(HpkeContext context, HpkeContext::ForSender(recipient, info, ephemeral));
  return HpkeSealer(ephemeral.public_key(), std::make_unique<HpkeContext>(std::move(context)));
}

absl::StatusOr<Bytes> HpkeSealer::Seal(ByteSpan aad, ByteSpan plaintext) {
  Bytes message(plaintext.size() + kHpkeTagBytes);
  ST_RETURN_IF_ERROR(context_->Seal(aad, plaintext, absl::MakeSpan(message)));
  return message;
}

HpkeOpener::HpkeOpener(std::unique_ptr<HpkeContext> context) : context_(std::move(context)) {}
HpkeOpener::HpkeOpener(HpkeOpener&&) noexcept = default;
HpkeOpener& HpkeOpener::operator=(HpkeOpener&&) noexcept = default;
HpkeOpener::~HpkeOpener() = default;

absl::StatusOr<HpkeOpener> HpkeOpener::Create(const HpkeKeyPair& recipient,
                                              ByteSpan encapsulated_key, ByteSpan info) {
  ST_ASSIGN_OR_RETURN(HpkeContext context,
                      HpkeContext::ForRecipient(recipient, encapsulated_key, info));
  return HpkeOpener(std::make_unique<HpkeContext>(std::move(context)));
}

absl::StatusOr<SecretBytes> HpkeOpener::Open(ByteSpan aad, ByteSpan message) {
  if (message.size() < kHpkeTagBytes) return HpkeTampered();
  ST_ASSIGN_OR_RETURN(SecretBytes plaintext, SecretBytes::Allocate(message.size() - kHpkeTagBytes));
  ST_RETURN_IF_ERROR(context_->Open(aad, message, plaintext.mutable_span()));
  return plaintext;
}

absl::Status HpkeOpener::NotAKey() { return HpkeTampered(); }

absl::StatusOr<Bytes> HpkeSeal(const HpkePublicKey& recipient, ByteSpan info, ByteSpan aad,
                               ByteSpan plaintext) {
  ST_ASSIGN_OR_RETURN(HpkeSealer sealer, HpkeSealer::Create(recipient, info));
  ST_ASSIGN_OR_RETURN(Bytes message, sealer.Seal(aad, plaintext));
  const auto& encapsulated_key = sealer.encapsulated_key().bytes;
  message.insert(message.begin(), encapsulated_key.begin(), encapsulated_key.end());
  return message;
}

absl::StatusOr<SecretBytes> HpkeOpen(const HpkeKeyPair& recipient, ByteSpan info, ByteSpan aad,
                                     ByteSpan sealed) {
  if (sealed.size() < kHpkeKeyBytes) return HpkeTampered();
  ST_ASSIGN_OR_RETURN(HpkeOpener opener,
                      HpkeOpener::Create(recipient, sealed.first(kHpkeKeyBytes), info));
  return opener.Open(aad, sealed.subspan(kHpkeKeyBytes));
}

}  // namespace sealtrain::crypto
