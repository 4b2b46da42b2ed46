#include "sealtrain/audit/audit_log.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/audit/log_files.h"
#include "sealtrain/audit/note.h"
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

// Beyond this a fresh write-ahead log is started, which takes a sync of every
// file that the old one feeds. Small enough that recovery takes seconds.
constexpr std::uint64_t kWalRotationBytes = 4 << 20;

// While others wait to commit, publishing takes its share of the time, not most of it.
constexpr std::chrono::milliseconds kPublishInterval(20);

// The writer behind AuditLog. Appending threads queue up; the one at the front
// leads: it commits what is queued, for all, while the others wait. Then it publishes,
// unless others wait again and it was done a moment ago: the last of them does.
class LogWriter final : public AuditLog {
 public:
  // `base_is_signed`: by all of `keys`, what the write-ahead log goes on from.
  LogWriter(Env& env, const LogOptions& options, std::vector<crypto::SigningKey> keys,
            std::unique_ptr<FileLock> lock, WriterState state, bool base_is_signed)
      : env_(env),
        options_(options),
        keys_(std::move(keys)),
        lock_(std::move(lock)),
        tree_(std::move(state.tree)),
        wal_(std::move(state.wal)),
        base_is_signed_(base_is_signed),
        checkpoint_note_(std::move(state.checkpoint_note)),
        size_(tree_.size()) {}

  absl::StatusOr<std::uint64_t> Append(Event event) override {
    Request request;
    ST_ASSIGN_OR_RETURN(request.entry, EncodeEvent(std::move(event)));
    MutexLock lock(&mutex_);
    queue_.push_back(&request);
    mutex_.Await([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return request.index || (!leading_ && queue_.front() == &request);
    });
    if (!request.index) Lead();
    return *std::move(request.index);
  }

  std::string checkpoint() const override {
    MutexLock lock(&mutex_);
    return checkpoint_note_;
  }

  std::uint64_t size() const override {
    MutexLock lock(&mutex_);
    return size_;
  }

  bool OpensWith(const crypto::PublicKey& key) const override {
    MutexLock lock(&mutex_);
    return failure_.ok() && base_is_signed_ &&
           std::any_of(keys_.begin(), keys_.end(), [&key](const crypto::SigningKey& signs) {
             return signs.public_key() == key;
           });
  }

 private:
  struct Request {
    std::string entry;
    std::optional<absl::StatusOr<std::uint64_t>> index;  // set when done
  };

  // Commits the front of the queue, the caller's own request first, and publishes.
  void Lead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    leading_ = true;
    const std::size_t count = std::min(queue_.size(), kMaxWalRecordEntries);
    WalRecord record{.first_index = size_, .entries = {}, .checkpoint_note = {}};
    for (std::size_t i = 0; i < count; ++i) record.entries.push_back(std::move(queue_[i]->entry));

    if (failure_.ok()) {
      mutex_.Unlock();
      const absl::Status status = Commit(record);
      mutex_.Lock();
      if (status.ok()) {
        checkpoint_note_ = std::move(record.checkpoint_note);
        size_ += count;
      } else {
        Fail(status);
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      std::optional<absl::StatusOr<std::uint64_t>>& index = queue_.front()->index;
      if (failure_.ok()) {
        index = record.first_index + i;
      } else {
        index = failure_;
      }
      queue_.pop_front();
    }
    const auto now = std::chrono::steady_clock::now();
    if (failure_.ok() && (queue_.empty() || now >= publication_due_)) {
      publication_due_ = now + kPublishInterval;
      const std::string note = checkpoint_note_;
      mutex_.Unlock();
      absl::Status status = tree_.Publish(note);
      // From here on a key of `keys_` alone is enough to open the log.
      if (status.ok() && !base_is_signed_) status = RestartWal(note);
      mutex_.Lock();
      // Who was told of an entry was told the truth; nobody is told of another one.
      if (!status.ok()) Fail(status);
    }
    leading_ = false;
  }

  void Fail(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    failure_ =
        absl::UnavailableError(absl::StrCat("the audit log cannot be written: ", status.message()));
  }

  // Makes the record's entries durable, with a checkpoint.
  absl::Status Commit(WalRecord& record) {
    if (wal_.bytes() >= kWalRotationBytes) {
      const std::string note = checkpoint();
      ST_RETURN_IF_ERROR(tree_.Publish(note));
      ST_RETURN_IF_ERROR(RestartWal(note));
    }
    for (const std::string& entry : record.entries) tree_.Add(entry);
    ST_ASSIGN_OR_RETURN(
        record.checkpoint_note,
        SignCheckpoint({.origin = options_.origin, .size = tree_.size(), .root = tree_.Root()},
                       keys_));
    // Durable before anyone sees it: else a crash would make us sign another
    // tree of the same size.
    return wal_.Append(record);
  }

  // Goes on from `note`, which is published.
  absl::Status RestartWal(const std::string& note) {
    ST_ASSIGN_OR_RETURN(wal_, StartWal(env_, options_.directory, tree_, note));
    base_is_signed_ = true;
    return absl::OkStatus();
  }

  Env& env_;
  const LogOptions options_;
  const std::vector<crypto::SigningKey> keys_;
  const std::unique_ptr<FileLock> lock_;

  // Only the leader touches these, without the mutex.
  TreeWriter tree_;
  WalWriter wal_;
  std::atomic<bool> base_is_signed_;  // written by the leader alone

  mutable Mutex mutex_;
  std::deque<Request*> queue_ ABSL_GUARDED_BY(mutex_);
  bool leading_ ABSL_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point publication_due_ ABSL_GUARDED_BY(mutex_);
  std::string checkpoint_note_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t size_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);  // the first one, repeated for good
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
  ST_ASSIGN_OR_RETURN(TreeWriter tree, TreeWriter::Load(env, options.directory, empty));
  ST_RETURN_IF_ERROR(StartWal(env, options.directory, tree, note).status());
  ST_RETURN_IF_ERROR(tree.Publish(note));
  return tree.Sync();
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
  ST_ASSIGN_OR_RETURN(auto lock, env.Lock(JoinPath(options.directory, kLockFile)));
  ST_ASSIGN_OR_RETURN(WriterState state, RecoverWriter(env, options.directory, verifiers[0]));
  // Whoever reads what a key signs finds the key.
  ST_RETURN_IF_ERROR(NameKeys(env, options.directory, verifiers));
  bool base_is_signed = true;
  for (const VerifierKey& verifier : verifiers) {
    base_is_signed = base_is_signed && VerifyCheckpoint(state.checkpoint_note, verifier).ok();
  }
  return std::make_unique<LogWriter>(env, options, std::move(keys), std::move(lock),
                                     std::move(state), base_is_signed);
}

}  // namespace sealtrain::audit
