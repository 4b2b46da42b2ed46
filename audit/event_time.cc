#include "sealtrain/audit/event_time.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/text_encoding.h"

namespace sealtrain::audit {
namespace {

std::optional<absl::Duration> UnitOf(char letter) {
  switch (letter) {
    case 's':
      return absl::Seconds(1);
    case 'm':
      return absl::Minutes(1);
    case 'h':
      return absl::Hours(1);
    case 'd':
      return absl::Hours(24);
    case 'w':
      return absl::Hours(7 * 24);
    default:
      return std::nullopt;
  }
}

}  // namespace

absl::StatusOr<absl::Time> ParseTime(absl::string_view text, absl::Time now) {
  if (!text.empty()) {
    const std::optional<absl::Duration> unit = UnitOf(text.back());
    const auto count = DecodeDecimal(text.substr(0, text.size() - 1), 1'000'000'000);
    if (unit && count) return now - *unit * static_cast<std::int64_t>(*count);
  }
  absl::Time time;
  std::string ignored;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &ignored) ||
      time == absl::InfiniteFuture() || time == absl::InfinitePast()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "not a time: \"", text, "\" (2026-11-23T01:28:01Z, or 90s, 30m, 12h, 2d, 1w)"));
  }
  return time;
}

absl::Time TimeOf(std::uint64_t unix_ns) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  return absl::FromUnixNanos(static_cast<std::int64_t>(std::min(unix_ns, kMax)));
}

std::string FormatSeconds(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string FormatSeconds(std::uint64_t unix_ns) { return FormatSeconds(TimeOf(unix_ns)); }

std::string FormatNanos(std::uint64_t unix_ns) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", TimeOf(unix_ns), absl::UTCTimeZone());
}

}  // namespace sealtrain::audit
