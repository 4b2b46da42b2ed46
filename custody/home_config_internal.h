// Reads and writes config.textproto.
#ifndef SEALTRAIN_CUSTODY_HOME_CONFIG_INTERNAL_H_
#define SEALTRAIN_CUSTODY_HOME_CONFIG_INTERNAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/key_derivation.h"

namespace sealtrain::custody {

struct HomeSettings {
  std::string log_origin;
  crypto::Argon2idParams argon2;
};

// Paths of what lies in a home.
std::string ConfigPath(const std::string& home);
std::string KeyStorePath(const std::string& home);
std::string LockPath(const std::string& home);
std::string AuditPath(const std::string& home);
std::string PolicyDirectory(const std::string& home);

absl::Status WriteHomeConfig(Env& env, const std::string& home, const HomeSettings& config);

// NotFound: no such file. DataLoss: not of this format, or Argon2 parameters
// out of range: whoever can change the file must not make us allocate a
// terabyte, nor weaken the derivation below libsodium's minimum.
absl::StatusOr<HomeSettings> ReadHomeConfig(Env& env, const std::string& home);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_HOME_CONFIG_INTERNAL_H_
