// Intents that no outcome has ended yet: keys may have been released, and
// nothing says how that went.
#ifndef SEALTRAIN_AUDIT_OPEN_INTENTS_H_
#define SEALTRAIN_AUDIT_OPEN_INTENTS_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "sealtrain/audit/log_reader.h"

namespace sealtrain::audit {

// What ties the entries of a request together: the uid of its first one.
const std::string& RequestOf(const Event& event);

// To be shown all entries of a log in order. Holds those intents only that are
// still open. Not thread-safe.
class OpenIntents {
 public:
  // Whether an intent was open that the entry, if it is an outcome, ends.
  bool Add(const Entry& entry);

  // In the order of the log.
  std::vector<Entry> Left() const;

 private:
  std::map<std::string, std::vector<Entry>> open_;  // by request
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_OPEN_INTENTS_H_
