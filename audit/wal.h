// The write-ahead log of an audit log's writer: one file with what the
// published files may not hold durably yet. docs/formats/audit-log.md,
// "Write-ahead log".
#ifndef SEALTRAIN_AUDIT_WAL_H_
#define SEALTRAIN_AUDIT_WAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"

namespace sealtrain::audit {

// Entries of one group commit and the signed checkpoint that covers them.
struct WalRecord {
  std::uint64_t first_index = 0;
  std::vector<std::string> entries;
  std::string checkpoint_note;
};

inline constexpr std::size_t kMaxWalRecordEntries = 512;
// Zeros that are there for last words when the disk is full.
inline constexpr std::uint64_t kWalReserveBytes = 64 << 10;

// What a write-ahead log says, all signatures checked.
struct WalContents {
  struct Record {
    WalRecord record;
    Checkpoint checkpoint;     // of record.checkpoint_note
    std::uint64_t offset = 0;  // in the file
  };
  // What the published files hold durably: the log goes on from there.
  std::string base_note;
  Checkpoint base;
  std::vector<Record> records;
  // Where the last whole record ends. More behind it are zeros, which were never written
  // to, or a record that a crash cut off, and that was never acknowledged.
  std::uint64_t end = 0;
};

// Writes records over zeros that are there already, so that a sync has nothing but
// their bytes to make durable. Not thread-safe. After an error, but for a full disk in
// MakeRoom(), of unknown state for good.
class WalWriter {
 public:
  // Replaces the file at `path`, so that a crash leaves the old or the new one,
  // by one that goes on from `base_note`.
  static absl::StatusOr<WalWriter> Create(Env& env, const std::string& path,
                                          absl::string_view base_note);
  // Sees that there are zeros for a record of `entries`, and `reserve` bytes of them behind
  // it. They become durable with that record. IsDiskFull(): there are not; or the file would
  // be longer than one may be. Then all is as it was.
  absl::Status MakeRoom(const std::vector<std::string>& entries, std::uint64_t reserve);
  // Makes the record, for which there is room, durable: one write, one sync.
  absl::Status Append(const WalRecord& record);

  std::uint64_t bytes() const { return bytes_; }      // without the zeros
  std::uint64_t records() const { return records_; }  // since Create()

 private:
  WalWriter(Env& env, std::string path, std::unique_ptr<UpdatableFile> file, std::uint64_t bytes,
            std::uint64_t file_size, const Digest& last_digest)
      : env_(&env),
        path_(std::move(path)),
        file_(std::move(file)),
        bytes_(bytes),
        file_size_(file_size),
        last_digest_(last_digest) {}

  absl::Status GrowTo(std::uint64_t size);

  Env* env_;
  std::string path_;
  std::unique_ptr<UpdatableFile> file_;
  std::uint64_t bytes_;
  std::uint64_t file_size_;  // zeros from bytes_ on
  std::uint64_t records_ = 0;
  Digest last_digest_;
};

// Reads a write-ahead log whose checkpoints `key` has signed. Checks all that
// can be checked without the tree.
// DataLoss, naming file and byte: a bad header; a bad record with a good one
// after it; records out of order.
absl::StatusOr<WalContents> ReadWal(Env& env, const std::string& path, const VerifierKey& key);
// The same from memory; `name` is for messages.
absl::StatusOr<WalContents> ParseWal(ByteSpan file, const std::string& name,
                                     const VerifierKey& key);
// Makes durable what ReadWal() returned `contents` of, and cuts off what is behind it. What
// was read may be in the page cache only: its sync has failed, or never came.
absl::Status SecureWal(Env& env, const std::string& path, const WalContents& contents);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_WAL_H_
