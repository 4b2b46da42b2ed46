// What killed jobs leave behind in the store.
#ifndef SEALTRAIN_PIPELINE_DATASET_STALE_FILES_H_
#define SEALTRAIN_PIPELINE_DATASET_STALE_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sealtrain/base/env.h"

namespace sealtrain::pipeline {

struct StoredFile {
  std::string name;  // in its folder
  std::uint64_t bytes = 0;
  absl::Time written;
};

// The regular files of a folder, by name; none where there is no such folder.
// Links are left out, and what vanishes meanwhile.
absl::StatusOr<std::vector<StoredFile>> ListStoredFiles(Env& env, const std::string& folder);

// Whether this is the name of a file that was still being written: names of
// finished files are hex digits and a suffix without that.
bool IsTemporaryName(absl::string_view name);

// Removes temporary files of a data set that were last written more than an
// hour ago. A job writes each of its files in one go, so none of a living job
// is that old. Best effort.
void RemoveStaleTemporaries(Env& env, const std::string& store, const std::string& dataset);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_DATASET_STALE_FILES_H_
