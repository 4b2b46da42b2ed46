#include "sealtrain/pipeline/open/shard_file.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/seal/shard_layout.h"

namespace sealtrain::pipeline {
namespace {

const crypto::StreamOptions kShardStream;
// What a segment begins with when another one follows.
constexpr std::uint64_t kInternalSegment = 0xffffffff;
constexpr std::size_t kSegmentPrefixBytes = 4;

absl::Status CheckHeader(const ShardHeader& header, const custody::Manifest& manifest,
                         const custody::Shard& shard) {
  // A verified manifest has valid plan numbers.
  const custody::SealPlan& plan = manifest.plan(static_cast<int>(shard.plan()));
  if (header.shard_id() != shard.id() || header.dataset() != manifest.dataset() ||
      header.schema_sha256() != manifest.schema_sha256() ||
      header.policy_sha256() != plan.policy_sha256() || header.permit_id() != plan.permit_id() ||
      header.key_epoch() != shard.key_epoch()) {
    return absl::DataLossError("the shard header contradicts the manifest");
  }
  return absl::OkStatus();
}

// Adds the tags of all segments in [begin, end), which whole streams must fill.
absl::Status CollectTags(const RandomAccessFile& file, std::uint64_t begin, std::uint64_t end,
                         crypto::MerkleAccumulator& tags) {
  const absl::Status malformed = absl::DataLossError("the shard's streams do not fit together");
  while (begin < end) {
    if (end - begin < crypto::kStreamHeaderBytes) return malformed;
    begin += crypto::kStreamHeaderBytes;
    bool final = false;
    while (!final) {
      if (end - begin < crypto::kSegmentOverhead) return malformed;
      std::array<std::uint8_t, kSegmentPrefixBytes> prefix;
      ST_RETURN_IF_ERROR(file.ReadAt(begin, absl::MakeSpan(prefix)));
      const std::uint64_t length = GetBigEndian(prefix);
      final = length != kInternalSegment;
      const std::uint64_t bytes = final ? length : kShardStream.segment_bytes;
      if (bytes < crypto::kSegmentOverhead || bytes > kShardStream.segment_bytes ||
          bytes > end - begin) {
        return malformed;
      }
      std::array<std::uint8_t, crypto::kTagBytes> tag;
      ST_RETURN_IF_ERROR(file.ReadAt(begin + bytes - tag.size(), absl::MakeSpan(tag)));
      tags.Append(crypto::MerkleLeafHash(tag));
      begin += bytes;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ShardFile> ShardFile::Open(Env& env, const std::string& path,
                                          const custody::Manifest& manifest,
                                          const custody::Shard& shard) {
  ShardFile result;
  result.shard_ = shard;
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> file = env.OpenForRead(path);
  if (absl::IsNotFound(file.status())) return absl::DataLossError("the shard file is missing");
  ST_RETURN_IF_ERROR(file.status());
  result.file_ = *std::move(file);
  if (result.file_->size() != shard.file_bytes()) {
    return absl::DataLossError(absl::StrCat("the shard file has ", result.file_->size(),
                                            " bytes, not ", shard.file_bytes()));
  }
  if (shard.file_bytes() < kHeaderPrefixBytes + kTrailerBytes) {
    return absl::DataLossError("the shard file is too short");
  }
  const std::uint64_t body_end = shard.file_bytes() - kTrailerBytes;

  result.header_section_.resize(kHeaderPrefixBytes);
  ST_RETURN_IF_ERROR(result.file_->ReadAt(0, absl::MakeSpan(result.header_section_)));
  ST_ASSIGN_OR_RETURN(const std::size_t section_bytes, HeaderSectionBytes(result.header_section_));
  if (section_bytes > body_end) return absl::DataLossError("the shard header is too long");
  result.header_section_.resize(section_bytes);
  ST_RETURN_IF_ERROR(result.file_->ReadAt(0, absl::MakeSpan(result.header_section_)));
  if (AsText(crypto::Sha256(result.header_section_)) != absl::string_view(shard.header_sha256())) {
    return absl::DataLossError("the shard header is not the one in the manifest");
  }
  ST_ASSIGN_OR_RETURN(const ShardHeader header, DecodeHeaderSection(result.header_section_));
  ST_RETURN_IF_ERROR(CheckHeader(header, manifest, shard));

  std::array<std::uint8_t, kTrailerBytes> trailer;
  ST_RETURN_IF_ERROR(result.file_->ReadAt(body_end, absl::MakeSpan(trailer)));
  ST_ASSIGN_OR_RETURN(result.index_bytes_, DecodeTrailer(trailer));
  if (result.index_bytes_ > body_end - section_bytes) {
    return absl::DataLossError("the shard's index is too long");
  }
  result.index_begin_ = body_end - result.index_bytes_;
  return result;
}

absl::Status ShardFile::VerifyTags() const {
  crypto::MerkleAccumulator tags;
  ST_RETURN_IF_ERROR(CollectTags(*file_, streams_begin(), index_begin_, tags));
  ST_RETURN_IF_ERROR(CollectTags(*file_, index_begin_, index_begin_ + index_bytes_, tags));
  if (tags.size() != shard_.segments() ||
      AsText(tags.Root()) != absl::string_view(shard_.segment_tags_root())) {
    return absl::DataLossError("the shard's segments are not the ones in the manifest");
  }
  return absl::OkStatus();
}

}  // namespace sealtrain::pipeline
