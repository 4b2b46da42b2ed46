// Finding and removing what crashed jobs left in the store.
#ifndef SEALTRAIN_PIPELINE_SWEEP_H_
#define SEALTRAIN_PIPELINE_SWEEP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/custody.h"

namespace sealtrain::pipeline {

// A file of the store that no snapshot names.
struct Orphan {
  std::string name;  // below the data set's folder
  std::uint64_t bytes = 0;
  absl::Time written;
};

struct SweepOptions {
  // Orphans written less than this ago stay: they may be a living job's. No
  // lease lasts longer than a day. Range: at least an hour.
  absl::Duration older_than = absl::Hours(25);
  bool dry_run = false;  // finds, and removes nothing
};

struct SweepReport {
  std::vector<Orphan> swept;  // or would be, in a dry run; by name
  std::vector<Orphan> young;  // stay
  // Stay as well: a manifest of the next generation names them that custody
  // signed and never made the newest. A job that was killed at its very end
  // leaves such files, but so does a custody whose state was put back from a
  // backup; the next commit settles it.
  std::vector<Orphan> unsettled;
};

// Removes the orphans of a data set: shards, reviews, manifests and temporary
// files that lie where such files lie, have their form of name, and are named by
// no manifest from the newest one back to the first. Nothing else is touched,
// and no job can commit meanwhile. What is removed was never part of a snapshot
// and is of no use to anybody, so the audit log is not told.
//
// NotFound: no such data set. InvalidArgument: options out of range. DataLoss: a
// manifest of the chain is missing or damaged, so that it cannot be told what is
// an orphan, or custody's state is older than the store. Unavailable: a job on the data set is
// running, or a file cannot be removed. After an error some orphans may be gone, and nothing else.
absl::StatusOr<SweepReport> SweepDataset(custody::Custody& custody, Env& env,
                                         const std::string& store, const std::string& dataset,
                                         const SweepOptions& options);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SWEEP_H_
