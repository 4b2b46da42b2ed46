// The audit log: an append-only Merkle log in C2SP tlog-tiles format.
// docs/formats/audit-log.md is the contract, for the published files and for
// the write-ahead protocol.
//
// One process writes at a time, by lock. Append() returns only after the entry
// is durable together with a signed checkpoint that covers it; a thread of the log
// publishes it then. After a failed write or sync the writer is poisoned: every later
// call repeats that error. On a full disk it takes last words only, which tell of what has
// been done, and goes on when there is space again; it is poisoned if one of those does not
// fit into what is kept for them.
#ifndef SEALTRAIN_AUDIT_AUDIT_LOG_H_
#define SEALTRAIN_AUDIT_AUDIT_LOG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sealtrain/audit/event.pb.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/signing.h"

namespace sealtrain::audit {

// Entries are at most this long.
inline constexpr std::size_t kMaxEntryBytes = 16 * 1024;

inline constexpr std::uint64_t kMostWalBytes = 16 << 20;

struct LogOptions {
  std::string directory;  // the publishable root
  // The log's key name and origin: a schema-less URL without spaces and '+',
  // at most 255 bytes.
  std::string origin;
  // How long what is durable may wait to be published with what comes after it.
  absl::Duration publish_interval = absl::Milliseconds(20);
  // The write-ahead log is replaced once it has so many bytes or records: the more, the
  // longer recovery takes, the fewer, the more is synced. At most kMostWalBytes.
  std::uint64_t wal_bytes = kMostWalBytes;
  std::uint64_t wal_records = 4096;
};

// Thread-safe: concurrent Append() calls share one sync (group commit). Publishes what is
// left to be when it is destroyed.
class AuditLog {
 public:
  // Makes a new, empty log: directories, log.vkey, signed empty checkpoint.
  // AlreadyExists: there is one.
  static absl::Status Create(Env& env, const LogOptions& options, const crypto::SigningKey& key);
  // Opens the log for writing: replays what a crash left behind, cuts a torn
  // last record, refuses everything else that is wrong.
  // DataLoss: the log was changed, truncated or rolled back (says which file
  // and byte). Unavailable: another writer holds it, or no thread can
  // be started. NotFound: no log. InvalidArgument: `options` or `next_key` cannot be.
  // `next_key`, where the log's key is being replaced, signs beside `key`; log.vkey
  // names both before it does. Once it OpensWith(next_key), after the first Publish() of an
  // entry, `next_key` may be opened with as `key`, at first with that one as `next_key`
  // or at once alone.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(
      Env& env, const LogOptions& options, crypto::SigningKey key,
      std::optional<crypto::SigningKey> next_key = std::nullopt);
  virtual ~AuditLog() = default;

  // Makes the event durable and returns its index. Readers see it after the publish
  // interval or Publish(); if the log cannot be written in between, when it is opened
  // again. Fills in format, uid and times where unset. InvalidArgument: too long or
  // type/phase unset (does not poison). Unavailable: the log cannot be written;
  // IsDiskFull(): nothing was, and it may be tried again.
  virtual absl::StatusOr<std::uint64_t> Append(Event event) = 0;

  // Readers see all that was durable before the call. Unavailable: the log cannot be
  // written; IsDiskFull(): not now.
  virtual absl::Status Publish() = 0;

  // The newest durable checkpoint, as a signed note.
  virtual std::string checkpoint() const = 0;
  virtual std::uint64_t size() const = 0;
  // Whether the log is sound, and could be opened now with `key`, one of those that it
  // was opened with, as its own.
  virtual bool OpensWith(const crypto::PublicKey& key) const = 0;
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_AUDIT_LOG_H_
