// The last step of a job that makes a new snapshot.
#ifndef SEALTRAIN_PIPELINE_DATASET_COMMIT_H_
#define SEALTRAIN_PIPELINE_DATASET_COMMIT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/custody/custody.h"

namespace sealtrain::pipeline {

// What the job made. Shards and review are durable already.
struct NewRows {
  std::vector<custody::Shard> shards;  // `plan` is not set yet
  Digest review_sha256{};
  std::string source_name;         // empty: none to remember
  std::uint64_t source_begin = 0;  // records of it that were committed when the job began
  std::uint64_t source_end = 0;    // and that are with this job's
  std::uint64_t suppressed = 0;
};

struct CommitResult {
  std::uint64_t generation = 0;
  Digest manifest_sha256{};
};

// Builds the manifest on the newest snapshot, has it signed, makes it durable
// and advances the generation. Jobs that commit to one store take turns.
// Aborted: another job committed records of the same source meanwhile, or took
// the turn without the store's lock.
// `permit` is used up (reset) once custody was asked to advance. `maybe_committed`
// says whether it may have done so, error or not: the new shards must then stay.
absl::StatusOr<CommitResult> CommitSnapshot(custody::Custody& custody, Env& env,
                                            const std::string& store,
                                            std::optional<custody::Permit<policy::SEAL>>& permit,
                                            const crypto::SigningKey& writer_key,
                                            const NewRows& rows, bool& maybe_committed);

// The same for a reseal, which adds no rows: the newest snapshot under the policy of
// the permit. Where it fails with the permit unused, that stays to be ended.
absl::StatusOr<CommitResult> CommitReseal(
    custody::Custody& custody, Env& env, const std::string& store,
    std::optional<custody::Permit<policy::CHANGE_POLICY>>& permit,
    const crypto::SigningKey& writer_key);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_DATASET_COMMIT_H_
