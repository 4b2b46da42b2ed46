#include "sealtrain/pipeline/dataset/review_file.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/pipeline/dataset/store_layout.h"
#include "sealtrain/pipeline/exact_proto.h"
#include "sealtrain/pipeline/status_text.h"

namespace sealtrain::pipeline {
namespace {

constexpr std::uint64_t kMaxReviewFileBytes = 16 << 20;

Bytes ReviewMessage(absl::string_view report) {
  constexpr absl::string_view kLabel("sealtrain/review/1\0", 19);
  Bytes message(kLabel.begin(), kLabel.end());
  message.insert(message.end(), report.begin(), report.end());
  return message;
}

}  // namespace

absl::StatusOr<Digest> WriteReviewFile(Env& env, const std::string& store,
                                       const std::string& dataset, const ReviewReport& report,
                                       const crypto::SigningKey& writer_key) {
  SignedReviewReport signed_report;
  signed_report.set_report(report.SerializeAsString());
  signed_report.set_writer_public_key(std::string(AsText(writer_key.public_key())));
  signed_report.set_writer_signature(
      std::string(AsText(writer_key.Sign(ReviewMessage(signed_report.report())))));
  const std::string file = signed_report.SerializeAsString();
  const Digest sha256 = crypto::Sha256(AsBytes(file));
  ST_RETURN_IF_ERROR(env.CreateDirs(ReviewsFolder(store, dataset)));
  const std::string path = ReviewPath(store, dataset, sha256);
  if (absl::Status written = WriteFileDurably(env, path, AsBytes(file)); !written.ok()) {
    env.Remove(path).IgnoreError();  // there already if only its folder did not sync
    return written;
  }
  return sha256;
}

absl::StatusOr<ReviewReport> VerifyReview(ByteSpan file, ByteSpan sha256) {
  if (ByteSpan(crypto::Sha256(file)) != sha256) {
    return absl::DataLossError("it is not the one in the manifest");
  }
  SignedReviewReport signed_report;
  ST_RETURN_IF_ERROR(ParseExactly(file, "the review file", signed_report));
  crypto::PublicKey key;
  if (signed_report.writer_public_key().size() != key.size()) {
    return absl::DataLossError("the writer's key is malformed");
  }
  const ByteSpan key_bytes = AsBytes(signed_report.writer_public_key());
  std::copy(key_bytes.begin(), key_bytes.end(), key.begin());
  ST_RETURN_IF_ERROR(crypto::VerifySignature(key, ReviewMessage(signed_report.report()),
                                             AsBytes(signed_report.writer_signature())));
  ReviewReport report;
  ST_RETURN_IF_ERROR(ParseExactly(AsBytes(signed_report.report()), "the review report", report));
  if (report.format() != 1) return absl::DataLossError("it has an unknown format");
  return report;
}

absl::Status VerifyReviewFile(Env& env, const std::string& store, const std::string& dataset,
                              const custody::SealPlan& plan) {
  Digest sha256;
  const ByteSpan digest = AsBytes(plan.review_sha256());  // 32 in a verified manifest
  std::copy(digest.begin(), digest.end(), sha256.begin());
  const std::string where = absl::StrCat("review ", HexEncode(sha256), " of ", dataset);
  const absl::StatusOr<std::string> file =
      env.ReadFile(ReviewPath(store, dataset, sha256), kMaxReviewFileBytes);
  if (absl::IsNotFound(file.status()) || absl::IsInvalidArgument(file.status())) {
    return At(where, absl::DataLossError("it is missing"));
  }
  if (absl::IsOutOfRange(file.status())) return At(where, absl::DataLossError("it is too long"));
  ST_RETURN_IF_ERROR(file.status());
  const absl::StatusOr<ReviewReport> report = VerifyReview(AsBytes(*file), digest);
  if (!report.ok()) return At(where, report.status());
  if (report->dataset() != dataset || report->permit_id() != plan.permit_id() ||
      report->policy_sha256() != plan.policy_sha256()) {
    return At(where, absl::DataLossError("it contradicts the manifest"));
  }
  return absl::OkStatus();
}

}  // namespace sealtrain::pipeline
