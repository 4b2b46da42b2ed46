#include "sealtrain/custody/log_session_internal.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/custody/audit_events_internal.h"

namespace sealtrain::custody {

absl::Status LogSession::Append(audit::Event event) {
  MutexLock lock(&mutex_);
  if (stopped_) {
    return absl::FailedPreconditionError("this process writes no more to the audit log");
  }
  if (uid_.empty()) {
    ST_RETURN_IF_ERROR(StartHeart());
    ST_ASSIGN_OR_RETURN(const Id uid, crypto::RandomId());
    audit::Event started = Word(audit::LOG_STARTED);
    started.set_uid(std::string(AsText(uid)));
    ST_RETURN_IF_ERROR(log_.Append(std::move(started)).status());
    uid_ = std::string(AsText(uid));
  }
  told_ = true;
  return log_.Append(std::move(event)).status();
}

void LogSession::Stop() {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(stopped_, true)) return;
    // A log that fails has told why before.
    if (!uid_.empty()) log_.Append(Word(audit::LOG_STOPPED)).IgnoreError();
  }
  if (heart_.joinable()) heart_.join();
}

absl::Status LogSession::StartHeart() {
  if (heart_.joinable()) return absl::OkStatus();
  try {
    heart_ = std::thread([this] { Beat(); });
  } catch (const std::system_error& error) {
    return absl::UnavailableError(absl::StrCat("no thread for the audit log: ", error.what()));
  }
  return absl::OkStatus();
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
    if (!std::exchange(told_, false) && !uid_.empty())
      log_.Append(Word(audit::HEARTBEAT)).IgnoreError();
  }
}

}  // namespace sealtrain::custody
