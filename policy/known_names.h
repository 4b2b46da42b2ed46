// Names in a question about a policy, against those that it knows. The engine denies
// what it does not know like everything else; but whoever mistypes a name and is told
// that nobody may, has been told nothing.
#ifndef SEALTRAIN_POLICY_KNOWN_NAMES_H_
#define SEALTRAIN_POLICY_KNOWN_NAMES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/policy/policy.pb.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy {

// InvalidArgument, with the names that there are, those that begin most alike first:

// The set does not declare the purpose, letter by letter.
absl::Status CheckPurposeIsKnown(const PolicySet& set, absl::string_view purpose);
// No rule has the data set in its scope, or it is a pattern.
absl::Status CheckDatasetIsKnown(const PolicySet& set, absl::string_view dataset);
// It looks like "any" or "group:NAME", which never ask, has a '*', or is no name that
// custody takes. Every other name may: principals are not declared.
absl::Status CheckPrincipalCanAsk(const PolicySet& set, absl::string_view principal);
// One of the names is no column of the schema, or stands there twice.
absl::Status CheckColumnsAreKnown(const Schema& schema, absl::Span<const std::string> names);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_KNOWN_NAMES_H_
