// From two X25519 keys to a context: RFC 9180 sections 4, 4.1 and 5.1.
#include <algorithm>
#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hkdf_internal.h"
#include "sealtrain/crypto/hpke_internal.h"
#include "sealtrain/crypto/x25519_internal.h"

namespace sealtrain::crypto {
namespace {

static_assert(kHpkeKeyBytes == kX25519Bytes);

// suite_id of the KEM: "KEM" ‖ DHKEM(X25519, HKDF-SHA256).
constexpr std::uint8_t kKemSuite[] = {'K', 'E', 'M', 0x00, 0x20};
// suite_id of everything else: "HPKE" ‖ the same ‖ HKDF-SHA256 ‖ AES-256-GCM.
constexpr std::uint8_t kHpkeSuite[] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02};
constexpr std::uint8_t kModeBase[] = {0x00};

constexpr std::size_t kHashBytes = sizeof(Digest);

// `parts` one after the other at the start of `out`, which has room for them.
void PutParts(std::initializer_list<ByteSpan> parts, MutableByteSpan out) {
  auto end = out.begin();
  for (const ByteSpan part : parts) end = std::copy(part.begin(), part.end(), end);
}

std::size_t SizeOf(std::initializer_list<ByteSpan> parts) {
  std::size_t size = 0;
  for (const ByteSpan part : parts) size += part.size();
  return size;
}

Bytes JoinPublic(std::initializer_list<ByteSpan> parts) {
  Bytes joined(SizeOf(parts));
  PutParts(parts, absl::MakeSpan(joined));
  return joined;
}

absl::StatusOr<SecretBytes> JoinSecret(std::initializer_list<ByteSpan> parts) {
  ST_ASSIGN_OR_RETURN(SecretBytes joined, SecretBytes::Allocate(SizeOf(parts)));
  PutParts(parts, joined.mutable_span());
  return joined;
}

// Section 4: LabeledExtract. `out` has kHashBytes.
absl::Status LabeledExtract(ByteSpan suite, ByteSpan salt, absl::string_view label, ByteSpan ikm,
                            MutableByteSpan out) {
  ST_ASSIGN_OR_RETURN(const SecretBytes labeled,
                      JoinSecret({AsBytes("HPKE-v1"), suite, AsBytes(label), ikm}));
  return RunHkdf(HkdfMode::kExtractOnly, "SHA256", labeled.span(), salt, /*info=*/{}, out);
}

// Section 4: LabeledExpand, of which all but the key is public.
absl::Status LabeledExpand(ByteSpan suite, ByteSpan prk, absl::string_view label, ByteSpan info,
                           MutableByteSpan out) {
  std::uint8_t length[2];
  PutBigEndian(out.size(), 2, length);
  const Bytes labeled = JoinPublic({length, AsBytes("HPKE-v1"), suite, AsBytes(label), info});
  return RunHkdf(HkdfMode::kExpandOnly, "SHA256", prk, /*salt=*/{}, labeled, out);
}

// Section 4.1: what Encap and Decap have in common. The KEM context is the
// encapsulated key and then the recipient's, whoever asks.
absl::StatusOr<SecretBytes> KemSharedSecret(ByteSpan private_key, ByteSpan public_key,
                                            ByteSpan encapsulated_key, ByteSpan recipient) {
  ST_ASSIGN_OR_RETURN(const SecretBytes dh, X25519(private_key, public_key));
  ST_ASSIGN_OR_RETURN(SecretBytes prk, SecretBytes::Allocate(kHashBytes));
  ST_RETURN_IF_ERROR(LabeledExtract(kKemSuite, {}, "eae_prk", dh.span(), prk.mutable_span()));
  const Bytes context = JoinPublic({encapsulated_key, recipient});
  ST_ASSIGN_OR_RETURN(SecretBytes shared, SecretBytes::Allocate(kHashBytes));
  ST_RETURN_IF_ERROR(
      LabeledExpand(kKemSuite, prk.span(), "shared_secret", context, shared.mutable_span()));
  return shared;
}

absl::Status CheckInfo(ByteSpan info) {
  if (info.size() <= kMaxHpkeInfoBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("HPKE info above ", kMaxHpkeInfoBytes, " bytes"));
}

}  // namespace

absl::StatusOr<HpkeContext> HpkeContext::ForSender(const HpkePublicKey& recipient, ByteSpan info,
                                                   const HpkeKeyPair& ephemeral,
                                                   std::uint64_t max_messages) {
  ST_RETURN_IF_ERROR(CheckInfo(info));
  ST_ASSIGN_OR_RETURN(const SecretBytes shared,
                      KemSharedSecret(ephemeral.private_key(KeyAccess()), recipient.bytes,
                                      ephemeral.public_key().bytes, recipient.bytes));
  return FromSharedSecret(shared.span(), info, max_messages);
}

absl::StatusOr<HpkeContext> HpkeContext::ForRecipient(const HpkeKeyPair& recipient,
                                                      ByteSpan encapsulated_key, ByteSpan info,
                                                      std::uint64_t max_messages) {
  ST_RETURN_IF_ERROR(CheckInfo(info));
  absl::StatusOr<SecretBytes> shared =
      KemSharedSecret(recipient.private_key(KeyAccess()), encapsulated_key, encapsulated_key,
                      recipient.public_key().bytes);
  // A key of another size or of small order came from outside.
  if (absl::IsInvalidArgument(shared.status())) return HpkeTampered();
  if (!shared.ok()) return shared.status();
  return FromSharedSecret(shared->span(), info, max_messages);
}

absl::StatusOr<HpkeContext> HpkeContext::FromSharedSecret(ByteSpan shared_secret, ByteSpan info,
                                                          std::uint64_t max_messages) {
  Digest psk_id_hash;
  Digest info_hash;
  ST_RETURN_IF_ERROR(
      LabeledExtract(kHpkeSuite, {}, "psk_id_hash", {}, absl::MakeSpan(psk_id_hash)));
  ST_RETURN_IF_ERROR(LabeledExtract(kHpkeSuite, {}, "info_hash", info, absl::MakeSpan(info_hash)));
  const Bytes context = JoinPublic({kModeBase, psk_id_hash, info_hash});
  // Extracted secret, then key.
  ST_ASSIGN_OR_RETURN(SecretBytes secrets, SecretBytes::Allocate(kHashBytes + kKeyBytes));
  const MutableByteSpan secret = secrets.mutable_span().first(kHashBytes);
  const MutableByteSpan key = secrets.mutable_span().last(kKeyBytes);
  ST_RETURN_IF_ERROR(LabeledExtract(kHpkeSuite, shared_secret, "secret", {}, secret));
  ST_RETURN_IF_ERROR(LabeledExpand(kHpkeSuite, secret, "key", context, key));
  ST_ASSIGN_OR_RETURN(SecretBytes base_nonce, SecretBytes::Allocate(kNonceBytes));
  ST_RETURN_IF_ERROR(
      LabeledExpand(kHpkeSuite, secret, "base_nonce", context, base_nonce.mutable_span()));
  ST_ASSIGN_OR_RETURN(Aes256Gcm aead, Aes256Gcm::Create());
  ST_RETURN_IF_ERROR(aead.SetKey(key));
  return HpkeContext(std::move(aead), std::move(base_nonce), max_messages);
}

}  // namespace sealtrain::crypto
