// A witness (C2SP tlog-witness): remembers the largest checkpoint of each log that
// it cosigned, and cosigns only what is consistent with it.
// docs/formats/audit-log.md, "Witnesses".
#ifndef SEALTRAIN_AUDIT_WITNESS_H_
#define SEALTRAIN_AUDIT_WITNESS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/audit/witness_protocol.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/mutex.h"
#include "sealtrain/crypto/signing.h"

namespace sealtrain::audit {

// Thread-safe: requests are answered one after the other.
class Witness {
 public:
  struct Options {
    std::string state_directory;    // made if it is missing
    std::string name;               // of the witness's key
    std::vector<VerifierKey> logs;  // several keys of one name: any of them
    std::function<absl::Time()> clock = &absl::Now;
  };

  // InvalidArgument: no key name. DataLoss: the state was changed, or is of another
  // witness; says which file. Unavailable: another one uses the state.
  static absl::StatusOr<std::unique_ptr<Witness>> Open(Env& env, Options options,
                                                       crypto::SigningKey key);

  const WitnessKey& public_key() const { return public_key_; }

  // Answers the body of an add-checkpoint request. What was cosigned is durable
  // before this returns; once it could not be made durable, every later answer is
  // kFailed. Where the clock is behind the last cosignature of the log: kUnavailable.
  WitnessAnswer AddCheckpoint(absl::string_view body);

  // The newest checkpoint that was cosigned, with the log's signatures and ours, for
  // whoever watches the log. `origin_hash`: SHA-256 of the log's name, in hex.
  WitnessAnswer LatestCheckpoint(absl::string_view origin_hash);

 private:
  struct Latest {
    std::string note;
    Checkpoint checkpoint;
    std::uint64_t time_s;
  };

  Witness(Env& env, Options options, crypto::SigningKey key, std::unique_ptr<FileLock> lock);

  std::string StatePath(absl::string_view origin, absl::string_view file) const;
  // What was cosigned last of the log; nothing if nothing was. DataLoss: changed.
  absl::StatusOr<std::optional<Latest>> ReadLatest(const std::string& origin) const;
  // The signatures of the log under `note`, as lines. DataLoss: a wrong one, or none.
  absl::StatusOr<std::string> LogSignatures(const Note& note, const std::string& origin) const;
  WitnessAnswer Extend(const AddCheckpointRequest& request, const Checkpoint& checkpoint,
                       const std::string& text, const std::string& log_signatures)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Durably. A failure is for good.
  absl::Status Write(const std::string& path, absl::string_view bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Env& env_;
  const Options options_;
  const crypto::SigningKey key_;
  const WitnessKey public_key_;
  const std::unique_ptr<FileLock> lock_;

  Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);  // the first one, repeated for good
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_WITNESS_H_
