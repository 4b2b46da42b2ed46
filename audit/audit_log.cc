#include "sealtrain/audit/audit_log.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/audit/group_commit.h"
#include "sealtrain/audit/log_files.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/published_files.h"
#include "sealtrain/audit/recovery.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/audit/tree_writer.h"
#include "sealtrain/audit/vkey_file.h"
#include "sealtrain/audit/wal.h"
#include "sealtrain/base/mutex.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

// Whether it tells of what has been done, and not of what may follow from it: then it may
// have the reserve of a full disk. docs/formats/audit-log.md, "A full disk".
bool IsLastWord(const Event& event) {
  if (event.type() == LOG_STARTED || event.type() == HEARTBEAT) return false;
  return event.phase() == SUCCEEDED || event.phase() == FAILED || event.phase() == ABANDONED;
}

// The writer behind AuditLog. Concurrent callers commit in groups; publishing is another
// thread's work, and goes on beside them but for what must not change meanwhile.
class LogWriter final : public AuditLog {
 public:
  // `base_is_signed`: by all of `keys`, what the write-ahead log goes on from.
  LogWriter(Env& env, const LogOptions& options, std::vector<crypto::SigningKey> keys,
            std::unique_ptr<FileLock> lock, WriterState state, bool base_is_signed)
      : env_(env),
        options_(options),
        keys_(std::move(keys)),
        lock_(std::move(lock)),
        files_(std::move(state.files)),
        tree_(std::move(state.tree)),
        wal_(std::move(state.wal)),
        durable_{.note = std::move(state.checkpoint_note), .size = tree_.size()},
        published_size_(tree_.size()),
        base_is_signed_(base_is_signed),
        group_commit_(kMaxWalRecordEntries, [this](std::vector<std::string> entries) {
          return Commit(std::move(entries));
        }) {}

  ~LogWriter() override {
    if (!publisher_.joinable()) return;
    {
      MutexLock lock(&mutex_);
      closing_ = true;
    }
    publisher_.join();
    // What this cannot publish the next opening does.
    Publish().IgnoreError();
  }

  // Once, before all else. Unavailable: no thread can be started.
  absl::Status StartPublisher() {
    try {
      publisher_ = std::thread([this] { PublishNowAndThen(); });
    } catch (const std::system_error& error) {
      return absl::UnavailableError(absl::StrCat("no thread for the audit log: ", error.what()));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::uint64_t> Append(Event event) override {
    const bool is_last_word = IsLastWord(event);
    ST_ASSIGN_OR_RETURN(std::string entry, EncodeEvent(std::move(event)));
    std::string last_word;
    if (is_last_word) last_word = entry;
    absl::StatusOr<std::uint64_t> index = group_commit_.Add(std::move(entry));
    if (!IsDiskFull(index.status())) return index;
    if (is_last_word) return CommitLastWord(std::move(last_word));
    return DiskFullError(absl::StrCat(
        "the disk of the audit log is full, so nothing new is recorded and nothing allowed; make "
        "room and try again: ",
        index.status().message()));
  }

  // An exception in here would leave what is known of the disk untrue.
  absl::Status Publish() noexcept override {
    MutexLock publishing(&publish_mutex_);
    const absl::Status status = RotationIsDue() ? Rotate() : PublishNews();
    return status.ok() || IsDiskFull(status) ? status : Fail(status);
  }

  std::string checkpoint() const override {
    MutexLock lock(&mutex_);
    return durable_.note;
  }

  std::uint64_t size() const override {
    MutexLock lock(&mutex_);
    return durable_.size;
  }

  bool OpensWith(const crypto::PublicKey& key) const override {
    MutexLock lock(&mutex_);
    return failure_.ok() && base_is_signed_ &&
           std::any_of(keys_.begin(), keys_.end(), [&key](const crypto::SigningKey& signs) {
             return signs.public_key() == key;
           });
  }

 private:
  // The newest tree that is durable, and what the write-ahead log takes for it.
  struct Durable {
    std::string note;
    std::uint64_t size = 0;
    std::uint64_t wal_bytes = 0;
    std::uint64_t wal_records = 0;
  };

  // Makes the entries durable, with a checkpoint, and returns the index of the first.
  // IsDiskFull(): nothing was written.
  absl::StatusOr<std::uint64_t> Commit(std::vector<std::string> entries) {
    // A disk that is too slow for replacing it beside callers holds them up.
    if (WalHas(kMostRotations)) ST_RETURN_IF_ERROR(Publish());
    MutexLock committing(&commit_mutex_);
    return CommitBefore(kWalReserveBytes, std::move(entries));
  }

  // The same for an entry that may use the reserve. If not even that is left, the log would
  // go on without what was done.
  absl::StatusOr<std::uint64_t> CommitLastWord(std::string entry) {
    MutexLock committing(&commit_mutex_);
    absl::StatusOr<std::uint64_t> index = CommitBefore(/*reserve=*/0, {std::move(entry)});
    if (IsDiskFull(index.status())) return Fail(index.status());
    return index;
  }

  // An exception in here would leave entries in the tree that are not in the log.
  absl::StatusOr<std::uint64_t> CommitBefore(std::uint64_t reserve,
                                             std::vector<std::string> entries) noexcept
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_) {
    ST_RETURN_IF_ERROR(Failure());
    // Before the tree has the entries.
    const absl::Status room = wal_.MakeRoom(entries, reserve);
    if (!room.ok()) return IsDiskFull(room) ? room : Fail(room);
    WalRecord record{
        .first_index = tree_.size(), .entries = std::move(entries), .checkpoint_note = {}};
    const absl::Status status = Write(record);
    if (!status.ok()) return Fail(status);
    MutexLock lock(&mutex_);
    durable_ = {.note = std::move(record.checkpoint_note),
                .size = tree_.size(),
                .wal_bytes = wal_.bytes(),
                .wal_records = wal_.records()};
    return record.first_index;
  }

  absl::Status Write(WalRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex_) {
    for (const std::string& entry : record.entries) tree_.Add(entry);
    ST_ASSIGN_OR_RETURN(
        record.checkpoint_note,
        SignCheckpoint({.origin = options_.origin, .size = tree_.size(), .root = tree_.Root()},
                       keys_));
    // Durable before anyone sees it: else a crash would make us sign another
    // tree of the same size.
    return wal_.Append(record);
  }

  // Publishes what is durable.
  absl::Status PublishNews() ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_mutex_) {
    ST_RETURN_IF_ERROR(WriteNews());  // that a full disk had no space for
    {
      MutexLock committing(&commit_mutex_);
      ST_RETURN_IF_ERROR(TakeNews());
    }
    return WriteNews();
  }

