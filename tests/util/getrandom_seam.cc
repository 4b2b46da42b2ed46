#include "sealtrain/tests/util/getrandom_seam.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sealtrain::testing {
namespace {

ScopedGetrandom::Answer& CurrentAnswer() {
  static auto& answer = *new ScopedGetrandom::Answer();
  return answer;
}

}  // namespace

ssize_t KernelGetrandom(void* out, std::size_t size) {
  return ::syscall(SYS_getrandom, out, size, 0);
}

ScopedGetrandom::ScopedGetrandom(Answer answer) { CurrentAnswer() = std::move(answer); }
ScopedGetrandom::~ScopedGetrandom() { CurrentAnswer() = nullptr; }

ScopedGetrandom::Answer FailsAfter(int draws) {
  return [draws](void* out, std::size_t size) mutable -> ssize_t {
    if (draws-- > 0) return KernelGetrandom(out, size);
    errno = EIO;
    return -1;
  };
}

extern "C" ssize_t getrandom(void* out, std::size_t size, unsigned int flags) {
  if (CurrentAnswer()) return CurrentAnswer()(out, size);
  return ::syscall(SYS_getrandom, out, size, flags);
}

}  // namespace sealtrain::testing
