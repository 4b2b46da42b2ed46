// Approvers' keys, and the approvals of a file, which stand beside it.
#ifndef SEALTRAIN_CLI_APPROVAL_FILES_H_
#define SEALTRAIN_CLI_APPROVAL_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "sealtrain/crypto/signing.h"

namespace sealtrain::cli {

// A new key, durably in the new file `path`. AlreadyExists: there is one.
absl::StatusOr<crypto::SigningKey> MakeApproverKey(const std::string& path);
// InvalidArgument: no such key.
absl::StatusOr<crypto::SigningKey> ReadApproverKey(const std::string& path);

// The text of FILE.approvals; empty: there is none.
absl::StatusOr<std::string> ReadApprovals(const std::string& file);
// Adds a line by `name`, in place of earlier ones. Returns the path of FILE.approvals.
// InvalidArgument: what is there are no approvals.
absl::StatusOr<std::string> AddApproval(const std::string& file, const std::string& name,
                                        const std::string& line);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_APPROVAL_FILES_H_
