// How much memory something takes.
#ifndef SEALTRAIN_BENCH_MEMORY_GROWTH_H_
#define SEALTRAIN_BENCH_MEMORY_GROWTH_H_

#include <cstdint>
#include <fstream>
#include <string>

#include "absl/strings/string_view.h"

namespace sealtrain {

// How much the process grew at most since this was made. One at a time.
class MemoryGrowth {
 public:
  MemoryGrowth() {
    std::ofstream("/proc/self/clear_refs") << "5";  // forgets the highest size so far
    before_ = ProcessKiB("VmRSS:");
  }
  double KiB() const {
    return static_cast<double>(ProcessKiB("VmHWM:")) - static_cast<double>(before_);
  }

 private:
  static std::uint64_t ProcessKiB(absl::string_view what) {
    std::ifstream status("/proc/self/status");
    std::string name;
    std::uint64_t kib = 0;
    std::string rest;
    while (status >> name && name != what) std::getline(status, rest);
    status >> kib;
    return kib;
  }

  std::uint64_t before_;
};

}  // namespace sealtrain

#endif  // SEALTRAIN_BENCH_MEMORY_GROWTH_H_
