// Shard files of a data set in the store.
#ifndef SEALTRAIN_PIPELINE_SEAL_SHARD_STORE_H_
#define SEALTRAIN_PIPELINE_SEAL_SHARD_STORE_H_

#include <string>

#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/manifest.pb.h"
#include "sealtrain/pipeline/seal/shard_writer.h"

namespace sealtrain::pipeline {

// Finishes the writer into `path` and makes it durable: temporary file, sync,
// rename, sync of the folder. An error leaves neither of the two files.
absl::StatusOr<custody::Shard> StoreShard(Env& env, const std::string& path, ShardWriter& writer);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SEAL_SHARD_STORE_H_
