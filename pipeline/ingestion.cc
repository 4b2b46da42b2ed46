#include "sealtrain/pipeline/ingestion.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/pipeline/dataset.h"
#include "sealtrain/pipeline/dataset/commit.h"
#include "sealtrain/pipeline/dataset/manifest_file.h"
#include "sealtrain/pipeline/dataset/review_file.h"
#include "sealtrain/pipeline/dataset/signed_ahead.h"
#include "sealtrain/pipeline/dataset/stale_files.h"
#include "sealtrain/pipeline/dataset/store_layout.h"
#include "sealtrain/pipeline/review/review.h"
#include "sealtrain/pipeline/seal/shard_layout.h"
#include "sealtrain/pipeline/seal/shard_store.h"
#include "sealtrain/pipeline/seal/shard_writer.h"
#include "sealtrain/pipeline/status_text.h"
#include "simdjson.h"

namespace sealtrain::pipeline {
namespace {

using google::protobuf::Message;

// What bounds the memory of a job: plaintext of one row group, ciphertext of
// one shard.
constexpr std::uint64_t kGroupBytes = 8 << 20;
constexpr std::uint64_t kShardBytes = 128 << 20;
constexpr std::size_t kMaxSourceName = 1024;

absl::Status CheckOptions(const IngestionOptions& options) {
  if (options.rows_per_group < 1 || options.rows_per_group > kMaxGroupRows ||
      options.rows_per_shard < 1 || options.rows_per_shard > kMaxShardRows) {
    return absl::InvalidArgumentError("rows_per_group or rows_per_shard is out of range");
  }
  const std::string& name = options.source_name;
  if (name.size() > kMaxSourceName || !simdjson::validate_utf8(name.data(), name.size())) {
    return absl::InvalidArgumentError("the source's name is too long or not UTF-8");
  }
  return absl::OkStatus();
}

std::uint64_t CommittedFrom(const std::string& source_name, const custody::Manifest& manifest) {
  for (const custody::SourcePosition& source : manifest.source()) {
    if (source.name() == source_name) return source.records();
  }
  return 0;
}

class IngestionImpl final : public Ingestion {
 public:
  IngestionImpl(custody::Custody& custody, IngestionOptions options,
                custody::Permit<policy::SEAL> permit, crypto::SigningKey writer_key)
      : custody_(custody),
        env_(*options.env),
        options_(std::move(options)),
        permit_(std::move(permit)),
        grant_(permit_->grant()),
        writer_key_(std::move(writer_key)) {}

  ~IngestionImpl() override {
    if (permit_.has_value()) {
      custody_.FinishSeal(*std::move(permit_), custody::Outcome::kFailed).IgnoreError();
    }
    if (!maybe_committed_) {
      for (const std::string& path : files_) env_.Remove(path).IgnoreError();
    }
  }

  absl::Status Prepare(custody::Permit<policy::INGEST> permit) {
    ST_ASSIGN_OR_RETURN(review_, Review::Create(custody_, std::move(permit), grant_.decision));
    if (review_->stored_columns().empty()) {
      return absl::UnimplementedError("the policy drops every column: nothing is left to seal");
    }
    for (const ColumnSpec& column : review_->stored_columns()) builders_.emplace_back(column);
    if (grant_.generation > 0) {
      ST_ASSIGN_OR_RETURN(const custody::Manifest newest,
                          ReadManifestFile(env_, options_.store,
                                           {.dataset = grant_.dataset,
                                            .generation = grant_.generation,
                                            .manifest_sha256 = grant_.manifest_sha256},
                                           custody_.manifest_public_key()));
      if (!options_.source_name.empty()) {
        resume_position_ = CommittedFrom(options_.source_name, newest);
      }
    }
    // A custody that forgot snapshots would take records up again that are sealed.
    ST_RETURN_IF_ERROR(SignedAhead(custody_, env_, options_.store, grant_.dataset).status());
    RemoveStaleTemporaries(env_, options_.store, grant_.dataset);
    return absl::OkStatus();
  }

  std::uint64_t resume_position() const override { return resume_position_; }

  absl::Status Append(const Message& record) override { return AppendOne(record, nullptr); }

