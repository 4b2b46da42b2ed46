#include "sealtrain/pipeline/dataset_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/pipeline/dataset.h"
#include "sealtrain/pipeline/dataset/manifest_file.h"
#include "sealtrain/pipeline/dataset/signed_ahead.h"
#include "sealtrain/pipeline/open/block_queue.h"
#include "sealtrain/pipeline/open/block_reader.h"
#include "sealtrain/pipeline/open/read_order.h"

namespace sealtrain::pipeline {
namespace {

constexpr int kMaxThreads = 64;

// The named columns, as far as the permit opens them.
absl::StatusOr<std::vector<ColumnSpec>> GrantedColumns(const custody::Grant& grant,
                                                       const std::vector<std::string>& names) {
  if (names.empty()) return absl::InvalidArgumentError("no columns to open");
  std::vector<ColumnSpec> columns;
  for (const std::string& name : names) {
    const auto plan = std::find_if(grant.decision.columns.begin(), grant.decision.columns.end(),
                                   [&](const policy::ColumnPlan& p) { return p.name == name; });
    const policy::Column* const column = grant.schema->FindColumn(name);
    if (plan == grant.decision.columns.end() || plan->transform.kind() == policy::DROP ||
        column == nullptr) {
      return absl::PermissionDeniedError(
          absl::StrCat("column ", name, ": the permit does not open it"));
    }
    columns.push_back(SpecOf(*column));
  }
  return columns;
}

// Of everything that the blocks and their order depend on.
Digest DigestOf(const DatasetReader::Options& options) {
  Bytes bytes;
  for (const std::string& column : options.columns) {
    AppendBigEndian(column.size(), 8, bytes);
    bytes.insert(bytes.end(), column.begin(), column.end());
  }
  const DatasetReader::RowRange rows = options.rows.value_or(DatasetReader::RowRange{});
  const DatasetReader::Shuffle shuffle = options.shuffle.value_or(DatasetReader::Shuffle{});
  for (const std::uint64_t number :
       {std::uint64_t{options.rows.has_value()}, rows.begin, rows.end,
        std::uint64_t{options.shuffle.has_value()}, shuffle.seed, shuffle.pass,
        std::uint64_t{shuffle.rows}, options.block_bytes}) {
    AppendBigEndian(number, 8, bytes);
  }
  return crypto::Sha256(bytes);
}

ReadPlan PlanOf(const custody::Manifest& manifest, const DatasetReader::Options& options) {
  ReadPlan plan;
  plan.block_bytes = options.block_bytes;
  const DatasetReader::RowRange wanted =
      options.rows.value_or(DatasetReader::RowRange{0, manifest.rows()});
  std::uint64_t first_row = 0;
  for (const custody::Shard& shard : manifest.shard()) {
    const std::uint64_t begin = std::max(wanted.begin, first_row);
    const std::uint64_t end = std::min(wanted.end, first_row + shard.rows());
    if (begin < end) {
      plan.parts.push_back({.shard = &shard,
                            .first_row = first_row,
                            .begin = begin - first_row,
                            .end = end - first_row});
    }
    first_row += shard.rows();
  }
  if (options.shuffle.has_value()) {
    plan.shuffle = {.seed = options.shuffle->seed,
                    .pass = options.shuffle->pass,
                    .rows = options.shuffle->rows};
    Shuffle({.kind = ShuffleOf::kShards, .seed = plan.shuffle->seed, .pass = plan.shuffle->pass},
            absl::MakeSpan(plan.parts));
  }
  return plan;
}

class DatasetReaderImpl final : public DatasetReader {
 public:
  DatasetReaderImpl(ReadPlan plan, const ShardOpener& open, ReadPosition begin, int threads)
      : plan_(std::move(plan)),
        position_(std::move(begin)),
        queue_(plan_, open, {.part = position_.shard(), .block = position_.block()}, threads) {}

  std::uint64_t rows() const override {
    std::uint64_t rows = 0;
    for (const ReadPlan::Part& part : plan_.parts) rows += part.end - part.begin;
    return rows;
  }

  absl::StatusOr<const RowBlock*> Next() override {
    ST_RETURN_IF_ERROR(failed_);
    absl::StatusOr<const RowBlock*> block = ReadNext();
    if (!block.ok()) failed_ = block.status();
    return block;
  }

  ReadPosition PositionAfter(std::uint64_t used) const override {
    ReadPosition position = position_;
    position.set_rows(position.rows() + used);
    return position;
  }

