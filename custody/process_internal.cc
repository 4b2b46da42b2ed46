#include "sealtrain/custody/process_internal.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <string>

#include "absl/status/statusor.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/mutex.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::custody {
namespace {

constexpr std::uint64_t kMaxExecutableBytes = 1ull << 30;

}  // namespace

policy::Trust MeasureTrust() {
  rlimit core;
  const bool no_core = ::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0;
  const bool not_dumpable = ::prctl(PR_GET_DUMPABLE) == 0;
  return no_core && not_dumpable ? policy::LOCKED : policy::PLAIN;
}

std::int64_t BootTimeNs() {
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

std::string HostName() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0) return "";
  return name;
}

std::uint32_t ProcessId() { return static_cast<std::uint32_t>(::getpid()); }

std::optional<Digest> ExecutableDigest() {
  static Mutex& mutex = *new Mutex;
  static std::optional<Digest> digest;
  MutexLock lock(&mutex);
  if (!digest.has_value()) {
    const absl::StatusOr<std::string> bytes =
        Env::Posix().ReadFile("/proc/self/exe", kMaxExecutableBytes);
    if (bytes.ok()) digest = crypto::Sha256(AsBytes(*bytes));
  }
  return digest;
}

}  // namespace sealtrain::custody
