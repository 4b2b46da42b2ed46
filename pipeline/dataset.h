// A data set in the store, as its signed manifests describe it: reading a
// snapshot, verifying it, listing its generations. No key is needed for any of
// this, and none is ever used.
//
// Layout of a store, each under <store>/<data set>/:
//   manifests/<generation, 20 digits>-<sha256 of the Manifest, hex>.manifest
//   shards/<shard id, hex>.seal
//   reviews/<sha256 of the file, hex>.review
#ifndef SEALTRAIN_PIPELINE_DATASET_H_
#define SEALTRAIN_PIPELINE_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/custody/manifest.pb.h"

namespace sealtrain::pipeline {

// Which snapshot of which data set. The digest comes from custody, or from the
// verified manifest that follows.
struct SnapshotRef {
  std::string dataset;
  std::uint64_t generation = 0;
  Digest manifest_sha256{};  // of the Manifest's bytes
};

// Reads generation `generation` and checks signatures, form, data set name and
// digest against what custody says is the newest generation (or, for an older
// one, along the chain of predecessors). DataLoss: tampered, missing, rolled
// back, replaced. NotFound: the data set has no such generation.
absl::StatusOr<custody::Manifest> ReadManifest(custody::Custody& custody, Env& env,
                                               const std::string& store, const std::string& dataset,
                                               std::uint64_t generation);

struct DatasetReport {
  std::uint64_t generation = 0;
  std::uint64_t generations_checked = 0;
  std::uint64_t shards = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::uint64_t segments = 0;
};
// Rereads the newest manifest, its predecessors, the reviews and every byte of
// every shard file of it, and compares them with what the custodian signed. No
// key is used. DataLoss names the first bad shard, and the column and segment
// where it is one of those.
absl::StatusOr<DatasetReport> VerifyDataset(custody::Custody& custody, Env& env,
                                            const std::string& store, const std::string& dataset);
// The same for a snapshot that somebody names who has no access to custody, but
// knows its public key and the manifest's digest from a place that they trust.
// Whether it is the newest one only custody can say.
absl::StatusOr<DatasetReport> VerifySnapshot(Env& env, const std::string& store,
                                             const SnapshotRef& snapshot,
                                             const crypto::PublicKey& custody_key);

std::string ShardPath(const std::string& store, const std::string& dataset, const Id& shard_id);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_DATASET_H_
