#include "sealtrain/custody/home_database_internal.h"

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::custody {
namespace {

constexpr std::int64_t kApplicationId = 0x53544b53;  // "STKS"
constexpr std::int64_t kUserVersion = 2;

// Times are Unix time in nanoseconds; digests and ids are blobs of fixed size.
constexpr char kSchema[] = R"sql(
CREATE TABLE root_key (
  number       INTEGER PRIMARY KEY,
  provider     TEXT NOT NULL,
  memory_bytes INTEGER NOT NULL,
  passes       INTEGER NOT NULL,
  salt         BLOB NOT NULL
) STRICT;

CREATE TABLE signing_key (
  name    TEXT PRIMARY KEY,
  wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE class_key (
  scope      TEXT NOT NULL,
  data_class INTEGER NOT NULL,
  key_epoch  INTEGER NOT NULL,
  wrapped    BLOB NOT NULL,
  PRIMARY KEY (scope, data_class, key_epoch)
) STRICT;

CREATE TABLE dataset (
  name                 TEXT PRIMARY KEY,
  message_name         TEXT NOT NULL,
  descriptor_set       BLOB NOT NULL,
  schema_sha256        BLOB NOT NULL,
  key_epoch            INTEGER NOT NULL,
  generation           INTEGER NOT NULL,
  manifest             BLOB NOT NULL,
  rows                 INTEGER NOT NULL,
  created_ns           INTEGER NOT NULL,
  last_commit_ns       INTEGER,
  runs_without_privacy INTEGER NOT NULL
) STRICT;

CREATE TABLE policy (
  version    INTEGER PRIMARY KEY,
  id         TEXT NOT NULL,
  sha256     BLOB NOT NULL,
  applied_ns INTEGER NOT NULL,
  applied_by TEXT NOT NULL,
  approvers  TEXT NOT NULL,
  signature  BLOB NOT NULL
) STRICT;

CREATE TABLE lease (
  permit_id       BLOB PRIMARY KEY,
  action          INTEGER NOT NULL,
  principal       TEXT NOT NULL,
  dataset         TEXT NOT NULL REFERENCES dataset (name),
  purpose         TEXT NOT NULL,
  expires_ns      INTEGER NOT NULL,
  expires_boot_ns INTEGER NOT NULL,
  revoked         INTEGER NOT NULL,
  ended           INTEGER NOT NULL
) STRICT;
CREATE INDEX live_lease ON lease (ended) WHERE ended = 0;

CREATE TABLE ledger (
  permit_id        BLOB PRIMARY KEY REFERENCES lease (permit_id),
  dataset          TEXT NOT NULL REFERENCES dataset (name),
  principal        TEXT NOT NULL,
  model            TEXT NOT NULL,
  unit             INTEGER NOT NULL,
  sampling_rate    REAL NOT NULL,
  noise_multiplier REAL NOT NULL,
  steps            INTEGER NOT NULL,
  delta            REAL NOT NULL,
  settled          INTEGER NOT NULL,
  reserved_ns      INTEGER NOT NULL
) STRICT;
CREATE INDEX ledger_of_dataset ON ledger (dataset, unit);

CREATE TABLE model (
  name            TEXT PRIMARY KEY,
  object_id       BLOB NOT NULL UNIQUE,
  dataset         TEXT NOT NULL REFERENCES dataset (name),
  generation      INTEGER NOT NULL,
  purpose         TEXT NOT NULL,
  principal       TEXT NOT NULL,
  artifact_sha256 BLOB NOT NULL,
  policy_sha256   BLOB NOT NULL,
  ledger_entry    BLOB REFERENCES ledger (permit_id),
  key_epoch       INTEGER NOT NULL,
  created_ns      INTEGER NOT NULL,
  data_classes    BLOB NOT NULL,
  deadline_ns     INTEGER NOT NULL,
  release         BLOB NOT NULL
) STRICT;

CREATE TABLE approved_access (
  sha256       BLOB PRIMARY KEY,
  principal    TEXT NOT NULL,
  dataset      TEXT NOT NULL,
  not_after_ns INTEGER NOT NULL,
  request      BLOB NOT NULL,
  approvals    BLOB NOT NULL
) STRICT;

CREATE TABLE owed_event (
  number      INTEGER PRIMARY KEY AUTOINCREMENT,
  request_uid BLOB NOT NULL UNIQUE,
  event       BLOB NOT NULL
) STRICT;

CREATE TABLE log_position (
  entries INTEGER NOT NULL
) STRICT;
-- The log begins with CUSTODY_CREATED.
INSERT INTO log_position VALUES (1);
)sql";

// What version 2 added. Some stores of version 1 have it already.
constexpr char kSchemaSince2[] = R"sql(
CREATE TABLE IF NOT EXISTS opening (
  entry_uid BLOB PRIMARY KEY,
  wrapped   BLOB NOT NULL
) STRICT;
)sql";

absl::Status SetUserVersion(Database& db) {
  return db.Execute(absl::StrCat("PRAGMA user_version=", kUserVersion).c_str());
}

absl::Status UpgradeFrom1(Database& db) {
  ST_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db));
  ST_RETURN_IF_ERROR(db.Execute(kSchemaSince2));
  ST_RETURN_IF_ERROR(SetUserVersion(db));
  return transaction.Commit();
}

}  // namespace

