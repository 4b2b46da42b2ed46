// A part of a test in a child of its own.
#ifndef SEALTRAIN_TESTS_UTIL_CHILD_PROCESS_H_
#define SEALTRAIN_TESTS_UTIL_CHILD_PROCESS_H_

#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sealtrain::testing {

// The wait status of a child that runs `function`, and ends with 0 if that comes
// back. `fork` is ::fork, or ::_Fork, which calls no handler of pthread_atfork().
template <class Function>
int StatusOfChild(Function function, pid_t (*fork)() = &::fork) {
  const pid_t child = fork();
  if (child == 0) {
    function();
    ::_exit(0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_UTIL_CHILD_PROCESS_H_
