// Leads every change that SQLite makes to a file through a ForwardingEnv, as
// if it had been made through the Env: so that what fails, dies or is written
// down there includes the key store.
#ifndef SEALTRAIN_TESTS_UTIL_SQLITE_THROUGH_ENV_H_
#define SEALTRAIN_TESTS_UTIL_SQLITE_THROUGH_ENV_H_

#include "sealtrain/tests/util/forwarding_env.h"

namespace sealtrain::testing {

// While it lives, connections that are opened write through `env`, which must
// outlive them. One at a time. What SQLite asks of the system is what its own
// "unix" layer asks, in its order; of that the syncs of folders are told here
// where that layer makes them: with the first sync of a new journal and with
// the removal of one.
class SqliteThroughEnv {
 public:
  explicit SqliteThroughEnv(ForwardingEnv& env);
  ~SqliteThroughEnv();
  SqliteThroughEnv(const SqliteThroughEnv&) = delete;
  SqliteThroughEnv& operator=(const SqliteThroughEnv&) = delete;
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_UTIL_SQLITE_THROUGH_ENV_H_
