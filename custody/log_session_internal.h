// What one process writes to the audit log, and that it is there: LOG_STARTED before its
// first event, a HEARTBEAT now and then while it has nothing to tell, LOG_STOPPED at its
// end. So silence shows: a process that was killed leaves no LOG_STOPPED, and of a log
// that was cut off the heartbeats end. One that has nothing to tell at all writes nothing.
// docs/custody.md, "Sessions". Thread-safe.
#ifndef SEALTRAIN_CUSTODY_LOG_SESSION_INTERNAL_H_
#define SEALTRAIN_CUSTODY_LOG_SESSION_INTERNAL_H_

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "sealtrain/audit/audit_log.h"
#include "sealtrain/audit/event.pb.h"
#include "sealtrain/base/mutex.h"

namespace sealtrain::custody {

class LogSession {
 public:
  // `log` must outlive it. A heartbeat follows a silence of one to two times `heartbeat`.
  LogSession(audit::AuditLog& log, absl::Duration heartbeat) : log_(log), heartbeat_(heartbeat) {}
  ~LogSession() { Stop(); }
  LogSession(const LogSession&) = delete;
  LogSession& operator=(const LogSession&) = delete;

  // Errors as AuditLog::Append(). Unavailable: also if no thread can be started.
  absl::Status Append(audit::Event event);
  // The last word, once, if there was any. Nothing is appended afterwards.
  void Stop();

 private:
  // An event of the session itself.
  audit::Event Word(audit::EventType type) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StartHeart() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Beat();

  audit::AuditLog& log_;
  const absl::Duration heartbeat_;
  Mutex mutex_;
  std::string uid_ ABSL_GUARDED_BY(mutex_);    // of LOG_STARTED; empty: nothing was told yet
  bool told_ ABSL_GUARDED_BY(mutex_) = false;  // since the heart looked last
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread heart_;  // runs from the first event on
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_LOG_SESSION_INTERNAL_H_
