// Asking witnesses, and keeping what they say beside a log.
// docs/formats/audit-log.md, "Witnesses".
#ifndef SEALTRAIN_AUDIT_WITNESS_CLIENT_H_
#define SEALTRAIN_AUDIT_WITNESS_CLIENT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/witness_protocol.h"
#include "sealtrain/base/env.h"

namespace sealtrain::audit {

// Carries the body of an add-checkpoint request to a witness and its answer back.
// Unavailable: there is no answer.
using WitnessTransport = std::function<absl::StatusOr<WitnessAnswer>(const std::string& request)>;

// What to send for a cosignature of the newest checkpoint of `log`, whose witness
// has cosigned `old_size` entries. DataLoss: more than the log has, so that it was
// rolled back; or what the log was changed in.
absl::StatusOr<std::string> MakeAddCheckpoint(LogReader& log, std::uint64_t old_size);

// `note`, a checkpoint, with the cosignature that `answer` brings.
// DataLoss: the witness has seen another history. NotFound: it does not know the log
// or its key. InvalidArgument: it does not take the request, or what it sends is none
// of its cosignatures. Aborted: it last cosigned another size than the request said.
// Unavailable: it failed.
absl::StatusOr<std::string> TakeAnswer(absl::string_view note, const WitnessAnswer& answer,
                                       const WitnessKey& witness);

// Has `witness` cosign the newest checkpoint of `log` and adds that to `note`, which
// is of this checkpoint. Asks the witness first what it has cosigned. Errors of the
// functions above and of `transport`.
absl::StatusOr<std::string> AskForCosignature(LogReader& log, absl::string_view note,
                                              const WitnessKey& witness,
                                              const WitnessTransport& transport);

// Where the cosigned checkpoint of a size lies, below the log's root.
std::string CosignedPath(std::uint64_t size);

// All cosigned checkpoints that lie beside a log, unverified; `name` is the path
// below its root. DataLoss: one is too long.
absl::StatusOr<std::vector<KeptCheckpoint>> ReadCosigned(Env& env,
                                                         const std::string& log_directory);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_WITNESS_CLIENT_H_
