// Stands in for getrandom(2) in the test program that links getrandom_seam.cc:
// the program's own symbol goes before the C library's, so that the code under
// test needs no door for tests.
#ifndef SEALTRAIN_TESTS_UTIL_GETRANDOM_SEAM_H_
#define SEALTRAIN_TESTS_UTIL_GETRANDOM_SEAM_H_

#include <sys/types.h>

#include <cstddef>
#include <functional>

namespace sealtrain::testing {

// Asks the kernel.
ssize_t KernelGetrandom(void* out, std::size_t size);

// While it lives, `answer` is what getrandom does; it may set errno. One at a
// time; no other thread may draw random bytes meanwhile.
class ScopedGetrandom {
 public:
  using Answer = std::function<ssize_t(void* out, std::size_t size)>;
  explicit ScopedGetrandom(Answer answer);
  ScopedGetrandom(const ScopedGetrandom&) = delete;
  ScopedGetrandom& operator=(const ScopedGetrandom&) = delete;
  ~ScopedGetrandom();
};

// The first `draws` calls are answered by the kernel, later ones by EIO.
ScopedGetrandom::Answer FailsAfter(int draws);

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_UTIL_GETRANDOM_SEAM_H_
