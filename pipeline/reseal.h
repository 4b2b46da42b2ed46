// Putting a data set under the policy set in force.
#ifndef SEALTRAIN_PIPELINE_RESEAL_H_
#define SEALTRAIN_PIPELINE_RESEAL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/custody.h"

namespace sealtrain::pipeline {

struct ResealResult {
  std::uint64_t generation = 0;
  Digest manifest_sha256{};
  std::uint64_t policy_version = 0;  // under which the data stand now
  Digest policy_sha256{};
};

// Commits the newest snapshot again, the same shards under the policy set in force:
// what that opens of them counts from here on, what the sets before it kept shut does
// not. No key is used and no shard is touched; the retention deadline stays.
//
// PermissionDenied: the policy permits no CHANGE_POLICY on the data set.
// AlreadyExists: all of it stands under that set. NotFound: no such data set, or no
// snapshot of it. DataLoss: a manifest is missing or damaged, or custody's state is
// older than the store. Aborted: other jobs committed meanwhile, again and again.
// After an error the snapshot is the old one, except that one of AdvanceGeneration
// may come after the change.
absl::StatusOr<ResealResult> ResealDataset(custody::Custody& custody, Env& env,
                                           const std::string& store,
                                           const custody::ResealRequest& request);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_RESEAL_H_
