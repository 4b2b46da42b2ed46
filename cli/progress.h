// How far long work is.
#ifndef SEALTRAIN_CLI_PROGRESS_H_
#define SEALTRAIN_CLI_PROGRESS_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

namespace sealtrain::cli {

// On stderr: in place on a terminal, where the destructor clears the line, else a
// line every ten seconds. Not thread-safe.
class Progress {
 public:
  Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  // To be called often; asks for the line only when it is time to show one.
  void Show(absl::FunctionRef<std::string()> line);

  // Since it was made; never zero.
  absl::Duration elapsed() const;

 private:
  const bool on_terminal_;
  const absl::Duration pause_;
  const absl::Time start_;
  absl::Time next_;
  bool shown_ = false;
};

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_PROGRESS_H_
