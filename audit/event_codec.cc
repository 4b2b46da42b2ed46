#include "sealtrain/audit/event_codec.h"

#include <time.h>

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sealtrain/audit/audit_log.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"

namespace sealtrain::audit {
namespace {

// Where times stop that everybody can represent.
constexpr std::uint64_t kMaxWallTime = std::numeric_limits<std::int64_t>::max();

std::uint64_t BootTimeNanos() {
  timespec now;
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// What is wrong with an event, or "".
std::string Fault(const Event& event) {
  if (event.format() != kEventFormat) return absl::StrCat("event format ", event.format());
  if (event.type() == EVENT_TYPE_UNSPECIFIED || !EventType_IsValid(event.type())) {
    return absl::StrCat("event type ", static_cast<int>(event.type()));
  }
  if (event.phase() == PHASE_UNSPECIFIED || !Phase_IsValid(event.phase())) {
    return absl::StrCat("event phase ", static_cast<int>(event.phase()));
  }
  if (event.wall_time_ns() > kMaxWallTime) return "time, behind the year 2262";
  if (event.uid().size() != sizeof(Id)) return "event uid of another size than 16 bytes";
  if (!event.request_uid().empty() && event.request_uid().size() != sizeof(Id)) {
    return "request uid of another size than 16 bytes";
  }
  const std::string& about = event.object().entry_uid();
  if (!about.empty() && about.size() != sizeof(Id)) {
    return "entry uid of another size than 16 bytes";
  }
  if (!event.why().empty() && event.why().size() != sizeof(Digest)) {
    return "commitment of another size than 32 bytes";
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> EncodeEvent(Event event) {
  if (event.format() == 0) event.set_format(kEventFormat);
  if (event.uid().empty()) {
    ST_ASSIGN_OR_RETURN(const Id uid, crypto::RandomId());
    event.set_uid(std::string(AsText(uid)));
  }
  if (event.wall_time_ns() == 0) {
    event.set_wall_time_ns(static_cast<std::uint64_t>(absl::GetCurrentTimeNanos()));
  }
  if (event.boot_time_ns() == 0) event.set_boot_time_ns(BootTimeNanos());
  if (const std::string fault = Fault(event); !fault.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("cannot log: ", fault));
  }
  std::string bytes = event.SerializeAsString();
  if (bytes.size() > kMaxEntryBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot log: event of ", bytes.size(), " bytes, more than ", kMaxEntryBytes));
  }
  // Text that is not UTF-8 serialises, but no reader would take it.
  if (!Event().ParseFromString(bytes)) {
    return absl::InvalidArgumentError("cannot log: event with text that is not UTF-8");
  }
  return bytes;
}

absl::StatusOr<Event> DecodeEvent(absl::string_view bytes) {
  Event event;
  ST_RETURN_IF_ERROR(DecodeEvent(bytes, event));
  return event;
}

absl::Status DecodeEvent(absl::string_view bytes, Event& event) {
  if (bytes.size() > kMaxEntryBytes) return absl::DataLossError("entry too long for an event");
  if (!event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("entry is not an event");
  }
  return CheckEvent(event);
}

absl::Status CheckEvent(const Event& event) {
  const std::string fault = Fault(event);
  if (fault.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("entry with unknown ", fault));
}

}  // namespace sealtrain::audit
