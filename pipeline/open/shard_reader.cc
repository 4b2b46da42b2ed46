#include "sealtrain/pipeline/open/shard_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/open/chunk_view.h"
#include "sealtrain/pipeline/open/shard_index.h"
#include "sealtrain/pipeline/open/stream_reader.h"
#include "sealtrain/pipeline/seal/shard_layout.h"
#include "sealtrain/pipeline/status_text.h"

namespace sealtrain::pipeline {
namespace {

// Where each column begins in a batch's memory: vector registers load from
// there, and no two threads' columns share a cache line.
constexpr std::uint64_t kColumnAlignment = 64;
// What a stream's reader needs. One piece of secret memory serves all streams of
// a shard.
const std::size_t kSegmentSpace = kStream.plaintext_bytes();

std::uint64_t SpaceFor(const Chunk& chunk) {
  return (chunk.raw_bytes() + kColumnAlignment - 1) / kColumnAlignment * kColumnAlignment;
}

struct OpenedColumn {
  std::string name;
  const ColumnIndex* index;
  StreamReader stream;
  std::vector<std::uint64_t> chunk_begin;  // in the stream's plaintext
};

absl::StatusOr<ShardIndex> ReadIndex(const ShardFile& file, const crypto::Dek& key,
                                     Bytes& ciphertext) {
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes space, crypto::SecretBytes::Allocate(kSegmentSpace));
  ST_ASSIGN_OR_RETURN(StreamReader stream,
                      StreamReader::Open(file.file(), file.index_begin(), file.index_bytes(), key,
                                         ShardStreamAad(file.header_section(), kIndexLabel),
                                         space.mutable_span(), ciphertext));
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes plaintext,
                      crypto::SecretBytes::Allocate(stream.plaintext_bytes()));
  ST_RETURN_IF_ERROR(stream.ReadAt(0, plaintext.mutable_span()));
  return DecodeShardIndex(
      plaintext.span(),
      {.rows = file.shard().rows(), .stream_bytes = file.index_begin() - file.streams_begin()});
}

class ShardReaderImpl final : public ShardReader {
 public:
  ShardReaderImpl(ShardFile file, ShardIndex index, ReadSpace& space)
      : file_(std::move(file)), index_(std::move(index)), space_(space) {
    std::uint64_t first_row = 0;
    for (const std::uint32_t rows : index_.group_rows()) {
      first_rows_.push_back(first_row);
      first_row += rows;
    }
  }

  absl::Status OpenColumns(const std::vector<ColumnSpec>& columns, const custody::ShardKeys& keys) {
    if (const std::size_t bytes = columns.size() * kSegmentSpace; space_.segments.size() < bytes) {
      space_.segments.Clear();  // before there are two
      ST_ASSIGN_OR_RETURN(space_.segments, crypto::SecretBytes::Allocate(bytes));
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const MutableByteSpan space =
          space_.segments.mutable_span().subspan(i * kSegmentSpace, kSegmentSpace);
      if (absl::Status s = OpenColumn(columns[i], keys, space); !s.ok()) {
        return At(absl::StrCat("column ", columns[i].name), s);
      }
    }
    return absl::OkStatus();
  }

  absl::Status OpenColumn(const ColumnSpec& spec, const custody::ShardKeys& keys,
                          MutableByteSpan space) {
    std::uint64_t offset = file_.streams_begin();
    for (const ColumnIndex& column : index_.column()) {
      if (column.id() != spec.id) {
        offset += column.stream_bytes();
        continue;
      }
      if (static_cast<ValueType>(column.type()) != spec.type ||
          column.repeated() != spec.repeated) {
        return absl::DataLossError("sealed as another type");
      }
      const crypto::Dek* const key = keys.Find(spec.id);
      if (key == nullptr) return absl::PermissionDeniedError("its key was not released");
      ST_ASSIGN_OR_RETURN(StreamReader stream,
                          StreamReader::Open(file_.file(), offset, column.stream_bytes(), *key,
                                             ShardStreamAad(file_.header_section(), spec.id), space,
                                             space_.ciphertext));
      OpenedColumn& open = columns_.emplace_back(OpenedColumn{
          .name = spec.name, .index = &column, .stream = std::move(stream), .chunk_begin = {}});
      std::uint64_t begin = 0;
      for (const Chunk& chunk : column.chunk()) {
        open.chunk_begin.push_back(begin);
        begin += chunk.stored_bytes();
      }
      return absl::OkStatus();
    }
    return absl::NotFoundError("not in this shard");
  }

