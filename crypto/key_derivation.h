// Deriving and wrapping keys, keyed hashes, passphrases.
//
// Derivation is HKDF-SHA-256 (RFC 5869) with an empty salt. Every `info` starts
// with a label of its own, "sealtrain/<what>/<version>".
// All functions are thread-safe.
#ifndef SEALTRAIN_CRYPTO_KEY_DERIVATION_H_
#define SEALTRAIN_CRYPTO_KEY_DERIVATION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/crypto/signing.h"

namespace sealtrain::crypto {

// HKDF (RFC 5869) for known answers and for the functions below.
// `sha_bits` is 256 or 384. InvalidArgument: another `sha_bits`, or out.size() >
// 255 hash lengths, or info above 32 KiB, which OpenSSL does not take. `out` is
// wiped on failure.
absl::Status Hkdf(int sha_bits, ByteSpan ikm, ByteSpan salt, ByteSpan info, MutableByteSpan out);
// HMAC-SHA-256 (RFC 2104) over raw key bytes, for known answers.
absl::StatusOr<Digest> HmacSha256(ByteSpan key, ByteSpan message);

class KeyDerivation {
 public:
  // The DEK of one column of one shard, from the class keys of all of the
  // column's classes in ascending order of class number: the input key
  // material is their concatenation, so destroying any one destroys the DEK.
  // info = "sealtrain/column-key/1" ‖ shard_id[16] ‖ column_id.
  // InvalidArgument: no class key.
  static absl::StatusOr<Dek> ColumnDek(absl::Span<const ClassKey* const> class_keys,
                                       const Id& shard_id, absl::string_view column_id);
  // The DEK of a sealed object that is no shard.
  // info = "sealtrain/object-key/1" ‖ object_id[16] ‖ label.
  static absl::StatusOr<Dek> ObjectDek(const ClassKey& class_key, const Id& object_id,
                                       absl::string_view label);
  // A key for pseudonyms. info = "sealtrain/pseudonym-key/1" ‖ 0x00 ‖ domain.
  static absl::StatusOr<MacKey> PseudonymKey(const ClassKey& class_key, absl::string_view domain);
};

class Mac {
 public:
  // HMAC-SHA-256. Not a method of MacKey, so that key.h stays free of OpenSSL.
  static absl::StatusOr<Digest> Compute(const MacKey& key, ByteSpan message);
};

// Wrapping: a one-segment sealed stream under the KEK; the context is its AAD
// ("sealtrain/wrap/1" ‖ context), so a wrapped key opens nowhere else. Each wrap
// is counted by the KEK. ResourceExhausted: it has wrapped kMaxSealsPerKey.
// Unavailable: the kernel gives no random bytes.
class KeyWrap {
 public:
  // 138 bytes.
  template <class Tag>
  static absl::StatusOr<Bytes> Wrap(const Kek& kek, ByteSpan context, const Key<Tag>& key) {
    return WrapBytes(kek, context, key.bytes(KeyAccess()));
  }
  // DataLoss: wrong KEK, wrong context, or changed bytes.
  template <class Tag>
  static absl::StatusOr<Key<Tag>> Unwrap(const Kek& kek, ByteSpan context, ByteSpan wrapped) {
    absl::StatusOr<SecretBytes> bytes = UnwrapBytes(kek, context, wrapped);
    if (!bytes.ok()) return bytes.status();
    return Key<Tag>::FromBytes(*std::move(bytes));
  }
  // The same for the seed of an Ed25519 key.
  static absl::StatusOr<Bytes> Wrap(const Kek& kek, ByteSpan context, const SigningKey& key);
  static absl::StatusOr<SigningKey> UnwrapSigningKey(const Kek& kek, ByteSpan context,
                                                     ByteSpan wrapped);
  // The same for other secrets. InvalidArgument: nothing to wrap, or more than
  // one segment holds (65504 bytes).
  static absl::StatusOr<Bytes> WrapBytes(const Kek& kek, ByteSpan context, ByteSpan secret);
  static absl::StatusOr<SecretBytes> UnwrapBytes(const Kek& kek, ByteSpan context,
                                                 ByteSpan wrapped);
};

// Argon2id (RFC 9106) with p = 1, as libsodium computes it.
struct Argon2idParams {
  std::uint64_t memory_bytes = 64ull << 20;  // [8 KiB, 1 GiB]
  std::uint32_t passes = 3;                  // [1, 10]
  Id salt{};
};
// The root KEK behind a passphrase. Parameters come from a file that an
// attacker may have changed, so they are checked against the caps before
// anything runs. InvalidArgument: out of range or empty passphrase.
absl::StatusOr<Kek> KekFromPassphrase(const SecretBytes& passphrase, const Argon2idParams& params);

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_KEY_DERIVATION_H_
