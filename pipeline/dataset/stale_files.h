// What killed jobs leave behind in the store.
#ifndef SEALTRAIN_PIPELINE_DATASET_STALE_FILES_H_
#define SEALTRAIN_PIPELINE_DATASET_STALE_FILES_H_

#include <string>

#include "sealtrain/base/env.h"

namespace sealtrain::pipeline {

// Removes temporary files of a data set that were last written more than an
// hour ago. A job writes each of its files in one go, so none of a living job
// is that old. Best effort.
void RemoveStaleTemporaries(Env& env, const std::string& store, const std::string& dataset);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_DATASET_STALE_FILES_H_
