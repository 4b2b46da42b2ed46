#include "sealtrain/pipeline/open/block_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/open/read_order.h"
#include "sealtrain/pipeline/status_text.h"

namespace sealtrain::pipeline {

absl::StatusOr<std::uint64_t> BlockReader::Open(std::uint64_t part) {
  if (part_ != part) ST_RETURN_IF_ERROR(InShard(part, OpenShard(part)));
  return (groups_.size() + block_groups_ - 1) / block_groups_;
}

absl::Status BlockReader::Read(std::uint64_t block, RowBlock& result) {
  absl::Status status = ReadGroups(block, result);
  if (status.ok()) return status;
  result = RowBlock();
  return InShard(*part_, status);
}

absl::Status BlockReader::InShard(std::uint64_t part, const absl::Status& status) const {
  if (status.ok()) return status;
  return At(absl::StrCat("shard ", HexEncode(AsBytes(plan_.parts[part].shard->id()))), status);
}

absl::Status BlockReader::OpenShard(std::uint64_t part) {
  const ReadPlan::Part& wanted = plan_.parts[part];
  part_.reset();
  shard_.reset();  // so that two are never open
  ST_ASSIGN_OR_RETURN(shard_, open_(*wanted.shard, space_));
  groups_.clear();
  std::uint64_t largest = 1;
  for (std::uint32_t group = 0; group < shard_->groups(); ++group) {
    const std::uint64_t begin = shard_->first_row(group);
    if (begin >= wanted.end || begin + shard_->group_rows(group) <= wanted.begin) continue;
    groups_.push_back(group);
    largest = std::max(largest, shard_->group_bytes(group));
  }
  if (plan_.shuffle.has_value()) {
    Shuffle({.kind = ShuffleOf::kGroups,
             .seed = plan_.shuffle->seed,
             .pass = plan_.shuffle->pass,
             .shard = part},
            absl::MakeSpan(groups_));
  }
  block_groups_ = std::max<std::size_t>(1, plan_.block_bytes / largest);
  part_ = part;
  return absl::OkStatus();
}

absl::Status BlockReader::ReadGroups(std::uint64_t block, RowBlock& result) {
  const ReadPlan::Part& wanted = plan_.parts[*part_];
  const std::size_t begin = block * block_groups_;
  const std::size_t count = std::min(block_groups_, groups_.size() - begin);
  result.groups.resize(count);
  result.order.clear();
  for (std::size_t i = 0; i < count; ++i) {
    ColumnBatch& batch = result.groups[i];
    ST_ASSIGN_OR_RETURN(batch, shard_->ReadGroup(groups_[begin + i], std::move(batch.memory)));
    const std::uint64_t first = std::max(wanted.begin, batch.first_row);
    const std::uint64_t end = std::min(wanted.end, batch.first_row + batch.rows);
    if (end - first < batch.rows) batch.KeepRows(first - batch.first_row, end - first);
    batch.first_row += wanted.first_row;
  }
  if (!plan_.shuffle.has_value() || !plan_.shuffle->rows) return absl::OkStatus();
  for (std::uint32_t group = 0; group < count; ++group) {
    for (std::uint32_t row = 0; row < result.groups[group].rows; ++row) {
      result.order.push_back({group, row});
    }
  }
  Shuffle({.kind = ShuffleOf::kRows,
           .seed = plan_.shuffle->seed,
           .pass = plan_.shuffle->pass,
           .shard = *part_,
           .block = block},
          absl::MakeSpan(result.order));
  return absl::OkStatus();
}

}  // namespace sealtrain::pipeline