  absl::Status AppendAll(Source& source, const std::function<void(const absl::Status&)>& on_skip,
                         const std::function<bool()>& stop) override {
    ST_RETURN_IF_ERROR(failed_);
    const std::unique_ptr<Message> record = source.NewRecord();
    while (true) {
      if (stop && stop()) return absl::CancelledError("stopped");
      const absl::StatusOr<bool> more = source.Next(*record);
      const bool bad = absl::IsInvalidArgument(more.status());
      if (!more.ok() && !bad) {
        // A signal may have broken off the read itself.
        return stop && stop() ? absl::CancelledError("stopped") : Fail(more.status());
      }
      if (!bad && !*more) break;
      if (source.position() <= resume_position_) {
        ++rows_resumed_;
        continue;
      }
      const absl::Status status =
          bad ? CountUnreadable(more.status()) : AppendOne(*record, &source);
      ST_RETURN_IF_ERROR(failed_);  // not of the record but of the job
      if (absl::IsInvalidArgument(status) && skipped_ <= options_.max_skipped) {
        if (on_skip) on_skip(status);
        continue;
      }
      ST_RETURN_IF_ERROR(OverTheLimit(status));
    }
    if (source.position() < resume_position_) {
      return Fail(absl::InvalidArgumentError(
          absl::StrCat(options_.source_name, " has ", source.position(), " records, but ",
                       resume_position_, " were committed from it: not the same source")));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<IngestionResult> Commit() override {
    ST_RETURN_IF_ERROR(failed_);
    if (skipped_ > options_.max_skipped) return first_bad_;
    absl::StatusOr<IngestionResult> result = CommitRows();
    // One commit a job, whatever came of it.
    failed_ = result.ok() ? absl::FailedPreconditionError("the job is committed") : result.status();
    return result;
  }

 private:
  absl::Status Fail(const absl::Status& status) {
    failed_ = status;
    return status;
  }

  // `source` is where it came from, or null.
  absl::Status AppendOne(const Message& record, const Source* source) {
    ST_RETURN_IF_ERROR(failed_);
    ++records_in_;
    absl::Status status = review_->Append(record, absl::MakeSpan(builders_));
    if (!status.ok() && source != nullptr) status = At(source->place(), status);
    if (absl::IsInvalidArgument(status)) return Skip(status);
    if (!status.ok()) return Fail(status);
    if (absl::Status sealed = SealFullGroups(); !sealed.ok()) return Fail(sealed);
    return absl::OkStatus();
  }

  // Also with the rows of records that the one before made it possible to seal.
  absl::Status SealFullGroups() {
    bool more = true;
    while (more) {
      if (GroupIsFull()) ST_RETURN_IF_ERROR(SealGroup());
      ST_ASSIGN_OR_RETURN(more, review_->AppendReleased(absl::MakeSpan(builders_)));
    }
    return absl::OkStatus();
  }

  absl::Status CountUnreadable(const absl::Status& status) {
    ++records_in_;
    review_->CountUnreadable();
    return Skip(status);
  }

  absl::Status Skip(const absl::Status& status) {
    if (skipped_++ == 0) first_bad_ = status;
    return status;
  }

  // Says of a bad record, where some may be skipped, that it is one too many.
  absl::Status OverTheLimit(const absl::Status& status) const {
    if (!absl::IsInvalidArgument(status) || options_.max_skipped == 0) return status;
    return absl::InvalidArgumentError(absl::StrCat(
        status.message(), "; no more than ", options_.max_skipped, " bad records may be skipped"));
  }

  std::uint64_t group_rows() const { return builders_.front().rows(); }

  bool GroupIsFull() const {
    const std::uint64_t shard_rows = writer_ == nullptr ? 0 : writer_->rows();
    if (group_rows() >= options_.rows_per_group ||
        shard_rows + group_rows() >= options_.rows_per_shard) {
      return true;
    }
    std::uint64_t bytes = 0;
    for (const ColumnBuilder& builder : builders_) bytes += builder.bytes();
    return bytes >= kGroupBytes;
  }

  absl::Status SealGroup() {
    if (group_rows() == 0) return absl::OkStatus();
    if (!options_.dry_run) {
      if (writer_ == nullptr) ST_RETURN_IF_ERROR(BeginShard());
      ST_RETURN_IF_ERROR(writer_->AppendGroup(builders_));
    }
    for (ColumnBuilder& builder : builders_) builder.Clear();
    if (writer_ != nullptr &&
        (writer_->rows() >= options_.rows_per_shard || writer_->sealed_bytes() >= kShardBytes)) {
      return EndShard();
    }
    return absl::OkStatus();
  }

  absl::Status BeginShard() {
    ST_ASSIGN_OR_RETURN(custody::ShardKeys keys, custody_.ReleaseNewShardKeys(*permit_));
    writer_path_ = ShardPath(options_.store, grant_.dataset, keys.shard_id);
    ShardHeader header;
    header.set_dataset(grant_.dataset);
    header.set_policy_sha256(std::string(AsText(grant_.decision.policy_sha256)));
    header.set_schema_sha256(std::string(AsText(grant_.schema->digest())));
    header.set_permit_id(std::string(AsText(grant_.permit_id)));
    ST_ASSIGN_OR_RETURN(writer_, ShardWriter::Create(std::move(header), std::move(keys),
                                                     review_->stored_columns()));
    return absl::OkStatus();
  }

  absl::Status EndShard() {
    const std::unique_ptr<ShardWriter> writer = std::move(writer_);
    ST_ASSIGN_OR_RETURN(custody::Shard shard, StoreShard(env_, writer_path_, *writer));
    files_.push_back(writer_path_);
    rows_.shards.push_back(std::move(shard));
    return absl::OkStatus();
  }

  absl::StatusOr<IngestionResult> FinishWithoutCommit(IngestionResult result) {
    std::optional<custody::Permit<policy::SEAL>> permit;
    permit.swap(permit_);
    ST_RETURN_IF_ERROR(custody_.FinishSeal(*std::move(permit), custody::Outcome::kSucceeded));
    return result;
  }

  absl::StatusOr<IngestionResult> CommitRows() {
    ST_RETURN_IF_ERROR(review_->Finish());
    ST_RETURN_IF_ERROR(SealGroup());
    IngestionResult result{.generation = grant_.generation,
                           .records_in = records_in_,
                           .rows_sealed = 0,
                           .rows_suppressed = skipped_ + review_->left_out(),
                           .rows_resumed = rows_resumed_,
                           .sealed_bytes = 0,
                           .shards = 0,
                           .manifest_sha256 = grant_.manifest_sha256,
                           .review = review_->Report()};
    if (options_.dry_run) return FinishWithoutCommit(std::move(result));
    if (writer_ != nullptr) ST_RETURN_IF_ERROR(EndShard());
    if (rows_.shards.empty()) {
      if (records_in_ == 0 && rows_resumed_ > 0) return FinishWithoutCommit(std::move(result));
      absl::Status nothing = absl::InvalidArgumentError(
          records_in_ == 0 ? "there are no rows to seal: no records"
                           : absl::StrCat("there are no rows to seal: ", records_in_,
                                          " records, all bad or left out by the policy"));
      return options_.source_name.empty() ? nothing : At(options_.source_name, nothing);
    }
    rows_.source_name = options_.source_name;
    rows_.source_begin = resume_position_;
    rows_.source_end = resume_position_ + records_in_;
    rows_.suppressed = result.rows_suppressed;
    ST_ASSIGN_OR_RETURN(rows_.review_sha256, WriteReviewFile(env_, options_.store, grant_.dataset,
                                                             result.review, writer_key_));
    files_.push_back(ReviewPath(options_.store, grant_.dataset, rows_.review_sha256));
    ST_ASSIGN_OR_RETURN(const CommitResult committed,
                        CommitSnapshot(custody_, env_, options_.store, permit_, writer_key_, rows_,
                                       maybe_committed_));
    result.generation = committed.generation;
    result.manifest_sha256 = committed.manifest_sha256;
    for (const custody::Shard& shard : rows_.shards) {
      result.rows_sealed += shard.rows();
      result.sealed_bytes += shard.file_bytes();
    }
    result.shards = rows_.shards.size();
    return result;
  }

  custody::Custody& custody_;
  Env& env_;
  const IngestionOptions options_;
  std::optional<custody::Permit<policy::SEAL>> permit_;  // until it is used up
  const custody::Grant grant_;                           // of permit_
  const crypto::SigningKey writer_key_;                  // of this job alone
  std::unique_ptr<Review> review_;
  std::vector<ColumnBuilder> builders_;  // of the stored columns; one row group
  std::unique_ptr<ShardWriter> writer_;  // of the shard at hand, null between two
  std::string writer_path_;
  NewRows rows_;
  std::vector<std::string> files_;  // written so far; removed again if nothing comes of them
  bool maybe_committed_ = false;
  std::uint64_t resume_position_ = 0;
  std::uint64_t records_in_ = 0;
  std::uint64_t rows_resumed_ = 0;
  std::uint64_t skipped_ = 0;
  absl::Status first_bad_;
  absl::Status failed_;  // what ended the job; repeated by every later call
};

}  // namespace

absl::StatusOr<std::unique_ptr<Ingestion>> Ingestion::Start(custody::Custody& custody,
                                                            IngestionOptions options) {
  ST_RETURN_IF_ERROR(CheckOptions(options));
  ST_ASSIGN_OR_RETURN(crypto::SigningKey writer_key, crypto::SigningKey::Generate());
  ST_ASSIGN_OR_RETURN(custody::IngestPermits permits, custody.RequestIngest(options.request));
  auto job = std::make_unique<IngestionImpl>(custody, std::move(options), std::move(permits.seal),
                                             std::move(writer_key));
  ST_RETURN_IF_ERROR(job->Prepare(std::move(permits.ingest)));
  return job;
}

}  // namespace sealtrain::pipeline
