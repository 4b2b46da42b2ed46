#include "sealtrain/custody/sqlite_internal.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::custody {
namespace {

absl::Status SqliteError(sqlite3* db, int code) {
  const std::string message =
      absl::StrCat("key store: ", db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
      return absl::InternalError(message);
    default:
      return absl::UnavailableError(message);
  }
}

}  // namespace

Statement& Statement::Check(int code) {
  if (code != SQLITE_OK && bind_status_.ok()) {
    bind_status_ = SqliteError(sqlite3_db_handle(statement_.get()), code);
  }
  return *this;
}

Statement& Statement::Bind(std::int64_t value) {
  return Check(sqlite3_bind_int64(statement_.get(), next_parameter_++, value));
}

Statement& Statement::Bind(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return Check(SQLITE_RANGE);
  }
  return Bind(static_cast<std::int64_t>(value));
}

Statement& Statement::Bind(double value) {
  return Check(sqlite3_bind_double(statement_.get(), next_parameter_++, value));
}

Statement& Statement::Bind(absl::string_view text) {
  return Check(sqlite3_bind_text64(statement_.get(), next_parameter_++, text.data(), text.size(),
                                   SQLITE_TRANSIENT, SQLITE_UTF8));
}

Statement& Statement::Bind(ByteSpan blob) {
  // A null pointer would bind NULL and not the empty blob.
  const void* data = blob.empty() ? "" : static_cast<const void*>(blob.data());
  return Check(sqlite3_bind_blob64(statement_.get(), next_parameter_++, data, blob.size(),
                                   SQLITE_TRANSIENT));
}

absl::StatusOr<bool> Statement::Step() {
  ST_RETURN_IF_ERROR(bind_status_);
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return SqliteError(sqlite3_db_handle(statement_.get()), code);
}

absl::Status Statement::Run() {
  ST_ASSIGN_OR_RETURN(const bool row, Step());
  if (row) return absl::InternalError("key store: a statement returned an unexpected row");
  next_parameter_ = 1;
  const int code = sqlite3_reset(statement_.get());
  return code == SQLITE_OK ? absl::OkStatus()
                           : SqliteError(sqlite3_db_handle(statement_.get()), code);
}

std::string Statement::Text(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (data == nullptr) return "";
  return std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

absl::Status Statement::Blob(int column, MutableByteSpan out) const {
  const auto* data =
      static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  if (data == nullptr || size != out.size()) {
    return absl::DataLossError(absl::StrCat("key store: a stored value has ", size, " bytes where ",
                                            out.size(), " belong"));
  }
  std::copy_n(data, size, out.begin());
  return absl::OkStatus();
}

absl::StatusOr<Database> Database::Open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
  Database db(raw);  // closes it in every case
  if (code != SQLITE_OK) return SqliteError(raw, code);
  sqlite3_extended_result_codes(raw, 1);
  // A hostile database file cannot run SQL of its own through its schema.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // EXTRA also syncs the folder after the journal is gone: without that, power
  // loss could bring the journal back and roll back a reservation for which
  // keys were released.
  ST_RETURN_IF_ERROR(
      db.Execute("PRAGMA synchronous=EXTRA; PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON;"));
  // These two answer with a row.
  ST_RETURN_IF_ERROR(db.QueryInt("PRAGMA secure_delete=ON").status());
  ST_ASSIGN_OR_RETURN(Statement journal, db.Prepare("PRAGMA journal_mode=DELETE"));
  ST_ASSIGN_OR_RETURN(const bool row, journal.Step());
  if (!row || journal.Text(0) != "delete") {
    return absl::UnavailableError("key store: cannot use a rollback journal");
  }
  return db;
}

absl::Status Database::Execute(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : SqliteError(db_.get(), code);
}

absl::StatusOr<Statement> Database::Prepare(absl::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK) return SqliteError(db_.get(), code);
  return Statement(statement);
}

absl::StatusOr<std::int64_t> Database::QueryInt(absl::string_view sql) const {
  ST_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  ST_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::DataLossError("key store: a value is missing");
  return statement.Int(0);
}

absl::StatusOr<Transaction> Transaction::Begin(Database& db) {
  ST_RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE"));
  return Transaction(db);
}

Transaction::Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}

Transaction::~Transaction() {
  if (db_ != nullptr) db_->Execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Commit() {
  ST_RETURN_IF_ERROR(db_->Execute("COMMIT"));
  db_ = nullptr;
  return absl::OkStatus();
}

}  // namespace sealtrain::custody
