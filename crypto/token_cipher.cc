#include "sealtrain/crypto/token_cipher.h"

#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/siv_internal.h"

namespace sealtrain::crypto {
namespace {

constexpr absl::string_view kTokenKeyLabel = "sealtrain/token-cipher/1";

static_assert(kTokenOverhead == kSivTagBytes);

absl::Status NotAToken() { return absl::DataLossError("not a token of this key in this context"); }

}  // namespace

TokenCipher::TokenCipher(SecretBytes siv_key) : siv_key_(std::move(siv_key)) {}

absl::StatusOr<TokenCipher> TokenCipher::Create(const TokenKey& key) {
  ST_ASSIGN_OR_RETURN(SecretBytes siv_key, SecretBytes::Allocate(kSivKeyBytes));
  ST_RETURN_IF_ERROR(Hkdf(256, key.bytes(KeyAccess()), /*salt=*/{}, AsBytes(kTokenKeyLabel),
                          siv_key.mutable_span()));
  return TokenCipher(std::move(siv_key));
}

absl::StatusOr<Bytes> TokenCipher::Seal(ByteSpan context, ByteSpan value) const {
  if (value.empty() || value.size() > kMaxTokenValueBytes) {
    return absl::InvalidArgumentError("a token is of a value of 1 byte to 1 MiB");
  }
  Bytes token(value.size() + kTokenOverhead);
  ST_RETURN_IF_ERROR(SealAes256Siv(siv_key_.span(), context, value, absl::MakeSpan(token)));
  return token;
}

absl::StatusOr<SecretBytes> TokenCipher::Open(ByteSpan context, ByteSpan token) const {
  if (token.size() <= kTokenOverhead || token.size() > kMaxTokenValueBytes + kTokenOverhead) {
    return NotAToken();
  }
  ST_ASSIGN_OR_RETURN(SecretBytes value, SecretBytes::Allocate(token.size() - kTokenOverhead));
  const absl::Status opened = OpenAes256Siv(siv_key_.span(), context, token, value.mutable_span());
  if (absl::IsDataLoss(opened)) return NotAToken();
  if (!opened.ok()) return opened;
  return value;
}

}  // namespace sealtrain::crypto
