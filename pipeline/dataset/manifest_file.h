// Manifests as files: reading one that must have a known digest, writing one.
#ifndef SEALTRAIN_PIPELINE_DATASET_MANIFEST_FILE_H_
#define SEALTRAIN_PIPELINE_DATASET_MANIFEST_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/custody/manifest.pb.h"
#include "sealtrain/pipeline/dataset.h"

namespace sealtrain::pipeline {

// What the writer ('W') and the custodian ('C') sign.
Bytes ManifestMessage(char role, absl::string_view manifest);

// Checks what a manifest file holds. DataLoss: another digest, a signature
// that does not verify, or a manifest that contradicts itself or `ref`.
absl::StatusOr<custody::Manifest> VerifyManifest(ByteSpan file, const SnapshotRef& ref,
                                                 const crypto::PublicKey& custodian_key);

// The same for the file in the store. DataLoss as well: the file is missing.
absl::StatusOr<custody::Manifest> ReadManifestFile(Env& env, const std::string& store,
                                                   const SnapshotRef& ref,
                                                   const crypto::PublicKey& custodian_key);

// The predecessor that a verified manifest names. Requires generation > 1.
SnapshotRef PreviousOf(const custody::Manifest& manifest);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_DATASET_MANIFEST_FILE_H_
