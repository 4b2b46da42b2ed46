// Texts that an entry seals: it holds a commitment, and custody keeps the opening.
// docs/formats/audit-log.md, "Sealed values".
#ifndef SEALTRAIN_AUDIT_OPENING_H_
#define SEALTRAIN_AUDIT_OPENING_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/event.pb.h"

namespace sealtrain::audit {

inline constexpr std::size_t kMaxSealedTextBytes = 4096;
// Distinct approvers without whom nothing that is sealed is destroyed.
inline constexpr std::uint64_t kApprovalsToRedact = 2;

// InvalidArgument: empty, longer than kMaxSealedTextBytes, or not UTF-8.
absl::Status CheckSealable(absl::string_view text);

// Commits `event` to `text` by its field `why`, and returns the opening. The commitment
// says nothing of the text to who has no opening, as the opening has a random salt.
// Errors of CheckSealable(). Unavailable: no random bytes. Then `event` is as it was.
absl::StatusOr<std::string> SealWhy(absl::string_view text, Event& event);

// Whether the entry commits to anything.
bool SealsAnything(const Event& event);

struct OpenedText {
  std::string field;  // name of the event's field
  std::string text;   // UTF-8; may hold anything that a person typed
};
// What `opening` opens of `event`. DataLoss: `event` does not commit to it.
absl::StatusOr<OpenedText> CheckOpening(absl::string_view opening, const Event& event);

// Whether these bytes, the extra data of a proof perhaps, are meant to be an opening.
bool IsOpening(absl::string_view bytes);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_OPENING_H_
