// Following a log that grows: every entry once, each under a signed checkpoint
// that continues the last one seen.
#ifndef SEALTRAIN_AUDIT_LOG_FOLLOWER_H_
#define SEALTRAIN_AUDIT_LOG_FOLLOWER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/base/env.h"

namespace sealtrain::audit {

// The state is a file that holds the last checkpoint whose entries were all
// shown, as the log published it: a tlog-checkpoint that `verify --old` takes,
// too. Not thread-safe.
class LogFollower {
 public:
  struct Options {
    std::string log_directory;
    // The log must have one of these keys; none: those that it names first.
    std::vector<std::string> trusted_vkeys;
    // Where the state is; "": kept in memory only.
    std::string state_file;
    // The first entry to show where there is no state; nullopt: those that come
    // after the first Poll().
    std::optional<std::uint64_t> begin;
  };

  // DataLoss: the state is no checkpoint of the log's key. NotFound: no log.
  static absl::StatusOr<std::unique_ptr<LogFollower>> Open(Env& env, Options options);

  // Calls `show` for each entry that is new, and makes the state durable after the
  // last one; `flush` is called before, and its failure keeps the old state. So an
  // entry is shown at least once: again, if the process ends before that.
  // Returns how many were new. DataLoss: the log was rolled back or forked, then
  // nothing was shown; or an entry was changed, then those before it were shown.
  // OutOfRange: the log is shorter than `begin`.
  absl::StatusOr<std::uint64_t> Poll(absl::FunctionRef<void(const Entry&)> show,
                                     absl::FunctionRef<absl::Status()> flush);

  // The log as the last Poll() proved it; null before.
  const LogReader* log() const { return log_.get(); }

 private:
  LogFollower(Env& env, Options options);

  Env& env_;
  Options options_;
  std::unique_ptr<LogReader> log_;
  std::optional<KeptCheckpoint> last_;
  std::uint64_t next_ = 0;  // entry to show
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_LOG_FOLLOWER_H_