  // What is durable and was not published yet. After a failure that is not known.
  absl::Status TakeNews() ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_mutex_, commit_mutex_) {
    ST_RETURN_IF_ERROR(Failure());
    news_ = tree_.Take(checkpoint());
    return absl::OkStatus();
  }

  absl::Status WriteNews() ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_mutex_) {
    if (news_.empty()) return absl::OkStatus();
    ST_RETURN_IF_ERROR(Failure());
    ST_RETURN_IF_ERROR(files_.Publish(news_));
    MutexLock lock(&mutex_);
    published_size_ = news_.size;
    news_ = {};
    return absl::OkStatus();
  }

  // Replaces the write-ahead log. Callers wait for the end of it alone, when there is
  // little left to publish and to sync.
  absl::Status Rotate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_mutex_) {
    ST_RETURN_IF_ERROR(PublishNews());
    ST_RETURN_IF_ERROR(files_.Sync());
    MutexLock committing(&commit_mutex_);
    ST_RETURN_IF_ERROR(TakeNews());
    ST_RETURN_IF_ERROR(WriteNews());
    const std::string note = checkpoint();
    ST_ASSIGN_OR_RETURN(wal_, StartWal(env_, options_.directory, files_, note));
    MutexLock lock(&mutex_);
    durable_.wal_bytes = wal_.bytes();
    durable_.wal_records = wal_.records();
    // From here on a key of `keys_` alone is enough to open the log.
    base_is_signed_ = true;
    return absl::OkStatus();
  }

  void PublishNowAndThen() {
    while (true) {
      {
        MutexLock lock(&mutex_);
        mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
          return closing_ || (failure_.ok() && durable_.size != published_size_);
        });
        mutex_.AwaitWithTimeout(
            [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closing_ || IsLong(1); },
            options_.publish_interval);
        if (closing_) return;
      }
      // The next caller is told of an error.
      if (!IsDiskFull(Publish())) continue;
      MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closing_; },
                              kFullDiskPause);
    }
  }

  // Whether the write-ahead log has `times` what it is replaced at, or more.
  bool IsLong(std::uint64_t times) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return durable_.wal_bytes >= times * options_.wal_bytes ||
           durable_.wal_records >= times * options_.wal_records;
  }
  bool WalHas(std::uint64_t times) const {
    MutexLock lock(&mutex_);
    return IsLong(times);
  }
  bool RotationIsDue() const {
    MutexLock lock(&mutex_);
    return IsLong(1) || (!base_is_signed_ && durable_.wal_records > 0);
  }

  absl::Status Failure() const {
    MutexLock lock(&mutex_);
    return failure_;
  }
  // Keeps the first failure, and returns it.
  absl::Status Fail(const absl::Status& status) {
    MutexLock lock(&mutex_);
    if (failure_.ok()) {
      failure_ = absl::UnavailableError(
          absl::StrCat("the audit log cannot be written: ", status.message()));
    }
    return failure_;
  }

  // The most that the write-ahead log may have, by what it is replaced at.
  static constexpr std::uint64_t kMostRotations = 2;
  // Between two looks at whether a full disk has space again.
  static constexpr absl::Duration kFullDiskPause = absl::Seconds(1);

  Env& env_;
  const LogOptions options_;
  const std::vector<crypto::SigningKey> keys_;
  const std::unique_ptr<FileLock> lock_;

  // Acquired in this order.
  Mutex publish_mutex_;
  Mutex commit_mutex_ ABSL_ACQUIRED_AFTER(publish_mutex_);
  mutable Mutex mutex_ ABSL_ACQUIRED_AFTER(commit_mutex_);

  PublishedFiles files_ ABSL_GUARDED_BY(publish_mutex_);
  Publication news_ ABSL_GUARDED_BY(publish_mutex_);  // taken from tree_ and not published yet

  TreeWriter tree_ ABSL_GUARDED_BY(commit_mutex_);
  WalWriter wal_ ABSL_GUARDED_BY(commit_mutex_);

  Durable durable_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t published_size_ ABSL_GUARDED_BY(mutex_);
  bool base_is_signed_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);  // the first one, repeated for good

  GroupCommit group_commit_;
  std::thread publisher_;
};

