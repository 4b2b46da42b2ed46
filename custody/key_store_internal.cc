#include "sealtrain/custody/key_store_internal.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::custody {
namespace {

using crypto::KeyWrap;

constexpr char kPassphraseProvider[] = "passphrase";
constexpr std::int64_t kMinArgon2Memory = std::int64_t{8} << 10;
constexpr std::int64_t kMaxArgon2Memory = std::int64_t{1} << 30;
constexpr std::int64_t kMaxArgon2Passes = 10;

absl::Status BadRoot(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("key store: the root key's entry ", what));
}

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

Bytes OpeningContext(absl::string_view entry_uid) {
  Bytes context;
  AppendWithNul("sealtrain/custody/opening/1", context);
  context.insert(context.end(), AsBytes(entry_uid).begin(), AsBytes(entry_uid).end());
  return context;
}

std::string DatasetScope(absl::string_view dataset) { return absl::StrCat("dataset:", dataset); }
std::string ModelScope(absl::string_view model) { return absl::StrCat("model:", model); }

absl::Status PutRootKeyRecord(Database& db, const RootKeyRecord& record) {
  ST_RETURN_IF_ERROR(db.Execute("DELETE FROM root_key"));
  ST_ASSIGN_OR_RETURN(Statement insert,
                      db.Prepare("INSERT INTO root_key (number, provider, memory_bytes, passes, "
                                 "salt) VALUES (?, ?, ?, ?, ?)"));
  return insert.Bind(std::int64_t{record.number})
      .Bind(kPassphraseProvider)
      .Bind(record.argon2.memory_bytes)
      .Bind(std::int64_t{record.argon2.passes})
      .Bind(ByteSpan(record.argon2.salt))
      .Run();
}

absl::StatusOr<RootKeyRecord> GetRootKeyRecord(const Database& db) {
  ST_ASSIGN_OR_RETURN(
      Statement select,
      db.Prepare("SELECT number, provider, memory_bytes, passes, salt FROM root_key"));
  ST_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return BadRoot("is missing");
  if (select.Text(1) != kPassphraseProvider) return BadRoot("has an unknown provider");
  RootKeyRecord record;
  if (select.Int(0) < kFirstRootKey || select.Int(0) > std::numeric_limits<std::uint32_t>::max()) {
    return BadRoot("has a number out of range");
  }
  record.number = static_cast<std::uint32_t>(select.Int(0));
  if (select.Int(2) < kMinArgon2Memory || select.Int(2) > kMaxArgon2Memory) {
    return BadRoot("has memory_bytes out of range [8 KiB, 1 GiB]");
  }
  record.argon2.memory_bytes = select.Uint(2);
  if (select.Int(3) < 1 || select.Int(3) > kMaxArgon2Passes) {
    return BadRoot("has passes out of range [1, 10]");
  }
  record.argon2.passes = static_cast<std::uint32_t>(select.Int(3));
  ST_RETURN_IF_ERROR(select.Blob(4, absl::MakeSpan(record.argon2.salt)));
  ST_ASSIGN_OR_RETURN(const bool another, select.Step());
  if (another) return BadRoot("stands there twice");
  return record;
}

absl::StatusOr<KeyStore> KeyStore::Open(Database& db, crypto::Kek root) {
  // No row is ever wrapped twice by the same root key or deleted, so each stands for
  // one wrap. Those whose row was never committed are not among them: one for each
  // crash at that moment.
  ST_ASSIGN_OR_RETURN(Statement count, db.Prepare("SELECT (SELECT count(*) FROM signing_key) + "
                                                  "(SELECT count(*) FROM class_key) + "
                                                  "(SELECT count(*) FROM opening)"));
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

absl::Status KeyStore::RemoveSigningKey(absl::string_view name) {
  ST_ASSIGN_OR_RETURN(Statement remove, db_->Prepare("DELETE FROM signing_key WHERE name = ?"));
  return remove.Bind(name).Run();
}

absl::StatusOr<bool> KeyStore::HasSigningKey(absl::string_view name) const {
  ST_ASSIGN_OR_RETURN(Statement select, db_->Prepare("SELECT 1 FROM signing_key WHERE name = ?"));
  return select.Bind(name).Step();
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

absl::StatusOr<std::vector<ClassKeyName>> KeyStore::ClassKeys() const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT scope, data_class, key_epoch FROM class_key "
                                   "ORDER BY scope, data_class, key_epoch"));
  std::vector<ClassKeyName> names;
  while (true) {
    ST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return names;
    names.push_back({.scope = select.Text(0),
                     .data_class = static_cast<int>(select.Int(1)),
                     .key_epoch = static_cast<std::uint32_t>(select.Int(2))});
  }
}

absl::Status KeyStore::AddOpening(absl::string_view entry_uid, absl::string_view opening) {
  ST_ASSIGN_OR_RETURN(const Bytes wrapped,
                      KeyWrap::WrapBytes(root_, OpeningContext(entry_uid), AsBytes(opening)));
  ST_ASSIGN_OR_RETURN(Statement insert,
                      db_->Prepare("INSERT INTO opening (entry_uid, wrapped) VALUES (?, ?)"));
  return insert.Bind(AsBytes(entry_uid)).Bind(ByteSpan(wrapped)).Run();
}

