// Each check runs in a child: what LockDown() does cannot be undone.
#include "sealtrain/base/lockdown.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain {
namespace {

bool Dumpable() { return ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1; }
bool NoNewPrivileges() { return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1; }
bool CanDumpCore() {
  rlimit limit;
  return ::getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur != 0 || limit.rlim_max != 0;
}

[[noreturn]] void ExitWith(bool good) { ::_exit(good ? 0 : 1); }

TEST(LockDown, LeavesNoWayToReadTheProcess) {
  ASSERT_TRUE(Dumpable()) << "the test would prove nothing";
  EXPECT_EXIT(
      {
        const bool done = LockDown().ok();
        ExitWith(done && !Dumpable() && NoNewPrivileges() && !CanDumpCore());
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(LockDown, MayBeCalledAgain) {
  EXPECT_EXIT(ExitWith(LockDown().ok() && LockDown().ok() && !Dumpable()),
              ::testing::ExitedWithCode(0), "");
}

TEST(LockDown, CannotBeTakenBack) {
  EXPECT_EXIT(
      {
        const bool done = LockDown().ok();
        const bool kept = ::prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0;
        ExitWith(done && kept && NoNewPrivileges());
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sealtrain
