// Times as `sealtrain-audit` takes and prints them.
#ifndef SEALTRAIN_AUDIT_EVENT_TIME_H_
#define SEALTRAIN_AUDIT_EVENT_TIME_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sealtrain::audit {

// RFC 3339 with its offset ("2026-11-23T01:28:01Z"), or so long before `now`:
// a whole number of s, m, h, d or w ("2d"). Nothing else, for a date that is
// read in another way than it was meant silently finds nothing.
// InvalidArgument: another form.
absl::StatusOr<absl::Time> ParseTime(absl::string_view text, absl::Time now);

// As RFC 3339 in UTC: to the second, or all of it.
std::string FormatSeconds(absl::Time time);
std::string FormatSeconds(std::uint64_t unix_ns);
std::string FormatNanos(std::uint64_t unix_ns);

// The time of an event; beyond the year 2262, that year's end of int64.
absl::Time TimeOf(std::uint64_t unix_ns);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_EVENT_TIME_H_
