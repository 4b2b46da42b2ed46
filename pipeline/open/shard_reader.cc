#include "sealtrain/pipeline/open/shard_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/open/chunk_view.h"
#include "sealtrain/pipeline/open/shard_index.h"
#include "sealtrain/pipeline/open/stream_reader.h"
#include "sealtrain/pipeline/seal/chunk_codec.h"
#include "sealtrain/pipeline/seal/shard_layout.h"
#include "sealtrain/pipeline/status_text.h"

namespace sealtrain::pipeline {
namespace {

struct OpenColumn {
  std::string name;
  const ColumnIndex* index;
  StreamReader stream;
  std::vector<std::uint64_t> chunk_begin;  // in the stream's plaintext
};

absl::StatusOr<ShardIndex> ReadIndex(const ShardFile& file, const crypto::Dek& key) {
  ST_ASSIGN_OR_RETURN(StreamReader stream,
                      StreamReader::Open(file.file(), file.index_begin(), file.index_bytes(), key,
                                         ShardStreamAad(file.header_section(), kIndexLabel)));
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes plaintext,
                      crypto::SecretBytes::Allocate(stream.plaintext_bytes()));
  ST_RETURN_IF_ERROR(stream.ReadAt(0, plaintext.mutable_span()));
  return DecodeShardIndex(
      plaintext.span(),
      {.rows = file.shard().rows(), .stream_bytes = file.index_begin() - file.streams_begin()});
}

class ShardReaderImpl final : public ShardReader {
 public:
  ShardReaderImpl(ShardFile file, ShardIndex index, ChunkDecompressor decompressor)
      : file_(std::move(file)), index_(std::move(index)), decompressor_(std::move(decompressor)) {
    std::uint64_t first_row = 0;
    for (const std::uint32_t rows : index_.group_rows()) {
      first_rows_.push_back(first_row);
      first_row += rows;
    }
  }

  absl::Status OpenColumnStream(const ColumnSpec& spec, const custody::ShardKeys& keys) {
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
                                             ShardStreamAad(file_.header_section(), spec.id)));
      OpenColumn& open = columns_.emplace_back(OpenColumn{
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

  absl::StatusOr<ColumnBatch> ReadGroup(std::size_t group) override {
    if (group >= groups()) return absl::OutOfRangeError("no such row group");
    ColumnBatch batch;
    batch.first_row = first_rows_[group];
    batch.rows = index_.group_rows(static_cast<int>(group));
    for (OpenColumn& column : columns_) {
      if (absl::Status s = ReadChunk(column, group, batch); !s.ok()) {
        return At(absl::StrCat("column ", column.name), s);
      }
    }
    return batch;
  }

 private:
  absl::Status ReadChunk(OpenColumn& column, std::size_t group, ColumnBatch& batch) {
    const Chunk& chunk = column.index->chunk(static_cast<int>(group));
    const std::uint64_t begin = column.chunk_begin[group];
    ST_ASSIGN_OR_RETURN(crypto::SecretBytes raw, crypto::SecretBytes::Allocate(chunk.raw_bytes()));
    if (chunk.encoding() == Chunk::PLAIN) {
      ST_RETURN_IF_ERROR(column.stream.ReadAt(begin, raw.mutable_span()));
    } else {
      ST_ASSIGN_OR_RETURN(crypto::SecretBytes frame,
                          crypto::SecretBytes::Allocate(chunk.stored_bytes()));
      ST_RETURN_IF_ERROR(column.stream.ReadAt(begin, frame.mutable_span()));
      ST_RETURN_IF_ERROR(decompressor_.Decompress(frame.span(), raw.mutable_span()));
    }
    ST_ASSIGN_OR_RETURN(ColumnView view,
                        ViewChunk({.type = static_cast<ValueType>(column.index->type()),
                                   .repeated = column.index->repeated(),
                                   .has_validity = chunk.has_validity(),
                                   .rows = batch.rows,
                                   .values = chunk.values()},
                                  raw.span()));
    batch.columns.push_back(view);
    batch.memory.push_back(std::move(raw));  // its bytes stay where they are
    return absl::OkStatus();
  }

  ShardFile file_;
  const ShardIndex index_;
  ChunkDecompressor decompressor_;
  std::vector<std::uint64_t> first_rows_;
  std::vector<OpenColumn> columns_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ShardReader>> ShardReader::Open(
    ShardFile file, const custody::ShardKeys& keys, const std::vector<ColumnSpec>& columns) {
  ST_ASSIGN_OR_RETURN(ShardIndex index, ReadIndex(file, keys.index));
  ST_ASSIGN_OR_RETURN(ChunkDecompressor decompressor, ChunkDecompressor::Create());
  auto reader =
      std::make_unique<ShardReaderImpl>(std::move(file), std::move(index), std::move(decompressor));
  for (const ColumnSpec& column : columns) {
    if (absl::Status s = reader->OpenColumnStream(column, keys); !s.ok()) {
      return At(absl::StrCat("column ", column.name), s);
    }
  }
  return reader;
}

}  // namespace sealtrain::pipeline
