// Writing a file that must not be there yet.
#ifndef SEALTRAIN_CLI_NEW_FILE_H_
#define SEALTRAIN_CLI_NEW_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::cli {

// Durably, with mode 0600. AlreadyExists: there is a file of that name.
absl::Status WriteNewFile(const std::string& path, ByteSpan bytes);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_NEW_FILE_H_
