#include "sealtrain/pipeline/dataset_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/dataset.h"
#include "sealtrain/pipeline/dataset/manifest_file.h"
#include "sealtrain/pipeline/open/shard_reader.h"
#include "sealtrain/pipeline/status_text.h"

namespace sealtrain::pipeline {
namespace {

// TRAIN and EVALUATE permits open alike.
template <policy::Action kAction>
class DatasetReaderImpl final : public DatasetReader {
 public:
  DatasetReaderImpl(custody::Custody& custody, const custody::Permit<kAction>& permit,
                    Options options)
      : custody_(custody), permit_(permit), options_(std::move(options)) {}

  absl::Status Prepare() {
    const custody::Grant& grant = permit_.grant();
    for (const std::string& name : options_.columns) {
      ST_RETURN_IF_ERROR(AddColumn(grant, name));
    }
    if (columns_.empty()) return absl::InvalidArgumentError("no columns to open");
    ST_ASSIGN_OR_RETURN(manifest_, ReadManifestFile(*options_.env, options_.store,
                                                    {.dataset = grant.dataset,
                                                     .generation = grant.generation,
                                                     .manifest_sha256 = grant.manifest_sha256},
                                                    custody_.manifest_public_key()));
    if (AsText(grant.schema->digest()) != absl::string_view(manifest_.schema_sha256())) {
      return absl::DataLossError(absl::StrCat(grant.dataset, ": the snapshot has another schema"));
    }
    return absl::OkStatus();
  }

  std::uint64_t rows() const override { return manifest_.rows(); }

  absl::StatusOr<std::optional<ColumnBatch>> Next() override {
    ST_RETURN_IF_ERROR(failed_);
    absl::StatusOr<std::optional<ColumnBatch>> batch = ReadNext();
    if (!batch.ok()) failed_ = batch.status();
    return batch;
  }

 private:
  absl::Status AddColumn(const custody::Grant& grant, const std::string& name) {
    const auto plan = std::find_if(grant.decision.columns.begin(), grant.decision.columns.end(),
                                   [&](const policy::ColumnPlan& p) { return p.name == name; });
    const policy::Column* const column = grant.schema->FindColumn(name);
    if (plan == grant.decision.columns.end() || plan->transform.kind() == policy::DROP ||
        column == nullptr) {
      return absl::PermissionDeniedError(
          absl::StrCat("column ", name, ": the permit does not open it"));
    }
    columns_.push_back(SpecOf(*column));
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<ColumnBatch>> ReadNext() {
    while (shard_reader_ == nullptr || next_group_ == shard_reader_->groups()) {
      if (shard_reader_ != nullptr) {
        first_row_ += shard_reader_->rows();
        shard_reader_.reset();
      }
      if (next_shard_ == manifest_.shard_size()) return std::nullopt;
      const custody::Shard& shard = manifest_.shard(next_shard_);
      absl::StatusOr<std::unique_ptr<ShardReader>> reader = OpenShard(shard);
      if (!reader.ok()) return At(Describe(shard), reader.status());
      shard_reader_ = *std::move(reader);
      ++next_shard_;
      next_group_ = 0;
    }
    absl::StatusOr<ColumnBatch> batch = shard_reader_->ReadGroup(next_group_);
    if (!batch.ok()) return At(Describe(manifest_.shard(next_shard_ - 1)), batch.status());
    ++next_group_;
    batch->first_row += first_row_;
    return std::optional<ColumnBatch>(*std::move(batch));
  }

  absl::StatusOr<std::unique_ptr<ShardReader>> OpenShard(const custody::Shard& shard) {
    Id id;
    const ByteSpan id_bytes = AsBytes(shard.id());  // 16 in a verified manifest
    std::copy(id_bytes.begin(), id_bytes.end(), id.begin());
    // The file is checked before a key for it is asked for.
    ST_ASSIGN_OR_RETURN(
        ShardFile file,
        ShardFile::Open(*options_.env, ShardPath(options_.store, manifest_.dataset(), id),
                        manifest_, shard));
    ST_ASSIGN_OR_RETURN(const custody::ShardKeys keys, custody_.ReleaseShardKeys(permit_, shard));
    return ShardReader::Open(std::move(file), keys, columns_);
  }

  static std::string Describe(const custody::Shard& shard) {
    return absl::StrCat("shard ", HexEncode(AsBytes(shard.id())));
  }

  custody::Custody& custody_;
  const custody::Permit<kAction>& permit_;
  const Options options_;
  std::vector<ColumnSpec> columns_;
  custody::Manifest manifest_;
  std::unique_ptr<ShardReader> shard_reader_;
  int next_shard_ = 0;
  std::size_t next_group_ = 0;
  std::uint64_t first_row_ = 0;  // of the shard at hand, in the snapshot
  absl::Status failed_;
};

template <policy::Action kAction>
absl::StatusOr<std::unique_ptr<DatasetReader>> OpenReader(custody::Custody& custody,
                                                          const custody::Permit<kAction>& permit,
                                                          DatasetReader::Options options) {
  auto reader = std::make_unique<DatasetReaderImpl<kAction>>(custody, permit, std::move(options));
  ST_RETURN_IF_ERROR(reader->Prepare());
  return reader;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DatasetReader>> DatasetReader::Open(
    custody::Custody& custody, const custody::Permit<policy::TRAIN>& permit, Options options) {
  return OpenReader(custody, permit, std::move(options));
}

absl::StatusOr<std::unique_ptr<DatasetReader>> DatasetReader::Open(
    custody::Custody& custody, const custody::Permit<policy::EVALUATE>& permit, Options options) {
  return OpenReader(custody, permit, std::move(options));
}

}  // namespace sealtrain::pipeline
