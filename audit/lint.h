// Whether what a log says hangs together. That it was not changed is for
// LogReader::Verify() to say.
#ifndef SEALTRAIN_AUDIT_LINT_H_
#define SEALTRAIN_AUDIT_LINT_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "sealtrain/audit/log_reader.h"

namespace sealtrain::audit {

struct LintFinding {
  std::uint64_t index = 0;
  std::string code;     // below
  std::string message;  // holds names as they are: escape them
};

// Shows each finding as it is found, in the order of the log:
//   not-an-event             bytes that no reader takes
//   unknown-value            a type, phase or format that this version does not know
//   outcome-without-intent   a request to seal, train, evaluate or reseal ended (otherwise than
//                            abandoned) that had no open intent
//   policy-never-applied     an event names a policy that no entry before it applied
//   redacted-unapproved      what an entry sealed was destroyed with too few approvals
// and when all of it was read, in that order too:
//   missing-outcome          an intent that is still open at the log's end
// An abandoned outcome needs no intent: custody owes it before it logs one.
// DataLoss: an entry cannot be proven. OutOfRange: too many intents are open.
absl::Status LintLog(LogReader& log, absl::FunctionRef<void(const LintFinding&)> show);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_LINT_H_
