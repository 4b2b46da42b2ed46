#include "sealtrain/pipeline/seal/shard_layout.h"

#include <bit>
#include <string>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/exact_proto.h"

namespace sealtrain::pipeline {
namespace {

constexpr absl::string_view kHeaderMagic = "SEALSHD1";
constexpr absl::string_view kTrailerMagic = "SEALEND1";
constexpr std::size_t kMagicBytes = 8;
constexpr std::size_t kNumberBytes = 8;
static_assert(2 * kNumberBytes + kMagicBytes == kTrailerBytes);

}  // namespace

std::uint64_t PaddedBytes(std::uint64_t bytes) {
  if (bytes < 2) return bytes;
  const auto exponent = static_cast<unsigned>(std::bit_width(bytes)) - 1;
  const auto kept_bits = static_cast<unsigned>(std::bit_width(exponent));
  const std::uint64_t mask = (std::uint64_t{1} << (exponent - kept_bits)) - 1;
  return (bytes + mask) & ~mask;
}

absl::StatusOr<Bytes> EncodeHeaderSection(const ShardHeader& header) {
  const std::string encoded = header.SerializeAsString();
  if (encoded.size() > kMaxHeaderBytes) {
    return absl::ResourceExhaustedError("the shard header is too long");
  }
  Bytes section(kHeaderMagic.begin(), kHeaderMagic.end());
  AppendBigEndian(encoded.size(), kHeaderPrefixBytes - kMagicBytes, section);
  section.insert(section.end(), encoded.begin(), encoded.end());
  return section;
}

absl::StatusOr<std::size_t> HeaderSectionBytes(ByteSpan prefix) {
  if (AsText(prefix.first(kMagicBytes)) != kHeaderMagic) {
    return absl::DataLossError("not a sealed shard");
  }
  const std::uint64_t bytes = GetBigEndian(prefix.subspan(kMagicBytes));
  if (bytes > kMaxHeaderBytes) return absl::DataLossError("the shard header is too long");
  return kHeaderPrefixBytes + bytes;
}

absl::StatusOr<ShardHeader> DecodeHeaderSection(ByteSpan section) {
  ShardHeader header;
  ST_RETURN_IF_ERROR(ParseExactly(section.subspan(kHeaderPrefixBytes), "the shard header", header));
  if (header.format() != 1) return absl::DataLossError("the shard has an unknown format");
  if (header.shard_id().size() != sizeof(Id) || header.permit_id().size() != sizeof(Id) ||
      header.policy_sha256().size() != sizeof(Digest) ||
      header.schema_sha256().size() != sizeof(Digest)) {
    return absl::DataLossError("the shard header is malformed");
  }
  return header;
}

Bytes EncodeTrailer(const ShardTrailer& trailer) {
  Bytes bytes;
  AppendBigEndian(trailer.index_stream_bytes, kNumberBytes, bytes);
  AppendBigEndian(trailer.segments, kNumberBytes, bytes);
  bytes.insert(bytes.end(), kTrailerMagic.begin(), kTrailerMagic.end());
  return bytes;
}

absl::StatusOr<ShardTrailer> DecodeTrailer(ByteSpan bytes) {
  if (AsText(bytes.last(kMagicBytes)) != kTrailerMagic) {
    return absl::DataLossError("the shard does not end as one");
  }
  const ShardTrailer trailer = {
      .index_stream_bytes = GetBigEndian(bytes.first(kNumberBytes)),
      .segments = GetBigEndian(bytes.subspan(kNumberBytes, kNumberBytes))};
  if (trailer.index_stream_bytes > kMaxIndexStreamBytes) {
    return absl::DataLossError("the shard's index is too long");
  }
  return trailer;
}

Bytes ShardStreamAad(ByteSpan header_section, absl::string_view column_id) {
  Bytes context(header_section.begin(), header_section.end());
  context.insert(context.end(), column_id.begin(), column_id.end());
  return crypto::StreamAad(context);
}

}  // namespace sealtrain::pipeline
