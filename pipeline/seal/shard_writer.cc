#include "sealtrain/pipeline/seal/shard_writer.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/pipeline/seal/chunk_codec.h"
#include "sealtrain/pipeline/seal/segment_hasher.h"
#include "sealtrain/pipeline/seal/shard_layout.h"
#include "sealtrain/pipeline/seal/stream_writer.h"

namespace sealtrain::pipeline {
namespace {

class ShardWriterImpl final : public ShardWriter {
 public:
  ShardWriterImpl(custody::ShardKeys keys, Bytes header_section, ChunkCompressor compressor)
      : keys_(std::move(keys)),
        header_section_(std::move(header_section)),
        compressor_(std::move(compressor)) {}

  absl::Status AddColumn(const ColumnSpec& spec) {
    const crypto::Dek* const key = keys_.Find(spec.id);
    if (key == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("no key for column ", spec.name));
    }
    ST_ASSIGN_OR_RETURN(
        StreamWriter stream,
        StreamWriter::Create(*key, ShardStreamAad(header_section_, spec.id), hasher_));
    streams_.push_back(std::move(stream));
    ColumnIndex& column = *index_.add_column();
    column.set_id(spec.id);
    column.set_type(static_cast<ColumnIndex::Type>(spec.type));
    column.set_repeated(spec.repeated);
    return absl::OkStatus();
  }

  absl::Status AppendGroup(absl::Span<const ColumnBuilder> builders) override {
    const std::uint64_t group_rows = builders.empty() ? 0 : builders.front().rows();
    if (builders.size() != streams_.size() || group_rows == 0 || group_rows > kMaxGroupRows ||
        rows_ + group_rows > kMaxShardRows) {
      return absl::InvalidArgumentError("not a row group of this shard");
    }
    for (std::size_t i = 0; i < builders.size(); ++i) {
      if (builders[i].rows() != group_rows) {
        return absl::InvalidArgumentError("the columns of a row group differ in length");
      }
      ST_RETURN_IF_ERROR(AppendChunk(builders[i], streams_[i],
                                     *index_.mutable_column(static_cast<int>(i))->add_chunk()));
    }
    index_.add_group_rows(static_cast<std::uint32_t>(group_rows));
    rows_ += group_rows;
    return absl::OkStatus();
  }

  std::uint64_t rows() const override { return rows_; }

  std::uint64_t sealed_bytes() const override {
    std::uint64_t bytes = 0;
    for (const StreamWriter& stream : streams_) bytes += stream.sealed_bytes();
    return bytes;
  }

  absl::StatusOr<custody::Shard> Finish(WritableFile& file) override {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      ST_RETURN_IF_ERROR(streams_[i].Finish());
      index_.mutable_column(static_cast<int>(i))->set_stream_bytes(streams_[i].sealed_bytes());
    }
    ST_RETURN_IF_ERROR(SealIndex());

    ST_RETURN_IF_ERROR(file.Append(header_section_));
    for (const StreamWriter& stream : streams_) ST_RETURN_IF_ERROR(stream.WriteTo(file));
    hasher_.Wait();
    crypto::MerkleAccumulator tree;
    Bytes end;  // leaves and trailer
    for (const StreamWriter& stream : streams_) {
      for (const Digest& leaf : stream.leaves()) {
        tree.Append(leaf);
        end.insert(end.end(), leaf.begin(), leaf.end());
      }
    }
    const Bytes trailer = EncodeTrailer(
        {.index_stream_bytes = streams_.back().sealed_bytes(), .segments = tree.size()});
    end.insert(end.end(), trailer.begin(), trailer.end());
    ST_RETURN_IF_ERROR(file.Append(end));

    custody::Shard shard;
    shard.set_id(std::string(AsText(keys_.shard_id)));
    shard.set_rows(rows_);
    shard.set_file_bytes(header_section_.size() + sealed_bytes() + end.size());
    shard.set_header_sha256(std::string(AsText(crypto::Sha256(header_section_))));
    shard.set_segments(tree.size());
    shard.set_segments_root(std::string(AsText(tree.Root())));
    shard.set_key_epoch(keys_.key_epoch);
    return shard;
  }

 private:
  absl::Status AppendChunk(const ColumnBuilder& builder, StreamWriter& stream, Chunk& chunk) {
    raw_.Clear();
    ST_RETURN_IF_ERROR(builder.LayOut(raw_));
    if (raw_.size() > kMaxChunkBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(builder.spec().name, ": too much for one row group"));
    }
    ST_ASSIGN_OR_RETURN(const bool smaller, compressor_.Compress(raw_.span(), compressed_));
    const SecretBuffer& stored = smaller ? compressed_ : raw_;
    chunk.set_stored_bytes(stored.size());
    chunk.set_raw_bytes(raw_.size());
    chunk.set_values(builder.values());
    chunk.set_encoding(smaller ? Chunk::ZSTD : Chunk::PLAIN);
    chunk.set_has_validity(builder.has_nulls());
    return stream.Append(stored.span());
  }

  // Adds the index to the streams, as the last one.
  absl::Status SealIndex() {
    const std::string encoded = index_.SerializeAsString();
    Bytes plaintext;
    AppendBigEndian(encoded.size(), kIndexPrefixBytes, plaintext);
    plaintext.insert(plaintext.end(), encoded.begin(), encoded.end());
    if (crypto::SealedSize(PaddedBytes(plaintext.size())) > kMaxIndexStreamBytes) {
      return absl::InvalidArgumentError("the shard has too many row groups for its index");
    }
    ST_ASSIGN_OR_RETURN(
        StreamWriter stream,
        StreamWriter::Create(keys_.index, ShardStreamAad(header_section_, kIndexLabel), hasher_));
    streams_.push_back(std::move(stream));
    ST_RETURN_IF_ERROR(streams_.back().Append(plaintext));
    return streams_.back().Finish();
  }

  custody::ShardKeys keys_;
  Bytes header_section_;
  ChunkCompressor compressor_;
  std::vector<StreamWriter> streams_;  // one for each column of index_, then its own
  SegmentHasher hasher_;               // goes before the streams that it hashes
  ShardIndex index_;
  std::uint64_t rows_ = 0;
  SecretBuffer raw_;  // one chunk at a time
  SecretBuffer compressed_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ShardWriter>> ShardWriter::Create(
    ShardHeader header, custody::ShardKeys keys, const std::vector<ColumnSpec>& columns) {
  if (columns.empty() || columns.size() > kMaxColumns) {
    return absl::InvalidArgumentError(absl::StrCat("cannot seal ", columns.size(), " columns"));
  }
  header.set_format(1);
  header.set_shard_id(std::string(AsText(keys.shard_id)));
  header.set_key_epoch(keys.key_epoch);
  ST_ASSIGN_OR_RETURN(Bytes section, EncodeHeaderSection(header));
  ST_ASSIGN_OR_RETURN(ChunkCompressor compressor, ChunkCompressor::Create());
  auto writer =
      std::make_unique<ShardWriterImpl>(std::move(keys), std::move(section), std::move(compressor));
  for (const ColumnSpec& column : columns) ST_RETURN_IF_ERROR(writer->AddColumn(column));
  return writer;
}

}  // namespace sealtrain::pipeline