 private:
  absl::StatusOr<const RowBlock*> ReadNext() {
    while (true) {
      ST_ASSIGN_OR_RETURN(const std::optional<BlockPlace> place, queue_.Next(block_));
      if (!place.has_value()) {
        position_.set_shard(plan_.parts.size());
        position_.set_block(0);
        position_.set_rows(0);
        return nullptr;
      }
      const bool resumed = position_.shard() == place->part && position_.block() == place->block;
      const std::uint64_t skip = resumed ? position_.rows() : 0;
      position_.set_shard(place->part);
      position_.set_block(place->block);
      position_.set_rows(skip);
      const std::uint64_t rows = block_.rows();
      if (skip > rows) return absl::InvalidArgumentError("the position is behind its block");
      if (skip == rows) continue;
      DropRows(skip);
      return &block_;
    }
  }

  // Forgets the first `count` rows of the block, in the order of their use.
  void DropRows(std::uint64_t count) {
    if (!block_.order.empty()) {
      block_.order.erase(block_.order.begin(),
                         block_.order.begin() + static_cast<std::ptrdiff_t>(count));
      return;
    }
    auto group = block_.groups.begin();
    for (; group->rows <= count; ++group) count -= group->rows;
    group->KeepRows(count, group->rows - count);
    block_.groups.erase(block_.groups.begin(), group);
  }

  const ReadPlan plan_;
  ReadPosition position_;  // of the block at hand; its rows: dropped from it by resuming
  RowBlock block_;
  absl::Status failed_;
  BlockQueue queue_;  // its threads use plan_
};

template <policy::Action kAction>
absl::StatusOr<std::unique_ptr<DatasetReader>> OpenReader(custody::Custody& custody,
                                                          const custody::Permit<kAction>& permit,
                                                          DatasetReader::Options options) {
  if (options.threads < 0 || options.threads > kMaxThreads) {
    return absl::InvalidArgumentError("threads is out of range");
  }
  const custody::Grant& grant = permit.grant();
  ST_RETURN_IF_ERROR(SignedAhead(custody, *options.env, options.store, grant.dataset).status());
  ST_ASSIGN_OR_RETURN(std::vector<ColumnSpec> columns, GrantedColumns(grant, options.columns));
  ST_ASSIGN_OR_RETURN(custody::Manifest read_manifest,
                      ReadManifestFile(*options.env, options.store,
                                       {.dataset = grant.dataset,
                                        .generation = grant.generation,
                                        .manifest_sha256 = grant.manifest_sha256},
                                       custody.manifest_public_key()));
  const auto manifest = std::make_shared<const custody::Manifest>(std::move(read_manifest));
  if (AsText(grant.schema->digest()) != absl::string_view(manifest->schema_sha256())) {
    return absl::DataLossError(absl::StrCat(grant.dataset, ": the snapshot has another schema"));
  }
  ReadPosition begin;
  begin.set_manifest_sha256(std::string(AsText(grant.manifest_sha256)));
  begin.set_reading_sha256(std::string(AsText(DigestOf(options))));
  if (options.resume.has_value()) {
    if (options.resume->manifest_sha256() != begin.manifest_sha256() ||
        options.resume->reading_sha256() != begin.reading_sha256()) {
      return absl::InvalidArgumentError("the position is of another snapshot or reading");
    }
    begin = *options.resume;
  }
  ReadPlan plan = PlanOf(*manifest, options);
  // Called by several threads, each for shards of its own; custody takes that.
  const ShardOpener open = [&custody, &permit, manifest, columns = std::move(columns),
                            store = options.store, env = options.env](
                               const custody::Shard& shard,
                               ReadSpace& space) -> absl::StatusOr<std::unique_ptr<ShardReader>> {
    Id id;
    const ByteSpan id_bytes = AsBytes(shard.id());  // 16 in a verified manifest
    std::copy(id_bytes.begin(), id_bytes.end(), id.begin());
    // The file is checked before a key for it is asked for.
    ST_ASSIGN_OR_RETURN(
        ShardFile file,
        ShardFile::Open(*env, ShardPath(store, manifest->dataset(), id), *manifest, shard));
    ST_ASSIGN_OR_RETURN(const custody::ShardKeys keys, custody.ReleaseShardKeys(permit, shard));
    return ShardReader::Open(std::move(file), keys, columns, space);
  };
  return std::make_unique<DatasetReaderImpl>(std::move(plan), open, std::move(begin),
                                             options.threads);
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
