// Where things lie in a data store. docs/formats/manifest.md is the contract.
// All names are made of data set names, numbers and hex digits: nothing that
// comes from a file or a record ever becomes part of a path.
#ifndef SEALTRAIN_PIPELINE_DATASET_STORE_LAYOUT_H_
#define SEALTRAIN_PIPELINE_DATASET_STORE_LAYOUT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::pipeline {

// Suffix of a file that is still being written.
inline constexpr char kTemporarySuffix[] = ".tmp";

std::string ManifestsFolder(const std::string& store, const std::string& dataset);
std::string ShardsFolder(const std::string& store, const std::string& dataset);
std::string ReviewsFolder(const std::string& store, const std::string& dataset);

// `sha256` is the digest of the Manifest's bytes.
std::string ManifestPath(const std::string& store, const std::string& dataset,
                         std::uint64_t generation, const Digest& sha256);
// `sha256` is the digest of the file.
std::string ReviewPath(const std::string& store, const std::string& dataset, const Digest& sha256);
// Whether a finished file of that kind can have this name (not path).
bool IsManifestName(absl::string_view name);
bool IsShardName(absl::string_view name);
bool IsReviewName(absl::string_view name);
// Held while a job commits.
std::string CommitLockPath(const std::string& store, const std::string& dataset);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_DATASET_STORE_LAYOUT_H_
