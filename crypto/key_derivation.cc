#include "sealtrain/crypto/key_derivation.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "sealtrain/base/status_macros.h"

namespace sealtrain::crypto {
namespace {

constexpr absl::string_view kColumnLabel = "sealtrain/column-key/1";
constexpr absl::string_view kObjectLabel = "sealtrain/object-key/1";
constexpr absl::string_view kPseudonymLabel = "sealtrain/pseudonym-key/1";

template <class DerivedKey>
absl::StatusOr<DerivedKey> Derive(ByteSpan ikm, std::initializer_list<ByteSpan> info_parts) {
  Bytes info;
  for (ByteSpan part : info_parts) info.insert(info.end(), part.begin(), part.end());
  ST_ASSIGN_OR_RETURN(SecretBytes derived, SecretBytes::Allocate(kKeyBytes));
  ST_RETURN_IF_ERROR(Hkdf(256, ikm, /*salt=*/{}, info, derived.mutable_span()));
  return DerivedKey::FromBytes(std::move(derived));
}

}  // namespace

absl::StatusOr<Dek> KeyDerivation::ColumnDek(absl::Span<const ClassKey* const> class_keys,
                                             const Id& shard_id, absl::string_view column_id) {
  if (class_keys.empty()) {
    return absl::InvalidArgumentError("a column key derives from at least one class key");
  }
  ST_ASSIGN_OR_RETURN(SecretBytes ikm, SecretBytes::Allocate(class_keys.size() * kKeyBytes));
  auto out = ikm.mutable_span().begin();
  for (const ClassKey* class_key : class_keys) {
    const ByteSpan bytes = class_key->bytes(KeyAccess());
    out = std::copy(bytes.begin(), bytes.end(), out);
  }
  return Derive<Dek>(ikm.span(), {AsBytes(kColumnLabel), shard_id, AsBytes(column_id)});
}

absl::StatusOr<Dek> KeyDerivation::ObjectDek(const ClassKey& class_key, const Id& object_id,
                                             absl::string_view label) {
  return Derive<Dek>(class_key.bytes(KeyAccess()),
                     {AsBytes(kObjectLabel), object_id, AsBytes(label)});
}

absl::StatusOr<MacKey> KeyDerivation::PseudonymKey(const ClassKey& class_key,
                                                   absl::string_view domain) {
  static constexpr std::uint8_t kSeparator[] = {0x00};
  return Derive<MacKey>(class_key.bytes(KeyAccess()),
                        {AsBytes(kPseudonymLabel), kSeparator, AsBytes(domain)});
}

}  // namespace sealtrain::crypto
