// Events as bytes of an entry. One judge of what an event may say, for the
// writer and for readers.
#ifndef SEALTRAIN_AUDIT_EVENT_CODEC_H_
#define SEALTRAIN_AUDIT_EVENT_CODEC_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/event.pb.h"

namespace sealtrain::audit {

inline constexpr std::uint32_t kEventFormat = 1;

// Fills in format, uid and times where unset and returns the entry's bytes.
// InvalidArgument: what DecodeEvent() would not take, or too long.
absl::StatusOr<std::string> EncodeEvent(Event event);

// DataLoss: not an event, another format, an unknown type or phase, or ids of a
// wrong size. Fields added later to this format are let through.
absl::StatusOr<Event> DecodeEvent(absl::string_view bytes);
// The same into an event that is used again, which saves most of its cost. What
// it holds after an error is not defined.
absl::Status DecodeEvent(absl::string_view bytes, Event& event);

// DataLoss: the event has another format, an unknown type or phase, or ids of a
// wrong size.
absl::Status CheckEvent(const Event& event);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_EVENT_CODEC_H_
