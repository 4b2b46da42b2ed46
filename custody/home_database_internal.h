// keystore.db: its file and its tables. docs/formats/home.md lists them.
#ifndef SEALTRAIN_CUSTODY_HOME_DATABASE_INTERNAL_H_
#define SEALTRAIN_CUSTODY_HOME_DATABASE_INTERNAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/sqlite_internal.h"

namespace sealtrain::custody {

// Makes the file (mode 0600) with empty tables. AlreadyExists.
absl::StatusOr<Database> CreateHomeDatabase(Env& env, const std::string& path);

// Makes a store of an older version one of this version. The home is locked.
// DataLoss: missing, not a key store, of a version that is not known, or it fails SQLite's
// integrity and foreign key checks.
absl::StatusOr<Database> OpenHomeDatabase(Env& env, const std::string& path);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_HOME_DATABASE_INTERNAL_H_
