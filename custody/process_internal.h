// What custody knows about the process that asks, measured and never believed.
// With embedded custody that is our own process.
#ifndef SEALTRAIN_CUSTODY_PROCESS_INTERNAL_H_
#define SEALTRAIN_CUSTODY_PROCESS_INTERNAL_H_

#include <cstdint>
#include <optional>
#include <string>

#include "sealtrain/base/bytes.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::custody {

// LOCKED: non-dumpable (no same-uid ptrace, no core) and RLIMIT_CORE 0, as the
// kernel says at this moment. PLAIN: anything less.
policy::Trust MeasureTrust();

// Nanoseconds since boot, suspended time included: a clock that nobody sets.
std::int64_t BootTimeNs();

std::string HostName();
std::uint32_t ProcessId();

// SHA-256 of the file that this process runs, none if it cannot be read. Read once:
// nobody can write to a file while it runs (ETXTBSY).
std::optional<Digest> ExecutableDigest();

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_PROCESS_INTERNAL_H_