absl::StatusOr<Database> CreateHomeDatabase(Env& env, const std::string& path) {
  {
    // SQLite would create it with the umask's mode; an empty file is a valid
    // empty database, and the journal inherits the file's mode.
    ST_ASSIGN_OR_RETURN(auto file, env.OpenForWrite(path, Env::OpenMode::kCreateNew));
    ST_RETURN_IF_ERROR(file->Sync());
    ST_RETURN_IF_ERROR(file->Close());
  }
  ST_ASSIGN_OR_RETURN(Database db, Database::Open(path));
  ST_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db));
  ST_RETURN_IF_ERROR(db.Execute(kSchema));
  ST_RETURN_IF_ERROR(db.Execute(kSchemaSince2));
  ST_RETURN_IF_ERROR(db.Execute(absl::StrCat("PRAGMA application_id=", kApplicationId).c_str()));
  ST_RETURN_IF_ERROR(SetUserVersion(db));
  ST_RETURN_IF_ERROR(transaction.Commit());
  ST_RETURN_IF_ERROR(env.SyncDir(DirName(path)));
  return db;
}

absl::StatusOr<Database> OpenHomeDatabase(Env& env, const std::string& path) {
  if (!env.Exists(path)) return absl::DataLossError(absl::StrCat("key store is missing: ", path));
  ST_ASSIGN_OR_RETURN(Database db, Database::Open(path));
  ST_ASSIGN_OR_RETURN(const std::int64_t application_id, db.QueryInt("PRAGMA application_id"));
  if (application_id != kApplicationId) {
    return absl::DataLossError(absl::StrCat("not a key store: ", path));
  }
  ST_ASSIGN_OR_RETURN(const std::int64_t version, db.QueryInt("PRAGMA user_version"));
  if (version != kUserVersion && version != 1) {
    return absl::DataLossError(
        absl::StrCat(path, " has version ", version, ", this program reads 1 to ", kUserVersion));
  }
  ST_ASSIGN_OR_RETURN(Statement integrity, db.Prepare("PRAGMA integrity_check(1)"));
  ST_ASSIGN_OR_RETURN(const bool answered, integrity.Step());
  if (!answered || integrity.Text(0) != "ok") {
    return absl::DataLossError(absl::StrCat("key store is damaged: ", path));
  }
  ST_ASSIGN_OR_RETURN(Statement foreign_keys, db.Prepare("PRAGMA foreign_key_check"));
  ST_ASSIGN_OR_RETURN(const bool orphan, foreign_keys.Step());
  if (orphan) return absl::DataLossError(absl::StrCat("key store has orphaned rows: ", path));
  if (version == 1) ST_RETURN_IF_ERROR(UpgradeFrom1(db));
  return db;
}

}  // namespace sealtrain::custody
