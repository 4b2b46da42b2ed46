#include "sealtrain/pipeline/open/shard_index.h"

#include <set>
#include <string>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/exact_proto.h"
#include "sealtrain/pipeline/seal/column_builder.h"
#include "sealtrain/pipeline/seal/shard_layout.h"

namespace sealtrain::pipeline {
namespace {

absl::Status MalformedIndex() { return absl::DataLossError("the shard's index is malformed"); }

absl::Status CheckChunks(const ColumnIndex& column, const ShardIndex& index,
                         std::uint64_t plaintext_bytes) {
  if (column.chunk_size() != index.group_rows_size()) return MalformedIndex();
  std::uint64_t stored = 0;
  for (int i = 0; i < column.chunk_size(); ++i) {
    const Chunk& chunk = column.chunk(i);
    if (chunk.raw_bytes() > kMaxChunkBytes || chunk.stored_bytes() > plaintext_bytes - stored) {
      return MalformedIndex();
    }
    stored += chunk.stored_bytes();
    const bool plain = chunk.encoding() == Chunk::PLAIN;
    if (!plain && chunk.encoding() != Chunk::ZSTD) return MalformedIndex();
    if (plain && chunk.stored_bytes() != chunk.raw_bytes()) return MalformedIndex();
    if (column.repeated() ? chunk.has_validity() : chunk.values() != index.group_rows(i)) {
      return MalformedIndex();
    }
  }
  return PaddedBytes(stored) == plaintext_bytes ? absl::OkStatus() : MalformedIndex();
}

}  // namespace

absl::StatusOr<ShardIndex> DecodeShardIndex(ByteSpan plaintext, const ShardExtent& extent) {
  if (plaintext.size() < kIndexPrefixBytes) return MalformedIndex();
  const std::uint64_t bytes = GetBigEndian(plaintext.first(kIndexPrefixBytes));
  if (bytes > plaintext.size() - kIndexPrefixBytes ||
      PaddedBytes(kIndexPrefixBytes + bytes) != plaintext.size()) {
    return MalformedIndex();
  }
  ShardIndex index;
  ST_RETURN_IF_ERROR(
      ParseExactly(plaintext.subspan(kIndexPrefixBytes, bytes), "the shard's index", index));

  std::uint64_t rows = 0;
  for (const std::uint32_t group_rows : index.group_rows()) {
    if (group_rows == 0 || group_rows > kMaxGroupRows) return MalformedIndex();
    rows += group_rows;
  }
  if (rows != extent.rows || index.column_size() == 0 || index.column_size() > kMaxColumns) {
    return MalformedIndex();
  }
  std::set<std::string> ids;
  std::uint64_t stream_bytes = 0;
  for (const ColumnIndex& column : index.column()) {
    if (!ids.insert(column.id()).second || column.type() < ColumnIndex::BOOL ||
        column.type() > ColumnIndex::BYTES) {
      return MalformedIndex();
    }
    if (column.stream_bytes() > extent.stream_bytes - stream_bytes) return MalformedIndex();
    stream_bytes += column.stream_bytes();
    ST_ASSIGN_OR_RETURN(const std::uint64_t opened, crypto::OpenedSize(column.stream_bytes()));
    ST_RETURN_IF_ERROR(CheckChunks(column, index, opened));
  }
  if (stream_bytes != extent.stream_bytes) return MalformedIndex();
  return index;
}

}  // namespace sealtrain::pipeline
