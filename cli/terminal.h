// What the programs do only where a person looks at their output.
#ifndef SEALTRAIN_CLI_TERMINAL_H_
#define SEALTRAIN_CLI_TERMINAL_H_

#include <sys/types.h>

#include <string>

namespace sealtrain::cli {

// Whether standard output is a terminal, also while a Pager stands between, and
// NO_COLOR (no-color.org) is not set.
bool UseColour();

// While it lives, and standard output is a terminal, what is written goes through
// $PAGER, or `less` if that is not set and `less` is there; "" and "cat" mean none.
// `less` gets the options FRX unless LESS is set: it ends by itself if all fits on
// a screen, and shows colours. Standard error goes the same way if it is a
// terminal. Where no pager can be started output goes straight out. One at a time.
class Pager {
 public:
  explicit Pager(bool wanted);
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;
  // Waits until the person has left the pager.
  ~Pager();

 private:
  pid_t child_ = -1;
  int saved_stdout_ = -1;
  int saved_stderr_ = -1;
};

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_TERMINAL_H_
