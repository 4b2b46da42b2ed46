// Asking a witness over HTTP or HTTPS.
#ifndef SEALTRAIN_CLI_WITNESS_TRANSPORT_H_
#define SEALTRAIN_CLI_WITNESS_TRANSPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "sealtrain/audit/witness_protocol.h"

namespace sealtrain::cli {

// Sends the body of an add-checkpoint request to the witness whose submission prefix
// is `url`, and waits up to 15 seconds. Follows no redirection and takes no answer
// of more than kMaxWitnessBytes. Nothing that comes back is trusted for who sent it.
// InvalidArgument: no http or https URL. Unavailable: no answer.
absl::StatusOr<audit::WitnessAnswer> PostToWitness(const std::string& url, const std::string& body);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_WITNESS_TRANSPORT_H_
