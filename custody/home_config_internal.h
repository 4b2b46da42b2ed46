// Reads and writes config.textproto.
#ifndef SEALTRAIN_CUSTODY_HOME_CONFIG_INTERNAL_H_
#define SEALTRAIN_CUSTODY_HOME_CONFIG_INTERNAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/config.pb.h"

namespace sealtrain::custody {

// Paths of what lies in a home.
std::string ConfigPath(const std::string& home);
std::string KeyStorePath(const std::string& home);
std::string LockPath(const std::string& home);
std::string AuditPath(const std::string& home);
std::string PolicyDirectory(const std::string& home);

absl::Status WriteHomeConfig(Env& env, const std::string& home, const std::string& log_origin);

// NotFound: no such file. DataLoss: not of this format.
absl::StatusOr<HomeConfig> ReadHomeConfig(Env& env, const std::string& home);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_HOME_CONFIG_INTERNAL_H_
