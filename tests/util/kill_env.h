// Ends the process, without a word, just before or just after a change to the
// file system. Thread-safe.
#ifndef SEALTRAIN_TESTS_UTIL_KILL_ENV_H_
#define SEALTRAIN_TESTS_UTIL_KILL_ENV_H_

#include <unistd.h>

#include "sealtrain/tests/util/forwarding_env.h"

namespace sealtrain::testing {

class KillEnv final : public ForwardingEnv {
 public:
  static constexpr int kKilled = 42;  // the exit code

  // Dies at the n-th point from now on; there are two for each change.
  void DieAt(int n) {
    MutexLock lock(&mutex_);
    points_left_ = n;
  }

 protected:
  absl::Status Around(DiskChange&, absl::FunctionRef<absl::Status()> run) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Point();
    absl::Status status = run();
    Point();
    return status;
  }

 private:
  void Point() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (points_left_ > 0 && --points_left_ == 0) ::_exit(kKilled);
  }

  int points_left_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_UTIL_KILL_ENV_H_
