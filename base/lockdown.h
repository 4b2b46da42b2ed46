// The first wall around a process that holds records or keys.
#ifndef SEALTRAIN_BASE_LOCKDOWN_H_
#define SEALTRAIN_BASE_LOCKDOWN_H_

#include "absl/status/status.h"

namespace sealtrain {

// Makes this process non-dumpable (no core file, no ptrace and no
// /proc/PID/mem for other processes of the same user), with a core size limit
// of 0 that cannot be raised again, and without a way to new privileges through
// exec. To be called before custody is opened, so that custody measures it.
//
// Holds for the whole process and for good. Calling it again does no harm.
// Unimplemented: this kernel refuses a part of it; nothing may be opened then.
absl::Status LockDown();

}  // namespace sealtrain

#endif  // SEALTRAIN_BASE_LOCKDOWN_H_
