#include "sealtrain/custody/log_session_internal.h"

#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/custody/audit_events_internal.h"

namespace sealtrain::custody {

absl::Status LogSession::Append(audit::Event event) {
  MutexLock lock(&mutex_);
  if (stopped_)
    return absl::FailedPreconditionError("this process writes no more to the audit log");
  if (uid_.empty()) {
    ST_ASSIGN_OR_RETURN(const Id uid, crypto::RandomId());
    audit::Event started = Word(audit::LOG_STARTED);
    started.set_uid(std::string(AsText(uid)));
    ST_RETURN_IF_ERROR(log_.Append(std::move(started)).status());
    uid_ = std::string(AsText(uid));
    heart_ = std::thread([this] { Beat(); });
  }
  told_ = true;
  return log_.Append(std::move(event)).status();
}

void LogSession::Stop() {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(stopped_, true) || uid_.empty()) return;
    // A log that fails has told why before.
    log_.Append(Word(audit::LOG_STOPPED)).IgnoreError();
  }
  heart_.join();
}

audit::Event LogSession::Word(audit::EventType type) const {
  audit::Event event;
  event.set_type(type);
  event.set_phase(audit::SUCCEEDED);
  event.set_request_uid(uid_);
  StampActor(event);
  return event;
}

void LogSession::Beat() {
  MutexLock lock(&mutex_);
  while (!mutex_.AwaitWithTimeout([this] { return stopped_; }, heartbeat_)) {
    // What fails here fails whoever appends next as well.
    if (!std::exchange(told_, false)) log_.Append(Word(audit::HEARTBEAT)).IgnoreError();
  }
}

}  // namespace sealtrain::custody
