#include "sealtrain/base/lockdown.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace sealtrain {
namespace {

absl::Status Refused(absl::string_view what, int error) {
  return absl::UnimplementedError(absl::StrCat("this machine cannot lock down the process: ", what,
                                               ": ", std::strerror(error)));
}

}  // namespace

absl::Status LockDown() {
  const rlimit no_core = {0, 0};
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0) return Refused("core size limit", errno);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Refused("no new privileges", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Refused("non-dumpable", errno);
  // Read back: what the kernel says counts, not what we asked for.
  if (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
    return Refused("the kernel did not keep the settings", EPERM);
  }
  return absl::OkStatus();
}

}  // namespace sealtrain
