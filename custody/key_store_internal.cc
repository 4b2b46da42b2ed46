#include "sealtrain/custody/key_store_internal.h"

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/key_derivation.h"

namespace sealtrain::custody {
namespace {

using crypto::KeyWrap;

// Labels and names hold no NUL, so contexts of different keys always differ.
void AppendWithNul(absl::string_view text, Bytes& out) {
  const ByteSpan bytes = AsBytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
  out.push_back(0);
}

}  // namespace

Bytes SigningKeyContext(absl::string_view name) {
  Bytes context;
  AppendWithNul("sealtrain/custody/signing-key/1", context);
  AppendWithNul(name, context);
  return context;
}

Bytes ClassKeyContext(absl::string_view scope, int data_class, std::uint32_t key_epoch) {
  Bytes context;
  AppendWithNul("sealtrain/custody/class-key/1", context);
  AppendWithNul(scope, context);
  AppendBigEndian(static_cast<std::uint32_t>(data_class), 4, context);
  AppendBigEndian(key_epoch, 4, context);
  return context;
}

std::string DatasetScope(absl::string_view dataset) { return absl::StrCat("dataset:", dataset); }
std::string ModelScope(absl::string_view model) { return absl::StrCat("model:", model); }

absl::StatusOr<KeyStore> KeyStore::Open(Database& db, crypto::Kek root) {
  // No row is ever replaced or deleted, so each stands for one wrap.
  ST_ASSIGN_OR_RETURN(Statement count, db.Prepare("SELECT (SELECT count(*) FROM signing_key) + "
                                                  "(SELECT count(*) FROM class_key)"));
  ST_RETURN_IF_ERROR(count.Step().status());
  ST_RETURN_IF_ERROR(root.CountSeals(count.Uint(0)));
  return KeyStore(db, std::move(root));
}

absl::Status KeyStore::AddSigningKey(absl::string_view name, const crypto::SigningKey& key) {
  ST_ASSIGN_OR_RETURN(const Bytes wrapped, KeyWrap::Wrap(root_, SigningKeyContext(name), key));
  ST_ASSIGN_OR_RETURN(Statement insert,
                      db_->Prepare("INSERT INTO signing_key (name, wrapped) VALUES (?, ?)"));
  return insert.Bind(name).Bind(ByteSpan(wrapped)).Run();
}

absl::StatusOr<crypto::SigningKey> KeyStore::GetSigningKey(absl::string_view name) const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT wrapped FROM signing_key WHERE name = ?"));
  ST_ASSIGN_OR_RETURN(const bool found, select.Bind(name).Step());
  if (!found) return absl::DataLossError(absl::StrCat("key store: signing key ", name, " is gone"));
  return KeyWrap::UnwrapSigningKey(root_, SigningKeyContext(name), AsBytes(select.Text(0)));
}

absl::Status KeyStore::AddClassKey(absl::string_view scope, int data_class,
                                   std::uint32_t key_epoch) {
  ST_ASSIGN_OR_RETURN(const crypto::ClassKey key, crypto::ClassKey::Generate());
  ST_ASSIGN_OR_RETURN(const Bytes wrapped,
                      KeyWrap::Wrap(root_, ClassKeyContext(scope, data_class, key_epoch), key));
  ST_ASSIGN_OR_RETURN(
      Statement insert,
      db_->Prepare(
          "INSERT INTO class_key (scope, data_class, key_epoch, wrapped) VALUES (?, ?, ?, ?)"));
  return insert.Bind(scope)
      .Bind(std::int64_t{data_class})
      .Bind(std::int64_t{key_epoch})
      .Bind(ByteSpan(wrapped))
      .Run();
}

absl::StatusOr<bool> KeyStore::HasClassKey(absl::string_view scope, int data_class,
                                           std::uint32_t key_epoch) const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT 1 FROM class_key "
                                   "WHERE scope = ? AND data_class = ? AND key_epoch = ?"));
  return select.Bind(scope).Bind(std::int64_t{data_class}).Bind(std::int64_t{key_epoch}).Step();
}

absl::StatusOr<crypto::ClassKey> KeyStore::GetClassKey(absl::string_view scope, int data_class,
                                                       std::uint32_t key_epoch) const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT wrapped FROM class_key "
                                   "WHERE scope = ? AND data_class = ? AND key_epoch = ?"));
  ST_ASSIGN_OR_RETURN(
      const bool found,
      select.Bind(scope).Bind(std::int64_t{data_class}).Bind(std::int64_t{key_epoch}).Step());
  const auto name = [&] {
    return absl::StrCat("class key ", scope, " class ", data_class, " epoch ", key_epoch);
  };
  if (!found) return absl::FailedPreconditionError(absl::StrCat(name(), " is destroyed"));
  absl::StatusOr<crypto::ClassKey> key = KeyWrap::Unwrap<struct crypto::ClassKeyTag>(
      root_, ClassKeyContext(scope, data_class, key_epoch), AsBytes(select.Text(0)));
  if (absl::IsDataLoss(key.status())) {
    return absl::DataLossError(absl::StrCat("key store: ", name(), " does not open"));
  }
  return key;
}

}  // namespace sealtrain::custody
