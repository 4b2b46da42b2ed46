// How custody's acts read in the audit log: events from grants and decisions.
// No event holds record contents, keys or text of errors.
#ifndef SEALTRAIN_CUSTODY_AUDIT_EVENTS_INTERNAL_H_
#define SEALTRAIN_CUSTODY_AUDIT_EVENTS_INTERNAL_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "sealtrain/audit/event.pb.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/custody/permit.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/loaded_policy.h"

namespace sealtrain::custody {

std::string DigestField(ByteSpan digest);  // as a protobuf bytes field

audit::EventType AccessType(policy::Action action);

// Everything about a decided request but its phase: what, why, by which rules.
// As the first event of its request, whose uid is the permit's id.
// Columns that an allowed decision opens or seals go to `column`, all others of
// the schema to `withheld_column`.
audit::Event AccessEvent(const policy::Request& request, const policy::Decision& decision,
                         const Grant& grant);

// How a job under `grant` ended. The columns stand in its INTENT.
audit::Event OutcomeEvent(const Grant& grant, policy::Action action, audit::EventType type,
                          audit::Phase phase);

// Who acts, as custody sees this process.
void StampActor(audit::Event& event);

// The policy in force, without rules.
audit::PolicyRef PolicyRefOf(const policy::LoadedPolicy& policy);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_AUDIT_EVENTS_INTERNAL_H_