absl::StatusOr<std::string> KeyStore::WrappedOpening(absl::string_view entry_uid) const {
  ST_ASSIGN_OR_RETURN(Statement select,
                      db_->Prepare("SELECT wrapped FROM opening WHERE entry_uid = ?"));
  ST_ASSIGN_OR_RETURN(const bool found, select.Bind(AsBytes(entry_uid)).Step());
  if (!found) return absl::NotFoundError("custody has nothing that the entry seals");
  std::string wrapped = select.Text(0);
  if (wrapped.empty()) return absl::FailedPreconditionError("what the entry sealed is destroyed");
  return wrapped;
}

absl::StatusOr<std::string> KeyStore::GetOpening(absl::string_view entry_uid) const {
  ST_ASSIGN_OR_RETURN(const std::string wrapped, WrappedOpening(entry_uid));
  const absl::StatusOr<crypto::SecretBytes> opening =
      KeyWrap::UnwrapBytes(root_, OpeningContext(entry_uid), AsBytes(wrapped));
  if (absl::IsDataLoss(opening.status())) {
    return absl::DataLossError("key store: what the entry seals does not open");
  }
  ST_RETURN_IF_ERROR(opening.status());
  return std::string(AsText(opening->span()));
}

absl::Status KeyStore::DestroyOpening(absl::string_view entry_uid) {
  ST_RETURN_IF_ERROR(WrappedOpening(entry_uid).status());
  // The row stays: it counts as a wrap, and tells that there was something.
  ST_ASSIGN_OR_RETURN(Statement update,
                      db_->Prepare("UPDATE opening SET wrapped = x'' WHERE entry_uid = ?"));
  return update.Bind(AsBytes(entry_uid)).Run();
}

absl::StatusOr<KeyStore> KeyStore::Rewrap(crypto::Kek next) const {
  KeyStore rewrapped(*db_, std::move(next));
  ST_ASSIGN_OR_RETURN(Statement update_signing,
                      db_->Prepare("UPDATE signing_key SET wrapped = ? WHERE name = ?"));
  std::vector<const char*> signing_keys = {kAuditLogKey, kManifestKey, kPolicyKey};
  ST_ASSIGN_OR_RETURN(const bool replacing_log_key, HasSigningKey(kNextAuditLogKey));
  if (replacing_log_key) signing_keys.push_back(kNextAuditLogKey);
  for (const char* name : signing_keys) {
    ST_ASSIGN_OR_RETURN(const crypto::SigningKey key, GetSigningKey(name));
    ST_ASSIGN_OR_RETURN(const Bytes wrapped,
                        KeyWrap::Wrap(rewrapped.root_, SigningKeyContext(name), key));
    ST_RETURN_IF_ERROR(update_signing.Bind(ByteSpan(wrapped)).Bind(name).Run());
  }
  ST_ASSIGN_OR_RETURN(Statement update_class,
                      db_->Prepare("UPDATE class_key SET wrapped = ? "
                                   "WHERE scope = ? AND data_class = ? AND key_epoch = ?"));
  ST_ASSIGN_OR_RETURN(const std::vector<ClassKeyName> names, ClassKeys());
  for (const ClassKeyName& name : names) {
    ST_ASSIGN_OR_RETURN(const crypto::ClassKey key,
                        GetClassKey(name.scope, name.data_class, name.key_epoch));
    ST_ASSIGN_OR_RETURN(
        const Bytes wrapped,
        KeyWrap::Wrap(rewrapped.root_, ClassKeyContext(name.scope, name.data_class, name.key_epoch),
                      key));
    ST_RETURN_IF_ERROR(update_class.Bind(ByteSpan(wrapped))
                           .Bind(name.scope)
                           .Bind(std::int64_t{name.data_class})
                           .Bind(std::int64_t{name.key_epoch})
                           .Run());
  }
  ST_ASSIGN_OR_RETURN(Statement openings,
                      db_->Prepare("SELECT entry_uid FROM opening WHERE length(wrapped) > 0"));
  std::vector<std::string> uids;
  while (true) {
    ST_ASSIGN_OR_RETURN(const bool row, openings.Step());
    if (!row) break;
    uids.push_back(openings.Text(0));
  }
  ST_ASSIGN_OR_RETURN(Statement update_opening,
                      db_->Prepare("UPDATE opening SET wrapped = ? WHERE entry_uid = ?"));
  for (const std::string& uid : uids) {
    ST_ASSIGN_OR_RETURN(const std::string opening, GetOpening(uid));
    ST_ASSIGN_OR_RETURN(const Bytes wrapped,
                        KeyWrap::WrapBytes(rewrapped.root_, OpeningContext(uid), AsBytes(opening)));
    ST_RETURN_IF_ERROR(update_opening.Bind(ByteSpan(wrapped)).Bind(AsBytes(uid)).Run());
  }
  return rewrapped;
}

}  // namespace sealtrain::custody
