// Review reports as files. docs/formats/review.md is the contract.
#ifndef SEALTRAIN_PIPELINE_DATASET_REVIEW_FILE_H_
#define SEALTRAIN_PIPELINE_DATASET_REVIEW_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/custody/manifest.pb.h"
#include "sealtrain/pipeline/review/review_report.pb.h"

namespace sealtrain::pipeline {

// Signs the report and makes it durable. Returns the file's SHA-256, which is
// its name and stands in the manifest.
absl::StatusOr<Digest> WriteReviewFile(Env& env, const std::string& store,
                                       const std::string& dataset, const ReviewReport& report,
                                       const crypto::SigningKey& writer_key);

// Checks the contents of a review file. DataLoss: another digest than
// `sha256`, malformed, or a signature that does not verify.
absl::StatusOr<ReviewReport> VerifyReview(ByteSpan file, ByteSpan sha256);

// The same for the file that a verified manifest's plan names, which must be of
// the same permit and policy.
absl::Status VerifyReviewFile(Env& env, const std::string& store, const std::string& dataset,
                              const custody::SealPlan& plan);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_DATASET_REVIEW_FILE_H_
