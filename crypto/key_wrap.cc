#include <utility>

#include "absl/algorithm/container.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/floe_internal.h"
#include "sealtrain/crypto/key_derivation.h"

namespace sealtrain::crypto {
namespace {

constexpr StreamOptions kWrapOptions;  // those of every format: there is one suite

Bytes WrapAad(ByteSpan context) {
  const ByteSpan label = AsBytes("sealtrain/wrap/1");
  Bytes aad(label.begin(), label.end());
  aad.insert(aad.end(), context.begin(), context.end());
  return aad;
}

}  // namespace

absl::StatusOr<Bytes> KeyWrap::WrapBytes(const Kek& kek, ByteSpan context, ByteSpan secret) {
  if (secret.empty()) return absl::InvalidArgumentError("there is nothing to wrap");
  ST_RETURN_IF_ERROR(kek.CountSeals(1));
  ST_ASSIGN_OR_RETURN(Floe floe,
                      Floe::StartSealing(kek.bytes(KeyAccess()), WrapAad(context), kWrapOptions));
  Bytes wrapped(kStreamHeaderBytes + secret.size() + kSegmentOverhead);
  absl::c_copy(floe.header(), wrapped.begin());
  ST_RETURN_IF_ERROR(floe.Seal(/*position=*/0, /*is_final=*/true, secret,
                               absl::MakeSpan(wrapped).subspan(kStreamHeaderBytes)));
  return wrapped;
}

absl::StatusOr<Bytes> KeyWrap::Wrap(const Kek& kek, ByteSpan context, const SigningKey& key) {
  return WrapBytes(kek, context, key.seed(KeyAccess()));
}

absl::StatusOr<SigningKey> KeyWrap::UnwrapSigningKey(const Kek& kek, ByteSpan context,
                                                     ByteSpan wrapped) {
  ST_ASSIGN_OR_RETURN(const SecretBytes seed, UnwrapBytes(kek, context, wrapped));
  return SigningKey::FromSeed(seed);
}

absl::StatusOr<SecretBytes> KeyWrap::UnwrapBytes(const Kek& kek, ByteSpan context,
                                                 ByteSpan wrapped) {
  // What is too long for one segment, Floe::Open refuses.
  if (wrapped.size() < kStreamHeaderBytes + kSegmentOverhead) return Tampered();
  ST_ASSIGN_OR_RETURN(Floe floe,
                      Floe::StartOpening(kek.bytes(KeyAccess()), WrapAad(context),
                                         wrapped.first(kStreamHeaderBytes), kWrapOptions));
  const ByteSpan segment = wrapped.subspan(kStreamHeaderBytes);
  ST_ASSIGN_OR_RETURN(SecretBytes secret, SecretBytes::Allocate(segment.size() - kSegmentOverhead));
  ST_RETURN_IF_ERROR(floe.Open(/*position=*/0, /*is_final=*/true, segment, secret.mutable_span()));
  return secret;
}

}  // namespace sealtrain::crypto
