// SQLite behind three small types: a connection, a prepared statement, a
// transaction. Nothing here knows what is stored.
//
// Durability: rollback journal with synchronous=EXTRA, so a committed
// transaction survives power loss. This is the one place that writes files not
// through Env but through SQLite's own, well-tested layer.
//
// Errors: DataLoss (damaged or not a database), Unavailable (disk full, I/O,
// busy), Internal (a statement of ours is wrong, or breaks a constraint).
// Not thread-safe: the custodian's mutex guards the connection.
#ifndef SEALTRAIN_CUSTODY_SQLITE_INTERNAL_H_
#define SEALTRAIN_CUSTODY_SQLITE_INTERNAL_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::custody {

// A prepared statement. Parameters are bound in order; the first error of a
// bind shows in the next Step(). Must not outlive its Database.
class Statement {
 public:
  Statement& Bind(std::int64_t value);
  Statement& Bind(std::uint64_t value);  // at most INT64_MAX, else the step fails
  Statement& Bind(double value);
  Statement& Bind(absl::string_view text);
  Statement& Bind(ByteSpan blob);

  // True: a row stands ready. False: no more.
  absl::StatusOr<bool> Step();
  // For statements that return no rows. Once OK, it can be bound and run again.
  absl::Status Run();

  // Columns of the current row, from 0.
  std::int64_t Int(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  std::uint64_t Uint(int column) const { return static_cast<std::uint64_t>(Int(column)); }
  double Real(int column) const { return sqlite3_column_double(statement_.get(), column); }
  std::string Text(int column) const;  // also of a blob
  // Copies a blob of exactly out.size() bytes. DataLoss: another length.
  absl::Status Blob(int column, MutableByteSpan out) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  Statement& Check(int code);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int next_parameter_ = 1;
  absl::Status bind_status_;
};

class Database {
 public:
  // Opens an existing file, which may be empty, and sets the connection up.
  static absl::StatusOr<Database> Open(const std::string& path);

  absl::Status Execute(const char* sql);  // one or more statements without rows
  absl::StatusOr<Statement> Prepare(absl::string_view sql) const;
  // The single integer that `sql` answers, for PRAGMAs and counts.
  absl::StatusOr<std::int64_t> QueryInt(absl::string_view sql) const;

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  explicit Database(sqlite3* db) : db_(db) {}
  std::unique_ptr<sqlite3, Close> db_;
};

// Rolls back unless Commit() succeeded.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Begin(Database& db);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  absl::Status Commit();

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;  // null: over
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_SQLITE_INTERNAL_H_
