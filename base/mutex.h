// absl::Mutex, as ThreadSanitizer can follow it.
//
// Abseil comes compiled without the sanitizer, which therefore does not see what
// its mutex orders. In a build with it the annotations below say so; in others
// there is nothing to them.
#ifndef SEALTRAIN_BASE_MUTEX_H_
#define SEALTRAIN_BASE_MUTEX_H_

#include "absl/base/config.h"
#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#ifdef ABSL_HAVE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

namespace sealtrain {

// Thread-safe, not reentrant.
class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    mutex_.Lock();
    Acquired();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    Releasing();
    mutex_.Unlock();
  }
  // Lets others have the mutex until `condition`, which only looks at what the
  // mutex guards, is true.
  void Await(absl::FunctionRef<bool()> condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    AwaitWithTimeout(condition, absl::InfiniteDuration());
  }
  // The same for `timeout` at most; returns what the condition said last.
  bool AwaitWithTimeout(absl::FunctionRef<bool()> condition, absl::Duration timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    // Whichever thread unlocks the mutex asks the condition.
    const auto ask = [&] {
      Acquired();
      const bool answer = condition();
      Releasing();
      return answer;
    };
    Releasing();
    const bool answer = mutex_.AwaitWithTimeout(absl::Condition(&ask), timeout);
    Acquired();
    return answer;
  }
  // For the eyes of the compiler's analysis, in lambdas; checks it in debug builds.
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() { mutex_.AssertHeld(); }

 private:
#ifdef ABSL_HAVE_THREAD_SANITIZER
  void Acquired() { __tsan_acquire(this); }
  void Releasing() { __tsan_release(this); }
#else
  static void Acquired() {}
  static void Releasing() {}
#endif

  absl::Mutex mutex_;
};

// Holds a mutex for as long as it lives.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

}  // namespace sealtrain

#endif  // SEALTRAIN_BASE_MUTEX_H_
