// The keys of a home, wrapped under the root key, and the openings of what its audit
// log seals, likewise. docs/formats/home.md has the tables and the wrap contexts.
//
// Invariant: none of them is ever in the database unwrapped, and no key leaves this
// class but as a typed key.
// Not thread-safe.
#ifndef SEALTRAIN_CUSTODY_KEY_STORE_INTERNAL_H_
#define SEALTRAIN_CUSTODY_KEY_STORE_INTERNAL_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/custody/sqlite_internal.h"

namespace sealtrain::custody {

// The signing keys of a home.
inline constexpr char kAuditLogKey[] = "audit-log";
inline constexpr char kNextAuditLogKey[] = "audit-log-next";  // while that one is replaced
inline constexpr char kManifestKey[] = "manifest";
inline constexpr char kPolicyKey[] = "policy";  // signs what custody put into force
inline constexpr int kSigningKeys = 3;          // without kNextAuditLogKey

// Whose class key it is. The prefix keeps a data set and a model of one name
// apart; ':' is in no name.
std::string DatasetScope(absl::string_view dataset);
std::string ModelScope(absl::string_view model);

// The class of keys that belong to no column: a shard's index, a model.
inline constexpr int kStructureClass = 0;
inline constexpr std::uint32_t kFirstKeyEpoch = 1;

// The wrap contexts: a wrapped key opens under its own name only.
Bytes SigningKeyContext(absl::string_view name);
Bytes ClassKeyContext(absl::string_view scope, int data_class, std::uint32_t key_epoch);
Bytes OpeningContext(absl::string_view entry_uid);

// How the root key in use is found. The number says how many there have been.
struct RootKeyRecord {
  std::uint32_t number = 0;
  crypto::Argon2idParams argon2;
};
inline constexpr std::uint32_t kFirstRootKey = 1;

// Takes the place of what was there.
absl::Status PutRootKeyRecord(Database& db, const RootKeyRecord& record);
// DataLoss: none, more than one, or with Argon2 parameters out of range: whoever
// can change the file must not make us allocate a terabyte, nor weaken the
// derivation below libsodium's minimum.
absl::StatusOr<RootKeyRecord> GetRootKeyRecord(const Database& db);

// The name of a class key.
struct ClassKeyName {
  std::string scope;
  int data_class = 0;
  std::uint32_t key_epoch = 0;
};

class KeyStore {
 public:
  // `db` must outlive the key store. What lies in it counts as wrapped by `root`:
  // ResourceExhausted here or in the Add functions once `root` has wrapped
  // crypto::kMaxSealsPerKey.
  static absl::StatusOr<KeyStore> Open(Database& db, crypto::Kek root);

  absl::Status AddSigningKey(absl::string_view name, const crypto::SigningKey& key);
  absl::Status RemoveSigningKey(absl::string_view name);
  absl::StatusOr<bool> HasSigningKey(absl::string_view name) const;
  // DataLoss: it does not open under this root key, or is not there.
  absl::StatusOr<crypto::SigningKey> GetSigningKey(absl::string_view name) const;

  // Draws and stores a class key.
  absl::Status AddClassKey(absl::string_view scope, int data_class, std::uint32_t key_epoch);
  absl::StatusOr<bool> HasClassKey(absl::string_view scope, int data_class,
                                   std::uint32_t key_epoch) const;
  // FailedPrecondition: destroyed, or never made. DataLoss: does not open.
  absl::StatusOr<crypto::ClassKey> GetClassKey(absl::string_view scope, int data_class,
                                               std::uint32_t key_epoch) const;
  absl::StatusOr<std::vector<ClassKeyName>> ClassKeys() const;

  // Of the entry of the audit log that has this uid.
  absl::Status AddOpening(absl::string_view entry_uid, absl::string_view opening);
  // NotFound: there was none. FailedPrecondition: it is destroyed. DataLoss: it does not
  // open.
  absl::StatusOr<std::string> GetOpening(absl::string_view entry_uid) const;
  // Errors as GetOpening(), save DataLoss: what does not open can be destroyed.
  absl::Status DestroyOpening(absl::string_view entry_uid);

  // Wraps all of them under `next` instead, and returns the key store to use from
  // then on. In a transaction: what it writes is of no use in parts.
  // ResourceExhausted: more than `next` may wrap. DataLoss: a key does not open.
  absl::StatusOr<KeyStore> Rewrap(crypto::Kek next) const;

 private:
  KeyStore(Database& db, crypto::Kek root) : db_(&db), root_(std::move(root)) {}
  // Errors as GetOpening().
  absl::StatusOr<std::string> WrappedOpening(absl::string_view entry_uid) const;

  Database* db_;
  crypto::Kek root_;
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_KEY_STORE_INTERNAL_H_
