// The fixed parts of a sealed shard, for its writer and its reader.
// docs/formats/sealed-shard.md is the contract.
#ifndef SEALTRAIN_PIPELINE_SEAL_SHARD_LAYOUT_H_
#define SEALTRAIN_PIPELINE_SEAL_SHARD_LAYOUT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/seal/shard.pb.h"

namespace sealtrain::pipeline {

// Of all streams of a shard.
inline constexpr crypto::StreamOptions kStream;

inline constexpr std::size_t kHeaderPrefixBytes = 12;  // magic 8, header length 4
inline constexpr std::size_t kMaxHeaderBytes = 4096;
inline constexpr std::size_t kTrailerBytes = 24;     // index stream length 8, segments 8, magic 8
inline constexpr std::size_t kIndexPrefixBytes = 4;  // index length
inline constexpr std::uint64_t kMaxIndexStreamBytes = 64 << 20;
inline constexpr int kMaxColumns = 4096;
inline constexpr std::uint32_t kMaxGroupRows = 1 << 20;
inline constexpr std::uint32_t kMaxShardRows = 1 << 30;

// Stands in the place of a column id in the index stream's context.
inline constexpr absl::string_view kIndexLabel = "index";

// Padmé: the length that a stream's plaintext of `bytes` is padded to.
std::uint64_t PaddedBytes(std::uint64_t bytes);

// The header section as it is stored. ResourceExhausted: longer than a header
// may be.
absl::StatusOr<Bytes> EncodeHeaderSection(const ShardHeader& header);
// Length of the whole header section, from its first kHeaderPrefixBytes.
// DataLoss: wrong magic, too long.
absl::StatusOr<std::size_t> HeaderSectionBytes(ByteSpan prefix);
// DataLoss: malformed, unknown fields, ids and digests of a wrong size.
absl::StatusOr<ShardHeader> DecodeHeaderSection(ByteSpan section);

struct ShardTrailer {
  std::uint64_t index_stream_bytes = 0;
  std::uint64_t segments = 0;  // of all streams; each has a leaf before the trailer
};
Bytes EncodeTrailer(const ShardTrailer& trailer);
// DataLoss: wrong magic, an index stream over the limit.
absl::StatusOr<ShardTrailer> DecodeTrailer(ByteSpan bytes);

// The AAD of a stream: of a column, or of the index under kIndexLabel.
Bytes ShardStreamAad(ByteSpan header_section, absl::string_view column_id);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SEAL_SHARD_LAYOUT_H_
