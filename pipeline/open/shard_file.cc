#include "sealtrain/pipeline/open/shard_file.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/seal/shard_layout.h"
#include "sealtrain/pipeline/status_text.h"

namespace sealtrain::pipeline {
namespace {

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

// Who the streams of a shard belong to, in the order of the file: the plan
// names every column of the schema and what was done to it.
std::vector<std::string> StreamNames(const custody::SealPlan& plan) {
  std::vector<std::string> names;
  for (const custody::SealedColumn& column : plan.column()) {
    if (column.applied().kind() != policy::DROP) {
      names.push_back(absl::StrCat("column ", column.name()));
    }
  }
  return names;
}

// Goes through the segments of one stream after the other.
class SegmentWalk {
 public:
  SegmentWalk(const RandomAccessFile& file, absl::Span<const Digest> leaves)
      : file_(file), leaves_(leaves) {}

  // The stream at `begin`, which ends at `end` at the latest. Returns its end.
  absl::StatusOr<std::uint64_t> VerifyStream(std::uint64_t begin, std::uint64_t end) {
    const auto wrong = [](std::uint64_t segment) {
      return absl::DataLossError(
          absl::StrCat("segment ", segment, " is not the one that was committed"));
    };
    std::uint64_t before = crypto::kStreamHeaderBytes;  // bytes ahead of the segment in its piece
    bool final = false;
    for (std::uint64_t segment = 0; !final; ++segment) {
      if (end - begin < before + crypto::kSegmentOverhead || leaves_.empty()) return wrong(segment);
      std::array<std::uint8_t, kSegmentPrefixBytes> prefix;
      ST_RETURN_IF_ERROR(file_.ReadAt(begin + before, absl::MakeSpan(prefix)));
      const std::uint64_t length = GetBigEndian(prefix);
      final = length != kInternalSegment;
      const std::uint64_t bytes = final ? length : kStream.segment_bytes;
      if (bytes < crypto::kSegmentOverhead || bytes > kStream.segment_bytes ||
          before + bytes > end - begin) {
        return wrong(segment);
      }
      piece_.resize(before + bytes);
      ST_RETURN_IF_ERROR(file_.ReadAt(begin, absl::MakeSpan(piece_)));
      if (crypto::MerkleLeafHash(piece_) != leaves_.front()) return wrong(segment);
      leaves_.remove_prefix(1);
      begin += piece_.size();
      before = 0;
    }
    return begin;
  }

  bool has_leaves_left() const { return !leaves_.empty(); }

 private:
  const RandomAccessFile& file_;
  absl::Span<const Digest> leaves_;  // of the segments to come
  Bytes piece_;
};

}  // namespace

absl::StatusOr<ShardFile> ShardFile::Open(Env& env, const std::string& path,
                                          const custody::Manifest& manifest,
                                          const custody::Shard& shard) {
  ShardFile result;
  result.shard_ = shard;
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> file = env.OpenForRead(path);
  if (absl::IsNotFound(file.status())) return absl::DataLossError("the shard file is missing");
  if (absl::IsInvalidArgument(file.status())) return absl::DataLossError("there is no file");
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

  Bytes trailer_bytes(kTrailerBytes);
  ST_RETURN_IF_ERROR(result.file_->ReadAt(body_end, absl::MakeSpan(trailer_bytes)));
  ST_ASSIGN_OR_RETURN(const ShardTrailer trailer, DecodeTrailer(trailer_bytes));
  if (trailer.segments != shard.segments()) {
    return absl::DataLossError(
        absl::StrCat("the shard has ", trailer.segments, " segments, not ", shard.segments()));
  }
  const std::uint64_t streams_bytes = body_end - section_bytes;
  if (trailer.segments > streams_bytes / sizeof(Digest) ||
      trailer.index_stream_bytes > streams_bytes - trailer.segments * sizeof(Digest)) {
    return absl::DataLossError("the shard's index is too long");
  }
  result.index_bytes_ = trailer.index_stream_bytes;
  result.index_begin_ = body_end - trailer.segments * sizeof(Digest) - trailer.index_stream_bytes;
  return result;
}

absl::StatusOr<std::vector<Digest>> ShardFile::ReadLeaves() const {
  // As long as the file at the most, whose length the manifest has.
  std::vector<Digest> leaves(shard_.segments());
  const MutableByteSpan bytes(reinterpret_cast<std::uint8_t*>(leaves.data()),
                              leaves.size() * sizeof(Digest));
  ST_RETURN_IF_ERROR(file_->ReadAt(index_begin_ + index_bytes_, bytes));
  crypto::MerkleAccumulator tree;
  for (const Digest& leaf : leaves) tree.Append(leaf);
  if (AsText(tree.Root()) != absl::string_view(shard_.segments_root())) {
    return absl::DataLossError("the list of its segments is not the one in the manifest");
  }
  return leaves;
}

absl::Status ShardFile::VerifySegments(const custody::Manifest& manifest) const {
  ST_ASSIGN_OR_RETURN(const std::vector<Digest> leaves, ReadLeaves());
  const std::vector<std::string> names =
      StreamNames(manifest.plan(static_cast<int>(shard_.plan())));
  SegmentWalk walk(*file_, leaves);
  std::uint64_t begin = streams_begin();
  for (std::size_t stream = 0; begin < index_begin_; ++stream) {
    const absl::StatusOr<std::uint64_t> end = walk.VerifyStream(begin, index_begin_);
    if (!end.ok()) {
      return At(stream < names.size() ? names[stream] : absl::StrCat("stream ", stream),
                end.status());
    }
    begin = *end;
  }
  const absl::StatusOr<std::uint64_t> end =
      walk.VerifyStream(index_begin_, index_begin_ + index_bytes_);
  if (!end.ok()) return At("index", end.status());
  if (*end != index_begin_ + index_bytes_ || walk.has_leaves_left()) {
    return absl::DataLossError("the shard's streams do not fill it");
  }
  return absl::OkStatus();
}

}  // namespace sealtrain::pipeline
