// Manifests that custody signed for generations which it does not know.
#ifndef SEALTRAIN_PIPELINE_DATASET_SIGNED_AHEAD_H_
#define SEALTRAIN_PIPELINE_DATASET_SIGNED_AHEAD_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/custody/manifest.pb.h"
#include "sealtrain/pipeline/dataset/manifest_file.h"

namespace sealtrain::pipeline {

struct AheadManifest {
  SnapshotRef ref;
  custody::Manifest manifest;
};

// The verified manifests in the store of a generation above custody's. A crash
// just before custody made it the newest leaves one of the next generation; a
// custody whose state was put back from a backup leaves what it signed since.
// DataLoss: there is one of a generation above the next. Only after the next one
// was committed can it have been signed, so custody's state is an old one.
absl::StatusOr<std::vector<AheadManifest>> SignedAhead(custody::Custody& custody, Env& env,
                                                       const std::string& store,
                                                       const std::string& dataset);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_DATASET_SIGNED_AHEAD_H_