  std::uint64_t rows() const override { return file_.shard().rows(); }
  std::size_t groups() const override { return first_rows_.size(); }

  std::uint64_t first_row(std::size_t group) const override { return first_rows_[group]; }
  std::uint64_t group_rows(std::size_t group) const override {
    return index_.group_rows(static_cast<int>(group));
  }
  std::uint64_t group_bytes(std::size_t group) const override {
    std::uint64_t bytes = 0;
    for (const OpenedColumn& column : columns_) {
      bytes += SpaceFor(column.index->chunk(static_cast<int>(group)));
    }
    return bytes;
  }

  absl::StatusOr<ColumnBatch> ReadGroup(std::size_t group, crypto::SecretBytes memory) override {
    if (group >= groups()) return absl::OutOfRangeError("no such row group");
    ColumnBatch batch;
    batch.first_row = first_rows_[group];
    batch.rows = group_rows(group);
    batch.memory = std::move(memory);
    if (const std::uint64_t bytes = group_bytes(group); batch.memory.size() < bytes) {
      batch.memory.Clear();  // before there are two
      ST_ASSIGN_OR_RETURN(batch.memory, crypto::SecretBytes::Allocate(bytes));
    }
    MutableByteSpan space = batch.memory.mutable_span();
    for (OpenedColumn& column : columns_) {
      const Chunk& chunk = column.index->chunk(static_cast<int>(group));
      absl::StatusOr<ColumnView> view =
          ReadChunk(column, group, batch.rows, space.first(chunk.raw_bytes()));
      if (!view.ok()) return At(absl::StrCat("column ", column.name), view.status());
      batch.columns.push_back(*view);
      space.remove_prefix(SpaceFor(chunk));
    }
    return batch;
  }

 private:
  absl::StatusOr<ColumnView> ReadChunk(OpenedColumn& column, std::size_t group, std::uint64_t rows,
                                       MutableByteSpan raw) {
    const Chunk& chunk = column.index->chunk(static_cast<int>(group));
    const std::uint64_t begin = column.chunk_begin[group];
    if (chunk.encoding() == Chunk::PLAIN) {
      ST_RETURN_IF_ERROR(column.stream.ReadAt(begin, raw));
    } else {
      if (!space_.decompressor.has_value()) {
        ST_ASSIGN_OR_RETURN(space_.decompressor, ChunkDecompressor::Create());
      }
      ST_RETURN_IF_ERROR(space_.frame.Resize(chunk.stored_bytes()));
      ST_RETURN_IF_ERROR(column.stream.ReadAt(begin, space_.frame.mutable_span()));
      ST_RETURN_IF_ERROR(space_.decompressor->Decompress(space_.frame.span(), raw));
    }
    return ViewChunk({.type = static_cast<ValueType>(column.index->type()),
                      .repeated = column.index->repeated(),
                      .has_validity = chunk.has_validity(),
                      .rows = rows,
                      .values = chunk.values()},
                     raw);
  }

  ShardFile file_;
  const ShardIndex index_;
  ReadSpace& space_;
  std::vector<std::uint64_t> first_rows_;
  std::vector<OpenedColumn> columns_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ShardReader>> ShardReader::Open(
    ShardFile file, const custody::ShardKeys& keys, const std::vector<ColumnSpec>& columns,
    ReadSpace& space) {
  ST_ASSIGN_OR_RETURN(ShardIndex index, ReadIndex(file, keys.index, space.ciphertext));
  auto reader = std::make_unique<ShardReaderImpl>(std::move(file), std::move(index), space);
  ST_RETURN_IF_ERROR(reader->OpenColumns(columns, keys));
  return reader;
}

}  // namespace sealtrain::pipeline
