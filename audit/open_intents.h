// Intents that no outcome has ended yet: keys may have been released, and
// nothing says how that went.
#ifndef SEALTRAIN_AUDIT_OPEN_INTENTS_H_
#define SEALTRAIN_AUDIT_OPEN_INTENTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sealtrain/audit/log_reader.h"

namespace sealtrain::audit {

// What ties the entries of a request together: the uid of its first one.
const std::string& RequestOf(const Event& event);

// To be shown all entries of a log in order. Holds where those intents stand that are
// still open, and nothing else of the log. Not thread-safe.
class OpenIntents {
 public:
  // Custody has as many open as jobs run. More could be made to take all memory.
  static constexpr std::size_t kMaxOpen = 100'000;

  struct Open {
    std::uint64_t index = 0;
    std::uint64_t wall_time_ns = 0;
  };

  // Whether an intent was open that the entry, if it is an outcome, ends.
  // OutOfRange: that would be one open intent more than there may be.
  absl::StatusOr<bool> Add(std::uint64_t index, const Event& event);

  // In the order of the log.
  std::vector<Open> Left() const;

 private:
  std::map<std::string, std::vector<Open>> open_;  // by request
  std::size_t count_ = 0;                          // of open ones
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_OPEN_INTENTS_H_
