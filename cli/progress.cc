#include "sealtrain/cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "absl/time/clock.h"

namespace sealtrain::cli {
namespace {

constexpr char kClearLine[] = "\r\033[K";

}  // namespace

Progress::Progress()
    : on_terminal_(::isatty(STDERR_FILENO) != 0),
      pause_(on_terminal_ ? absl::Milliseconds(200) : absl::Seconds(10)),
      start_(absl::Now()),
      next_(start_ + pause_) {}

Progress::~Progress() {
  if (on_terminal_ && shown_) std::cerr << kClearLine << std::flush;
}

void Progress::Show(absl::FunctionRef<std::string()> line) {
  const absl::Time now = absl::Now();
  if (now < next_) return;
  next_ = now + pause_;
  shown_ = true;
  if (on_terminal_) {
    std::cerr << kClearLine << line() << std::flush;
  } else {
    std::cerr << line() << "\n";
  }
}

absl::Duration Progress::elapsed() const {
  return std::max(absl::Now() - start_, absl::Milliseconds(1));
}

}  // namespace sealtrain::cli