// Puts the keys that sign now at the head of log.vkey; none is ever taken out.
absl::Status NameKeys(Env& env, const std::string& directory,
                      const std::vector<VerifierKey>& verifiers) {
  const std::string path = JoinPath(directory, kVkeyFile);
  ST_ASSIGN_OR_RETURN(const std::string before, env.ReadFile(path, kMaxNoteBytes));
  ST_ASSIGN_OR_RETURN(const std::vector<VerifierKey> named, ParseVkeyFile(before));
  std::vector<VerifierKey> keys = verifiers;
  for (const VerifierKey& key : named) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  }
  const std::string after = FormatVkeyFile(keys);
  if (after == before) return absl::OkStatus();
  if (keys.size() > kMaxLogKeys) {
    return absl::InvalidArgumentError("an audit log of more keys than log.vkey can name");
  }
  return WriteFileDurably(env, path, AsBytes(after));
}

}  // namespace

absl::Status AuditLog::Create(Env& env, const LogOptions& options, const crypto::SigningKey& key) {
  if (!IsKeyName(options.origin)) {
    return absl::InvalidArgumentError(
        "the origin of an audit log must be a URL without scheme, "
        "spaces and '+', of at most 255 bytes");
  }
  const auto path = [&](absl::string_view name) { return JoinPath(options.directory, name); };
  ST_RETURN_IF_ERROR(env.CreateDirs(path(kStateFolder)));
  ST_ASSIGN_OR_RETURN(const auto lock, env.Lock(path(kLockFile)));
  // Readers miss it where there is a checkpoint.
  ST_RETURN_IF_ERROR(env.CreateDirs(path(kCheckpointsFolder)));
  // The checkpoint is written last: without it, what is there is the rest of a
  // creation that never ended.
  if (env.Exists(path(kCheckpointFile)) || env.Exists(path(kTileFolder))) {
    return absl::AlreadyExistsError(absl::StrCat("an audit log is in ", options.directory));
  }
  const VerifierKey verifier{.name = options.origin, .public_key = key.public_key()};
  ST_RETURN_IF_ERROR(WriteFileDurably(env, path(kVkeyFile), AsBytes(FormatVkeyFile({verifier}))));

  const Checkpoint empty{.origin = options.origin, .size = 0, .root = crypto::Sha256({})};
  ST_ASSIGN_OR_RETURN(const std::string note, SignCheckpoint(empty, key));
  PublishedFiles files(env, options.directory);
  ST_RETURN_IF_ERROR(StartWal(env, options.directory, files, note).status());
  ST_RETURN_IF_ERROR(
      files.Publish({.size = 0, .full = {}, .partial = {}, .checkpoint_note = note}));
  return files.Sync();
}

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(
    Env& env, const LogOptions& options, crypto::SigningKey key,
    std::optional<crypto::SigningKey> next_key) {
  std::vector<crypto::SigningKey> keys;
  keys.push_back(std::move(key));
  if (next_key) keys.push_back(*std::move(next_key));
  std::vector<VerifierKey> verifiers;
  for (const crypto::SigningKey& each : keys) {
    verifiers.push_back({.name = options.origin, .public_key = each.public_key()});
  }
  if (verifiers.front() == verifiers.back() && verifiers.size() > 1) {
    return absl::InvalidArgumentError("the next key of an audit log is the one it has");
  }
  if (options.wal_bytes > kMostWalBytes) {
    return absl::InvalidArgumentError("a write-ahead log of more bytes than one may have");
  }
  ST_ASSIGN_OR_RETURN(auto lock, env.Lock(JoinPath(options.directory, kLockFile)));
  ST_ASSIGN_OR_RETURN(WriterState state, RecoverWriter(env, options.directory, verifiers[0]));
  // Whoever reads what a key signs finds the key.
  ST_RETURN_IF_ERROR(NameKeys(env, options.directory, verifiers));
  bool base_is_signed = true;
  for (const VerifierKey& verifier : verifiers) {
    base_is_signed = base_is_signed && VerifyCheckpoint(state.checkpoint_note, verifier).ok();
  }
  auto log = std::make_unique<LogWriter>(env, options, std::move(keys), std::move(lock),
                                         std::move(state), base_is_signed);
  ST_RETURN_IF_ERROR(log->StartPublisher());
  return log;
}

}  // namespace sealtrain::audit
